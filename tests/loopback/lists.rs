//! How the revocation list goes from vehicle to vehicle.

use std::collections::BTreeMap;

use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{
        Block, Certificate, Committees, FinalizedHeader, Genesis, GenesisContent, Key, Limits,
        Operator, Proposal, RevealedSeed, RevocationEntry, RevocationHead, RevocationUpdate,
        ShardEntry, State, Value, Vote,
    },
    message::MessageType,
    security::RevokedSeries,
    time::Timestamp,
};

use super::vehicle::{Town, config, eventually};

/// A development ledger of one operator.
struct Ledger {
    genesis: Genesis,
    vote_key: SigningKey,
}

impl Ledger {
    fn new() -> Self {
        let [vote_key, cold_key] = [1, 2].map(|seed| SigningKey::from_seed(&[seed; 32]));
        let genesis = Genesis::new(GenesisContent {
            version: GenesisContent::VERSION,
            name: "lists".to_owned(),
            development: true,
            created: Timestamp::from_unix_ms(1_800_000_000_000).unwrap(),
            snapshot_interval: 4,
            buckets: [ShardId::GOVERNANCE; 256],
            shards: vec![ShardEntry {
                id: ShardId::GOVERNANCE,
                weight: 1,
            }],
            operators: vec![Operator {
                name: "one".to_owned(),
                cold_key: cold_key.verifying_key().into(),
                vote_key: vote_key.verifying_key().into(),
                addresses: BTreeMap::from([(ShardId::GOVERNANCE, "127.0.0.1:1".to_owned())]),
            }],
            roles: Vec::new(),
            limits: Limits::default(),
        });
        Self {
            genesis: genesis.unwrap(),
            vote_key,
        }
    }

    /// A list of these entries, proven.
    fn update(&self, series: &[RevokedSeries], time: Timestamp) -> Vec<u8> {
        let mut head = RevocationHead::default();
        let mut changes = BTreeMap::new();
        for series in series {
            let entry = RevocationEntry::Revoke {
                slot_from: series.slot_from.number(),
                slot_until: series.slot_until.number(),
                seeds: series.seeds.map(RevealedSeed::from_bytes),
            };
            head.peaks.append(entry.leaf());
            changes.insert(Key::Revocation(head.next), Some(Value::Revocation(entry)));
            head.next += 1;
        }
        changes.insert(Key::RevocationHead, Some(Value::RevocationHead(head)));
        let state = State::new().apply(changes);
        let mut header = Block::genesis(&self.genesis, ShardId::GOVERNANCE, state.root()).header;
        (header.height, header.time) = (1, time);
        let proposal = Proposal {
            epoch: 0,
            view: 9,
            parent_view: 8,
            payload: header.digest(),
        };
        let vote = Vote::Finalize(proposal).to_signed_bytes(header.chain, header.shard);
        let certificate = Certificate {
            epoch: proposal.epoch,
            view: proposal.view,
            parent_view: proposal.parent_view,
            payload: proposal.payload,
            signers: vec![0],
            signatures: vec![self.vote_key.sign_raw(&vote)],
        };
        let finalized = FinalizedHeader {
            header,
            link: Vec::new(),
            certificate,
        };
        let update = RevocationUpdate::of_state(&state, finalized, 0);
        update.unwrap().to_bytes()
    }
}

#[tokio::test]
async fn a_list_goes_from_vehicle_to_vehicle_and_cuts_off_who_is_on_it() {
    let town = Town::new();
    let ledger = Ledger::new();
    let alice = town.start("alice", config());
    let bob = town.start("bob", config());
    let mut carol = town.start("carol", config());
    for vehicle in [&alice, &bob] {
        let committees = Committees::of(&ledger.genesis);
        vehicle
            .handle
            .call(|station, _| station.handle_committees(committees));
    }
    alice.handle.connect(bob.address());
    carol.handle.connect(bob.address());
    eventually(|| bob.peers() == 2 && alice.peers() == 1 && carol.peers() == 1).await;
    bob.publish().await;
    carol.delivery(MessageType::Telemetry).await;

    // As long as a list may be that goes this way, with carol at its end.
    let mut series: Vec<_> = (0..700)
        .map(|other| town.revocation(&format!("{other}")))
        .collect();
    series.push(town.revocation("carol"));
    let update = ledger.update(&series, town.clock.now().timestamp);
    assert!((32_768..65_536).contains(&update.len()), "{}", update.len());
    let taken = alice
        .handle
        .call(|station, now| station.handle_revocation_update(&update, now));
    taken.unwrap();
    let next = |vehicle: &super::vehicle::Vehicle| {
        vehicle
            .handle
            .call(|station, _| station.revocation_list().next())
    };
    eventually(|| next(&bob) == 701).await;
    eventually(|| carol.peers() == 0 && bob.peers() == 1).await;
    assert_eq!(next(&carol), 0);
    eventually(|| carol.counters().dialled >= 2).await;
    assert_eq!(bob.peers(), 1);
}
