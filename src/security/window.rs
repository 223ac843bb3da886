use bytes::Bytes;

/// Which of one signer's latest sequences of one kind were used, and by what.
///
/// Only verified messages are marked, so nobody else can move it.
#[derive(Debug, Default)]
pub(super) struct ReplayWindow {
    /// The highest sequence used; `None` before the first.
    newest: Option<u32>,
    /// What used sequence `s` stands at `s % 64`; empty before the first.
    marks: Vec<Option<Mark>>,
}

/// What used a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    sequence: u32,
    /// Eight bytes of the signature: equal messages have equal ones, and so do no two others that
    /// verify, short of 2^64 tries.
    signature_part: [u8; 8],
    /// Where the bytes are, as long as [`Memory`] has them.
    place: Place,
}

/// What is known of a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    /// It was not used.
    Free,
    /// It is too old to know.
    Forgotten,
    /// It was used.
    Taken(Mark),
}

impl ReplayWindow {
    /// Says what is known of a sequence.
    pub(super) fn look_up(&self, sequence: u32) -> Use {
        let Some(newest) = self.newest else {
            return Use::Free;
        };
        if newest.saturating_sub(sequence) >= WIDTH {
            return Use::Forgotten;
        }
        match self.marks.get(index(sequence)) {
            Some(Some(mark)) if mark.sequence == sequence => Use::Taken(*mark),
            _ => Use::Free,
        }
    }

    /// Marks a sequence that [`Self::look_up`] found free; does nothing for a forgotten one.
    pub(super) fn mark(&mut self, mark: Mark) {
        let newest = self
            .newest
            .map_or(mark.sequence, |newest| newest.max(mark.sequence));
        if newest - mark.sequence >= WIDTH {
            return;
        }
        self.newest = Some(newest);
        if self.marks.is_empty() {
            self.marks = vec![None; WIDTH as usize];
        }
        if let Some(slot) = self.marks.get_mut(index(mark.sequence)) {
            *slot = Some(mark);
        }
    }
}

impl Mark {
    /// The mark of a verified envelope whose bytes were kept at `place`.
    pub(super) fn new(sequence: u32, envelope: &[u8], place: Place) -> Self {
        Self {
            sequence,
            signature_part: signature_part(envelope),
            place,
        }
    }

    /// Whether it was made by exactly these bytes.
    pub(super) fn is_of(&self, envelope: &[u8], memory: &Memory) -> bool {
        match memory.recall(self.place) {
            Some(first) => first == *envelope,
            None => self.signature_part == signature_part(envelope),
        }
    }

    /// The bytes that made it, unless they were forgotten.
    pub(super) fn bytes(&self, memory: &Memory) -> Option<Bytes> {
        memory.recall(self.place).map(Bytes::from)
    }
}

/// The last bytes of the signature's second half, which tells two messages apart even where a
/// signer uses one commitment twice.
fn signature_part(envelope: &[u8]) -> [u8; 8] {
    let second_half = envelope.len().saturating_sub(32);
    envelope
        .get(second_half..)
        .and_then(|half| half.first_chunk())
        .copied()
        .unwrap_or_default()
}

fn index(sequence: u32) -> usize {
    (sequence % WIDTH) as usize
}

/// The latest verified envelopes of all signers, in a ring of fixed size.
#[derive(Debug)]
pub(super) struct Memory {
    ring: Box<[u8]>,
    /// Bytes written since the start.
    written: u64,
}

/// Where an envelope stands in a [`Memory`], counted from its start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    from: u64,
    len: usize,
}

impl Memory {
    /// A memory of `len` bytes.
    pub(super) fn new(len: usize) -> Self {
        Self {
            ring: vec![0; len].into(),
            written: 0,
        }
    }

    /// Keeps an envelope, over the oldest.
    ///
    /// One longer than the memory is not kept: its place recalls nothing.
    pub(super) fn keep(&mut self, envelope: &[u8]) -> Place {
        let place = Place {
            from: self.written,
            len: envelope.len(),
        };
        self.written += envelope.len() as u64;
        if envelope.len() <= self.ring.len() {
            let split = envelope
                .len()
                .min(self.ring.len() - self.offset(place.from));
            let (head, tail) = envelope.split_at(split);
            let offset = self.offset(place.from);
            for (target, source) in [(offset, head), (0, tail)] {
                if let Some(target) = self.ring.get_mut(target..target + source.len()) {
                    target.copy_from_slice(source);
                }
            }
        }
        place
    }

    /// The bytes at `place`, unless newer ones stand there.
    fn recall(&self, place: Place) -> Option<Vec<u8>> {
        let oldest = self.written.saturating_sub(self.ring.len() as u64);
        if place.from < oldest || place.len > self.ring.len() {
            return None;
        }
        let from = self.offset(place.from);
        let split = place.len.min(self.ring.len() - from);
        let mut bytes = Vec::with_capacity(place.len);
        bytes.extend_from_slice(self.ring.get(from..from + split)?);
        bytes.extend_from_slice(self.ring.get(..place.len - split)?);
        Some(bytes)
    }

    fn offset(&self, from: u64) -> usize {
        usize::try_from(from % self.ring.len() as u64).expect("less than a length")
    }
}

/// Sequences remembered per signer and kind.
const WIDTH: u32 = 64;
