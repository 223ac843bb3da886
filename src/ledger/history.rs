use super::{
    Path,
    merkle::{node, widen},
};
use crate::crypto::Digest;

/// All headers of a shard so far, ready to prove any of them under any later header's `history_root`.
///
/// A unit keeps 64 bytes for each header; a car keeps none of this. What a state keeps is
/// [`Peaks`](super::Peaks).
#[derive(Clone, Debug, Default)]
pub struct HistoryLog {
    /// The digests of headers, then of each two of them, of each four, and so on; only whole ones.
    levels: Vec<Vec<Digest>>,
}

impl HistoryLog {
    /// How many headers it holds.
    pub fn count(&self) -> u64 {
        self.levels
            .first()
            .map_or(0, |headers| widen(headers.len()))
    }

    /// Adds the next header, by its digest.
    pub fn append(&mut self, header: Digest) {
        let mut top = header;
        for level in &mut self.levels {
            level.push(top);
            match level.as_slice() {
                [.., left, right] if level.len() % 2 == 0 => top = node(left, right),
                _ => return,
            }
        }
        self.levels.push(vec![top]);
    }

    /// The header at a height.
    pub fn header(&self, height: u64) -> Option<Digest> {
        let index = usize::try_from(height).ok()?;
        self.levels.first()?.get(index).copied()
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

    /// The top of the subtree at a place of a level, of a log of `count` headers; the last of a level
    /// may have fewer headers than the others.
    fn top(&self, depth: u32, place: u64, count: u64) -> Option<Digest> {
        let whole = count >> depth;
        if place < whole {
            let level = self.levels.get(usize::try_from(depth).ok()?)?;
            return level.get(usize::try_from(place).ok()?).copied();
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
