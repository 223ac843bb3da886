use std::collections::BTreeMap;

use super::{Audit, Auditor, Violation};
use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        ChannelIn, Genesis, Key, Label, Part, PartState, PartTag, State, Tag, TagClaim, TagKind,
        Value,
        sample::{self, account},
    },
    time::Timestamp,
};

#[test]
fn a_part_in_one_place_is_as_it_should_be() {
    let genesis = sample::genesis(4);
    let auditor = audited(&genesis, &[(0, given()), (1, here())]);
    assert_eq!(auditor.check(&genesis), Audit::Done(vec![]));
}

#[test]
fn a_part_in_two_shards_is_found() {
    let genesis = sample::genesis(4);
    let auditor = audited(&genesis, &[(0, given()), (0, here()), (1, here())]);
    let found = vec![Violation::PartTwice(tag(), 2)];
    assert_eq!(auditor.check(&genesis), Audit::Done(found));
}

#[test]
fn a_part_that_is_nowhere_is_found() {
    let genesis = sample::genesis(4);
    let auditor = audited(&genesis, &[(0, given())]);
    let found = vec![Violation::PartLost(tag())];
    assert_eq!(auditor.check(&genesis), Audit::Done(found));
}

#[test]
fn states_that_are_no_cut_wait() {
    let genesis = sample::genesis(4);
    let ahead = (
        Key::ChannelIn(ShardId(0)),
        Value::ChannelIn(ChannelIn { next: 1 }),
    );
    let auditor = audited(&genesis, &[(0, here()), (1, here()), (1, ahead)]);
    assert_eq!(auditor.check(&genesis), Audit::Waits(ShardId(0)));
}

#[test]
fn an_account_that_is_gone_is_found() {
    let genesis = sample::genesis(4);
    let mut auditor = audited(&genesis, &[]);
    let key = account(1);
    let state = State::genesis(&genesis, ShardId(0));
    let state = state.apply(BTreeMap::from([(Key::Account(key), None)]));
    let found = auditor.observe(ShardId(0), state);
    assert_eq!(found, [Violation::NonceFree(key)]);
}

fn audited(genesis: &Genesis, entries: &[(u16, (Key, Value))]) -> Auditor {
    let mut auditor = Auditor::default();
    for shard in [0, 1] {
        let own = entries.iter().filter(|(it, _)| *it == shard);
        let changes = own.map(|(_, (key, value))| (key.clone(), Some(value.clone())));
        let state = State::genesis(genesis, ShardId(shard)).apply(changes.collect());
        assert_eq!(auditor.observe(ShardId(shard), state), []);
    }
    auditor
}

fn tag() -> PartTag {
    PartTag::from_bytes([2; 32])
}

fn given() -> (Key, Value) {
    let claim = TagClaim {
        claimant: account(1),
        shard: ShardId(1),
        transaction: Digest::from_bytes([1; 32]),
        time: Timestamp::EPOCH,
    };
    (Key::Tag(TagKind::Part, [2; 32]), Value::Tag(Tag { claim }))
}

fn here() -> (Key, Value) {
    let label: Label = "part".parse().unwrap();
    let part = Part {
        maker: account(1),
        kind: label.clone(),
        lot: label,
        quality: Digest::from_bytes([0; 32]),
        origin: Digest::from_bytes([1; 32]),
        state: PartState::Made,
        holder: account(1),
        moves: 0,
    };
    (Key::Part(tag()), Value::Part(part))
}
