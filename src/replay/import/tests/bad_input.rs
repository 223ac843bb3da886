use proptest::prelude::*;

use super::{
    ImportError, commonroad, messages, read,
    sumo::{self, pack},
    table,
};
use crate::replay::import::unpack::unpack;

fn fixtures() -> [&'static str; 6] {
    [
        sumo::GEOGRAPHIC,
        commonroad::NEW,
        commonroad::OLD,
        messages::EVENT,
        messages::LINES,
        table::LIES,
    ]
}

#[test]
fn every_cut_plays_to_the_cut_and_says_so() {
    for text in fixtures() {
        let whole = read(text.as_bytes()).unwrap().drive;
        let mut longest = 0;
        for len in 0..text.len() {
            let Ok(imported) = read(&text.as_bytes()[..len]) else {
                continue;
            };
            let records = imported.drive.records.len();
            assert!(records <= whole.records.len());
            assert!(
                records >= longest,
                "cut at {len} lost what a shorter cut had"
            );
            longest = records;
            if records < whole.records.len() {
                assert!(
                    imported.cut.is_some() || is_shorter_but_whole(text, len),
                    "cut at {len} is not told"
                );
            }
        }
        assert!(longest > 0);
    }
}

/// Tables and lines have no end of their own: cut between two records they are shorter ones, and
/// a table's last column cannot be seen to be cut.
fn is_shorter_but_whole(text: &str, len: usize) -> bool {
    let (read, rest) = text.split_at(len);
    if text.starts_with("{\"metadata\"") {
        return read.ends_with('\n') || rest.starts_with('\n');
    }
    let separators = |line: &str| line.matches(',').count();
    let (first, last) = (text.lines().next().unwrap(), read.lines().last().unwrap());
    first.starts_with("t_s,") && separators(first) == separators(last)
}

#[test]
fn every_cut_of_a_packed_recording_is_told() {
    for text in fixtures() {
        let packed = pack(text.as_bytes());
        for len in 0..packed.len() {
            if let Ok(imported) = read(&packed[..len]) {
                assert!(imported.cut.is_some(), "cut at {len}");
            }
        }
    }
}

#[test]
fn gzip_bomb_is_refused_at_the_limit() {
    let bomb = pack(&vec![b' '; 1_000_000]);
    let limit = 999_999;
    let refused = unpack("a bomb", &bomb, limit).unwrap_err();
    assert!(matches!(
        refused,
        ImportError::TooLarge { limit: 999_999, .. }
    ));
    assert!(unpack("a bomb", &bomb, limit + 1).is_ok());
}

#[test]
fn empty_recording_is_named() {
    assert!(matches!(read(b""), Err(ImportError::Empty { .. })));
}

#[test]
fn unknown_content_names_what_was_seen_and_what_is_supported() {
    let cases: [(&[u8], &str); 7] = [
        (b"<gpx><trk/></gpx>", "XML with the root <gpx>"),
        (b"<", "XML without a root"),
        (b"{\"a\": 1}", "JSON without messages"),
        (b"hello, world\n", "text that begins \"hello, world\""),
        (b"\x03\x81\x01\x40", "binary data that begins 03 81 01 40"),
        (b"\x1f\x8b\x00\x00", "gzip without content"),
        (b"\xff\xfe<\x00f\x00", "binary data that begins ff fe"),
    ];
    for (bytes, words) in cases {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains("SUMO FCD XML"), "{error}");
    }
}

#[test]
fn deep_nesting_ends_the_reading_and_not_the_process() {
    let deep = "<x>".repeat(100_000);
    let cases = [
        format!("<fcd-export>{deep}"),
        format!("<commonRoad timeStepSize=\"0.1\"><dynamicObstacle id=\"1\">{deep}"),
        format!("{{\"coreData\": {}", "[".repeat(100_000)),
        format!("{{\"bsmList\": [{}", "{\"a\":".repeat(100_000)),
    ];
    for text in cases {
        assert!(matches!(
            read(text.as_bytes()),
            Err(ImportError::Damaged { .. } | ImportError::NoVehicles { .. })
        ));
    }
}

#[test]
fn deep_nesting_after_a_state_is_a_cut() {
    let text = sumo::GEOGRAPHIC.replace("</fcd-export>", &"<x>".repeat(1_000));
    let imported = read(text.as_bytes()).unwrap();
    assert_eq!(imported.drive.records.len(), 3);
    assert!(imported.cut.unwrap().why.contains("64 deep"));
}

#[test]
fn bytes_that_are_no_text_are_a_cut() {
    let mut bytes = sumo::GEOGRAPHIC.as_bytes().to_vec();
    let at = sumo::GEOGRAPHIC.find("<timestep time=\"130.10\"").unwrap();
    bytes[at + 3] = 0xff;
    let imported = read(&bytes).unwrap();
    assert_eq!(imported.drive.records.len(), 2);
    assert!(imported.cut.unwrap().why.contains("UTF-8"));
}

#[test]
fn byte_order_mark_is_no_obstacle() {
    for text in fixtures() {
        let marked = format!("\u{feff}{text}");
        let (plain, marked) = (read(text.as_bytes()), read(marked.as_bytes()));
        assert_eq!(plain.unwrap().drive.records, marked.unwrap().drive.records);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn mutated_recordings_never_panic(
        which in 0_usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        packed in any::<bool>(),
    ) {
        let mut bytes = fixtures()[which].as_bytes().to_vec();
        if packed {
            bytes = pack(&bytes);
        }
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(imported) = read(&bytes) {
            prop_assert!(!imported.drive.records.is_empty());
        }
    }

    #[test]
    fn spliced_recordings_never_panic(
        which in 0_usize..6,
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        len in 0_usize..200,
    ) {
        let mut bytes = fixtures()[which].as_bytes().to_vec();
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
        bytes.splice(to..to, piece);
        if let Ok(imported) = read(&bytes) {
            prop_assert!(!imported.drive.records.is_empty());
        }
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
    }
}
