use std::time::Duration;

use wayside::{
    crypto::{Digest, SigningKey},
    id::{ChainId, ShardId},
    ledger::{ListRoot, NoteHead, NoteKey, NoteKeyKind},
    time::{Instant, Timestamp},
};

use crate::grpc::notes::Notes;

#[test]
fn a_note_that_was_first_heard_from_another_unit_is_offered_with_the_own_signature() {
    let head = NoteHead {
        chain: ChainId::from_bytes([1; 32]),
        shard: ShardId(0),
        headers: ListRoot {
            count: 3,
            root: Digest::from_bytes([2; 32]),
        },
    };
    let [own, other, witness] = [3, 4, 5].map(|seed| SigningKey::from_seed(&[seed; 32]));
    let unit = |key: &SigningKey| {
        NoteKey::new(&head.origin(), NoteKeyKind::Text, key.verifying_key()).unwrap()
    };
    let club = NoteKey::new(
        "club.example",
        NoteKeyKind::Cosignature,
        witness.verifying_key(),
    );
    let club = club.unwrap();
    let now = (
        Instant::from_origin(Duration::ZERO),
        Timestamp::EPOCH.saturating_add(Duration::from_secs(9)),
    );
    let mut heard = head.to_note().unwrap();
    heard.sign(&other, &unit(&other), now.1);
    heard.sign(&witness, &club, now.1);
    let notes = Notes::new(SigningKey::from_seed(&[3; 32]), vec![club.clone()]);

    assert!(notes.collect(head, &heard, now));

    let (_, offered) = notes.offered(head.shard, now.0).unwrap();
    assert!(offered.is_signed_by(&unit(&own)) && offered.is_signed_by(&club));
    assert!(!offered.is_signed_by(&unit(&other)));
}
