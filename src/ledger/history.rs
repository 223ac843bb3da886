use super::{
    Consistency, List, ListRoot, Path, Peaks,
    consistency::depth,
    merkle::{node, widen},
};
use crate::crypto::Digest;

/// The headers of a shard so far, ready to prove any of them under any later one's `history_root`.
///
/// A unit keeps 64 bytes for each header; a car keeps none of this. What a state keeps is [`Peaks`],
/// from which a unit that begins with a snapshot goes on: it proves whatever comes later.
#[derive(Clone, Debug, Default)]
pub struct HistoryLog {
    /// The digests of headers, then of each two of them, of each four, and so on; only whole ones.
    levels: Vec<Level>,
}

/// Digests that stand side by side.
#[derive(Clone, Debug)]
struct Level {
    /// The place of the first that is held; those before are not known.
    first: u64,
    digests: Vec<Digest>,
}

impl HistoryLog {
    /// A log that does not hold the headers so far, of which a state has the peaks.
    pub fn after(peaks: &Peaks) -> Self {
        let mut tops = peaks.tops().iter().rev();
        let depths = 0..u64::BITS - peaks.count().leading_zeros();
        let levels = depths.map(|depth| {
            let whole = peaks.count() >> depth;
            // A level with an odd number of whole trees ends in a peak.
            let top = (whole % 2 == 1).then(|| tops.next().copied()).flatten();
            Level {
                first: whole - u64::from(top.is_some()),
                digests: top.into_iter().collect(),
            }
        });
        Self {
            levels: levels.collect(),
        }
    }

    /// How many headers there are, those before the log among them.
    pub fn count(&self) -> u64 {
        self.levels.first().map_or(0, Level::end)
    }

    /// Adds the next header, by its digest.
    pub fn append(&mut self, header: Digest) {
        let mut top = header;
        for level in &mut self.levels {
            level.digests.push(top);
            match level.digests.as_slice() {
                [.., left, right] if level.end() % 2 == 0 => top = node(left, right),
                _ => return,
            }
        }
        self.levels.push(Level {
            first: 0,
            digests: vec![top],
        });
    }

    /// The header at a height; `None` if it is before the log or not there yet.
    pub fn header(&self, height: u64) -> Option<Digest> {
        self.levels.first()?.get(height)
    }

    /// Proves the header at `height` under the `history_root` of the header at `under`; `None` unless
    /// it is earlier, or if the log does not reach so far.
    pub fn path(&self, height: u64, under: u64) -> Option<Path> {
        if height >= under || under > self.count() {
            return None;
        }
        let mut siblings = Vec::new();
        let (mut place, mut count) = (height, under);
        for depth in 0..u64::BITS {
            if count <= 1 {
                break;
            }
            let sibling = place ^ 1;
            if sibling < count {
                siblings.push(self.top(depth, sibling, under)?);
            }
            place /= 2;
            count = count.div_ceil(2);
        }
        Some(Path {
            index: height,
            count: under,
            siblings,
        })
    }

    /// The first `count` headers as a list; `None` if there are not so many, or if the log does not
    /// reach so far back.
    pub fn root(&self, count: u64) -> Option<ListRoot> {
        let root = List::History.seal(count, self.range(0, count)?);
        Some(ListRoot { count, root })
    }

    /// Shows that the first `new` headers begin with the first `old`; `None` if that is not so, or if
    /// the log does not reach so far back.
    pub fn consistency(&self, old: u64, new: u64) -> Option<Consistency> {
        if new > self.count() {
            return None;
        }
        Consistency::new(old, new, |first, end| self.range(first, end))
    }

    /// The top over the headers from one height to before another: a subtree, perhaps with its right
    /// side cut.
    fn range(&self, first: u64, end: u64) -> Option<Digest> {
        if first >= end || end > self.count() {
            return None;
        }
        let depth = depth(end - first);
        self.top(depth, first >> depth, end)
    }

    /// The top of the subtree at a place of a level, of a log of `count` headers; the last of a level
    /// may have fewer headers than the others.
    fn top(&self, depth: u32, place: u64, count: u64) -> Option<Digest> {
        let whole = count >> depth;
        if place < whole {
            return self.levels.get(usize::try_from(depth).ok()?)?.get(place);
        }
        let below = depth.checked_sub(1)?;
        let left = self.top(below, 2 * place, count)?;
        match self.top_if_any(below, 2 * place + 1, count) {
            Some(right) => Some(node(&left, &right?)),
            None => Some(left),
        }
    }

    /// [`Self::top`], or `None` for a place without headers.
    fn top_if_any(&self, depth: u32, place: u64, count: u64) -> Option<Option<Digest>> {
        let first = place.checked_shl(depth)?;
        (first < count).then(|| self.top(depth, place, count))
    }
}

impl Level {
    /// The place after the last.
    fn end(&self) -> u64 {
        self.first + widen(self.digests.len())
    }

    fn get(&self, place: u64) -> Option<Digest> {
        let index = place.checked_sub(self.first)?;
        self.digests.get(usize::try_from(index).ok()?).copied()
    }
}
