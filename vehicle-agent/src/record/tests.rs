use std::{
    fs,
    num::{NonZeroU32, NonZeroU64},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use tempfile::TempDir;
use wayside::{
    crypto::SigningKey,
    id::DomainId,
    replay::{Content, mcap},
    security::{IssuerKey, SlotClock, TrustDomain},
    telemetry::Metrics,
    time::Timestamp,
};

use super::{FLUSH_EVERY, Recorder};
use crate::config::RecordConfig;

#[test]
fn what_was_heard_is_read_back_byte_for_byte() {
    let folder = TempDir::new().unwrap();
    let metrics = Arc::new(Metrics::new("0"));
    let (recorder, recording) = Recorder::start(
        folder.path(),
        &RecordConfig::default(),
        (&domain(), at(1_000)),
        Arc::clone(&metrics),
    )
    .unwrap();
    recorder.record(Bytes::from_static(b"junk"), at(1_500));

    drop(recorder);
    recording.join();

    let file = files(folder.path()).remove(0);
    let imported = mcap::read(&fs::read(folder.path().join(file)).unwrap()).unwrap();
    let Content::Wire { signed, received } = &imported.drive.records[0].content else {
        panic!("not a signed message");
    };
    assert_eq!((&signed[..], *received), (&b"junk"[..], at(1_500)));
    assert_eq!(imported.drive.trust_domain, Some(domain().to_toml()));
}

#[test]
fn long_recordings_are_cut_and_the_oldest_go() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("other.mcap"), "stays").unwrap();
    let config = RecordConfig {
        file_len_max: NonZeroU64::new(1).unwrap(),
        files_max: NonZeroU32::new(2).unwrap(),
        ..RecordConfig::default()
    };
    let metrics = Arc::new(Metrics::new("0"));
    let (recorder, recording) =
        Recorder::start(folder.path(), &config, (&domain(), at(0)), metrics).unwrap();

    for index in 0..u64::from(FLUSH_EVERY) * 4 {
        recorder.record(Bytes::from(vec![7; 100]), at(index));
    }
    drop(recorder);
    recording.join();

    let files = files(folder.path());
    assert_eq!(files.len(), 3);
    assert!(files.contains(&"other.mcap".to_owned()));
    assert!(!files.contains(&"heard-000000000000000.mcap".to_owned()));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "").unwrap();

    let metrics = Arc::new(Metrics::new("0"));
    let started = Recorder::start(
        &taken,
        &RecordConfig::default(),
        (&domain(), at(0)),
        metrics,
    );

    assert!(started.err().unwrap().to_string().contains("taken"));
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn at(unix_ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(unix_ms).unwrap()
}

fn domain() -> TrustDomain {
    let issuer = IssuerKey {
        id: 1,
        key: SigningKey::from_seed(&[1; 32]).verifying_key(),
        from: at(0),
        until: at(1),
    };
    TrustDomain::new(DomainId(1), SlotClock::default(), vec![issuer], true).unwrap()
}
