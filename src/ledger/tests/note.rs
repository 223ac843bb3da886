use crate::{
    crypto::{Digest, SigningKey},
    id::ShardId,
    ledger::{ListRoot, Note, NoteError, NoteHead, NoteKey, NoteKeyError, NoteKeyKind, sample},
    time::Timestamp,
};

/// The example of Go's `sumdb/note`, from which C2SP signed-note comes.
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
     then you don't know what your problem is.\n\
     \n\
     \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn head() -> NoteHead {
    NoteHead {
        chain: sample::genesis(4).chain(),
        shard: ShardId(7),
        headers: ListRoot {
            count: 12,
            root: Digest::from_bytes([3; 32]),
        },
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000).unwrap()
}

fn witness() -> (SigningKey, NoteKey) {
    let key = sample::key(50);
    let named = NoteKey::new(
        "club.example",
        NoteKeyKind::Cosignature,
        key.verifying_key(),
    );
    (key, named.unwrap())
}

#[test]
fn a_note_of_another_program_is_read_and_written_alike() {
    let key: NoteKey = KEY.parse().unwrap();
    let note: Note = NOTE.parse().unwrap();
    assert_eq!(key.to_string(), KEY);
    assert_eq!(note.to_string(), NOTE);
    assert!(note.is_signed_by(&key));
    let other = NOTE.replace("your problem,", "my problem,");
    assert!(!other.parse::<Note>().unwrap().is_signed_by(&key));
}

#[test]
fn a_mistyped_key_is_refused() {
    let refused = |text: &str| text.parse::<NoteKey>().unwrap_err();
    assert_eq!(refused("PeterNeumann+c74f20a3"), NoteKeyError::Form);
    assert_eq!(
        refused(&KEY.replacen('P', "Q", 1)),
        NoteKeyError::Hash("c74f20a3".to_owned())
    );
    assert_eq!(refused(&KEY.replace("Peter", "Peter ")), NoteKeyError::Name);
    assert_eq!(refused(&KEY.replace("+AR", "+BR")), NoteKeyError::Kind(5));
    assert_eq!(refused(&KEY.replace("10TW", "")), NoteKeyError::Form);
}

#[test]
fn a_cosignature_counts_for_its_text_key_and_time_only() {
    let (key, named) = witness();
    let mut note = head().to_note().unwrap();
    note.sign(&key, &named, now());
    note.sign(&key, &named, now());
    assert_eq!(note.names().count(), 1);
    assert_eq!(note.cosigned_at(&named), Some(1_800_000_000));
    let again: Note = note.to_string().parse().unwrap();
    assert_eq!(again, note);
    assert_eq!(NoteHead::of(&again), Some(head()));

    let renamed = NoteKey::new("club.test", NoteKeyKind::Cosignature, *named.key()).unwrap();
    let of_text = NoteKey::new("club.example", NoteKeyKind::Text, *named.key()).unwrap();
    let other = NoteKey::new(
        "club.example",
        NoteKeyKind::Cosignature,
        sample::key(51).verifying_key(),
    );
    for foreign in [renamed, of_text, other.unwrap()] {
        assert!(!note.is_signed_by(&foreign), "{foreign}");
    }
    let text = note.to_string();
    for (index, byte) in text.bytes().enumerate() {
        let mut changed = text.clone().into_bytes();
        changed[index] = byte ^ 1;
        let changed = String::from_utf8(changed).ok();
        let changed = changed.and_then(|it| it.parse::<Note>().ok());
        assert!(
            !changed.is_some_and(|it| it.is_signed_by(&named)),
            "byte {index}"
        );
    }
}

#[test]
fn a_signature_is_taken_over_only_if_it_is_good_and_for_the_same_text() {
    let (key, named) = witness();
    let mut collected = head().to_note().unwrap();
    let mut signed = collected.clone();
    assert!(!collected.adopt(&signed, &named));
    signed.sign(&key, &named, now());
    let mut other = head();
    other.headers.count += 1;
    assert!(!other.to_note().unwrap().adopt(&signed, &named));
    assert!(collected.adopt(&signed, &named));
    assert_eq!(collected, signed);
}

#[test]
fn what_is_no_note_is_refused_by_what_is_wrong() {
    let refused = |text: &str| text.parse::<Note>().unwrap_err();
    assert_eq!(refused(""), NoteError::Text);
    assert_eq!(refused("text\n"), NoteError::Text);
    assert_eq!(refused(NOTE.trim_end()), NoteError::Text);
    assert_eq!(
        refused(&NOTE.replace('\u{2014}', "-")),
        NoteError::Signature(1)
    );
    assert_eq!(
        refused(&NOTE.replace("x08g", "x\u{8}8g")),
        NoteError::Signature(1)
    );
    assert_eq!(
        refused(&NOTE.replace("think", "th\u{7}nk")),
        NoteError::Text
    );
    assert_eq!(refused(&"a".repeat(20_000)), NoteError::TooLong(20_000));
    let line = NOTE.rsplit_once("\n\n").unwrap().1;
    let many = format!("{NOTE}{}", line.repeat(32));
    assert_eq!(refused(&many), NoteError::TooManySignatures);
}

#[test]
fn a_head_is_read_in_one_form_only() {
    let text = head().to_string();
    let read = |text: &str| NoteHead::of(&Note::new(text).unwrap());
    assert_eq!(read(&text), Some(head()));
    assert_eq!(
        read(&format!("{text}later versions say more\n")),
        Some(head())
    );
    for (from, to) in [
        ("wayside.dev", "wayside.test"),
        ("\n12\n", "\n012\n"),
        ("\n12\n", "\n+12\n"),
        ("\n12\n", "\n-1\n"),
        ("shard/7", "shard/07"),
        ("AwM=", "AwN="),
    ] {
        assert!(text.contains(from), "{text}");
        assert_eq!(read(&text.replace(from, to)), None, "{to}");
    }
}
