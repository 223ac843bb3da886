use proptest::prelude::*;

use super::super::window::{Mark, Memory, ReplayWindow, Use};

fn is_free(window: &ReplayWindow, sequence: u32) -> bool {
    matches!(window.look_up(sequence), Use::Free)
}

#[test]
fn the_window_is_64_wide() {
    let mut memory = Memory::new(100);
    let mut window = ReplayWindow::default();
    window.mark(Mark::new(100, b"x", memory.keep(b"x")));
    assert!(matches!(window.look_up(100), Use::Taken(_)));
    assert!(is_free(&window, 101));
    assert!(is_free(&window, 37));
    assert!(matches!(window.look_up(36), Use::Forgotten));
    assert!(is_free(&window, u32::MAX));
}

#[test]
fn overwritten_bytes_are_not_recalled() {
    let mut memory = Memory::new(10);
    let first = Mark::new(0, b"12345678", memory.keep(b"12345678"));
    assert_eq!(first.bytes(&memory).unwrap().as_ref(), b"12345678");
    let second = Mark::new(1, b"abcdef", memory.keep(b"abcdef"));
    assert_eq!(first.bytes(&memory), None);
    assert_eq!(second.bytes(&memory).unwrap().as_ref(), b"abcdef");
}

#[test]
fn an_envelope_longer_than_the_memory_is_not_kept() {
    let mut memory = Memory::new(4);
    let mark = Mark::new(0, b"12345", memory.keep(b"12345"));
    assert_eq!(mark.bytes(&memory), None);
}

proptest! {
    /// The simple model: the set of all used sequences and their maximum.
    #[test]
    fn the_window_agrees_with_a_set(sequences in proptest::collection::vec(0_u32..300, 1..200)) {
        let mut memory = Memory::new(64);
        let mut window = ReplayWindow::default();
        let mut used = std::collections::BTreeSet::new();
        for sequence in sequences {
            let newest = used.last().copied().unwrap_or(sequence);
            let expected = if newest >= sequence + 64 {
                "forgotten"
            } else if used.contains(&sequence) {
                "taken"
            } else {
                "free"
            };
            let found = match window.look_up(sequence) {
                Use::Forgotten => "forgotten",
                Use::Taken(_) => "taken",
                Use::Free => "free",
            };
            prop_assert_eq!(found, expected);
            if found == "free" {
                window.mark(Mark::new(sequence, b"bytes", memory.keep(b"bytes")));
                used.insert(sequence);
            }
        }
    }

    #[test]
    fn the_memory_recalls_exactly_what_was_kept(
        envelopes in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..40)
    ) {
        let mut memory = Memory::new(64);
        let mut marks = Vec::new();
        for envelope in &envelopes {
            marks.push((Mark::new(0, envelope, memory.keep(envelope)), envelope));
            // What fits into the ring, from the newest back, is there; what does not is not.
            let mut kept = 0;
            for (mark, envelope) in marks.iter().rev() {
                kept += envelope.len();
                let recalled = mark.bytes(&memory);
                prop_assert_eq!(recalled.is_some(), kept <= 64);
                prop_assert!(recalled.is_none_or(|bytes| bytes == **envelope));
            }
        }
    }
}
