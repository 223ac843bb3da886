//! A shard that grows block by block for tests of proofs, without engine and rules: what its state
//! holds is said, not executed.

use std::collections::BTreeMap;

use super::{
    AccountKey, Block, Bundle, BundleRecord, Checkpoint, Entry, EntryProof, FinalizedHeader,
    Genesis, Head, HistoryHead, HistoryLog, Key, List, Odometer, OdometerSource, Peaks, Receipt,
    SignedTransaction, State, Transaction, Trunk, Value, Vehicle, VehicleStatus, VinTag,
    action::{Action, RecordOdometer},
    sample::{account, certify, genesis, key},
};
use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    time::Timestamp,
};

/// The shard where [`vehicle`] is at home.
pub(crate) const HOME: ShardId = ShardId(1);

const ID: VehicleId = VehicleId {
    home: HOME,
    commitment: [0x42; 32],
};

/// A shard with everything that a unit keeps of it.
pub(crate) struct Shard {
    pub(crate) genesis: Genesis,
    pub(crate) id: ShardId,
    pub(crate) blocks: Vec<Block>,
    pub(crate) state: State,
    /// The states after the blocks, by height.
    pub(crate) states: Vec<State>,
    pub(crate) log: HistoryLog,
    peaks: Peaks,
    records: Vec<(u64, usize)>,
    head: HistoryHead,
}

impl Shard {
    /// With nothing but the block at height 0.
    pub(crate) fn new(id: ShardId) -> Self {
        let genesis = genesis(4);
        let state = State::new();
        let block = Block::genesis(&genesis, id, state.root());
        Self {
            genesis,
            id,
            blocks: vec![block],
            states: vec![state.clone()],
            state,
            log: HistoryLog::default(),
            peaks: Peaks::default(),
            records: Vec::new(),
            head: HistoryHead::EMPTY,
        }
    }

    /// Adds a block; `records` says which of its entries are in [`vehicle`]'s history.
    pub(crate) fn push(
        &mut self,
        entries: Vec<(Entry, u16)>,
        records: &[usize],
        receipts: &[Receipt],
    ) {
        let parent = &self.blocks.last().unwrap().header;
        let digest = parent.digest();
        self.log.append(digest);
        self.peaks.append(digest);
        let mut header = parent.clone();
        header.height += 1;
        header.parent = digest;
        header.time = Timestamp::from_unix_ms(header.time.unix_ms() + 1_000).unwrap();
        header.entries = u32::try_from(entries.len()).unwrap();
        header.history_root = self.peaks.root(List::History);
        header.receipts_root = List::Receipts.root(receipts.iter().map(Receipt::digest));
        header.snapshot_root = (header.height.is_multiple_of(self.genesis.snapshot_interval))
            .then(|| self.state.snapshot_root());
        for index in records {
            let (entry, outcome) = &entries[*index];
            self.head = self.head.after(entry.digest(), *outcome);
            self.records.push((header.height, *index));
        }
        let (entries, outcomes): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        header.tx_root = Block::tx_root(&entries, &outcomes);
        self.state = self.state.apply(self.changes(header.height));
        header.state_root = self.state.root();
        self.states.push(self.state.clone());
        self.blocks.push(Block {
            header,
            entries,
            outcomes,
        });
    }

    fn changes(&self, height: u64) -> BTreeMap<Key, Option<Value>> {
        let vehicle = Value::Vehicle(Box::new(state_of(self.head)));
        let other = VehicleId {
            home: self.id,
            commitment: *Digest::from_bytes([u8::try_from(height).unwrap(); 32]).as_bytes(),
        };
        [
            (Key::Vehicle(ID), Some(vehicle.clone())),
            (Key::Vehicle(other), Some(vehicle)),
            (Key::History, Some(Value::History(self.peaks.clone()))),
        ]
        .into()
    }

    /// The header at a height with a quorum's votes.
    pub(crate) fn finalized(&self, height: u64) -> FinalizedHeader {
        let header = self.block(height).header.clone();
        FinalizedHeader {
            certificate: certify(&self.genesis, &header),
            header,
            link: Vec::new(),
        }
    }

    pub(crate) fn block(&self, height: u64) -> &Block {
        &self.blocks[usize::try_from(height).unwrap()]
    }

    pub(crate) fn height(&self) -> u64 {
        self.blocks.last().unwrap().header.height
    }

    /// The header at `height` with earlier ones.
    pub(crate) fn trunk(&self, height: u64, earlier: &[u64]) -> Trunk {
        let earlier = earlier.iter().map(|it| self.block(*it).header.clone());
        Trunk::new(self.finalized(height), earlier, &self.log).unwrap()
    }

    pub(crate) fn entry_proof(&self, height: u64, index: usize) -> EntryProof {
        let block = self.block(height);
        EntryProof {
            finalized: self.finalized(height),
            entry: block.entries[index].clone(),
            outcome: block.outcomes[index],
            path: block.entry_path(index).unwrap(),
        }
    }

    /// The history of [`vehicle`] so far.
    pub(crate) fn bundle(&self, governance: &Self) -> Bundle {
        let heights: Vec<_> = self.records.iter().map(|(height, _)| *height).collect();
        let records = self.records.iter().map(|(height, index)| {
            let proof = self.entry_proof(*height, *index);
            BundleRecord {
                height: *height,
                entry: proof.entry,
                outcome: proof.outcome,
                path: proof.path,
            }
        });
        Bundle {
            chain: self.genesis.chain(),
            vehicle: vehicle(),
            handovers: Vec::new(),
            governance: Some(governance.trunk(governance.height(), &[])),
            records: records.collect(),
            home: self.trunk(self.height(), &heights),
            head: Head::of_state(&self.state, vehicle()).unwrap(),
        }
    }
}

/// The newest headers of shards.
pub(crate) fn checkpoint(shards: &[&Shard], earlier: &[u64]) -> Checkpoint {
    let trunks = shards
        .iter()
        .map(|shard| shard.trunk(shard.height(), earlier));
    Checkpoint {
        chain: shards[0].genesis.chain(),
        handovers: Vec::new(),
        shards: trunks.collect(),
    }
}

/// Shard 0 with six blocks, and [`HOME`] with twelve, where the vehicle has four records in three of
/// them, one refused; other transactions stand around them.
pub(crate) fn shards() -> (Shard, Shard) {
    let mut governance = Shard::new(ShardId::GOVERNANCE);
    (0..6).for_each(|_| governance.push(Vec::new(), &[], &[]));
    let mut home = Shard::new(HOME);
    for height in 1..=12 {
        let entries = |count: u64| {
            let nonces = 10 * height..10 * height + count;
            nonces
                .map(|nonce| (reading(nonce), u16::from(nonce == 51)))
                .collect()
        };
        match height {
            2 => home.push(entries(1), &[0], &[]),
            5 => home.push(entries(7), &[1, 4], &[]),
            9 => home.push(entries(3), &[2], &[]),
            _ => home.push(entries(2), &[], &[]),
        }
    }
    (governance, home)
}

/// An odometer reading by the workshop, which the inspection agrees with.
pub(crate) fn reading(nonce: u64) -> Entry {
    Entry::Transaction(signed_reading(nonce))
}

pub(crate) fn signed_reading(nonce: u64) -> SignedTransaction {
    let transaction = Transaction {
        version: Transaction::VERSION,
        chain: genesis(4).chain(),
        shard: HOME,
        sender: account(2),
        nonce,
        expires: None,
        approvers: vec![account(3)],
        action: Action::RecordOdometer(RecordOdometer {
            vehicle: vehicle(),
            odometer_km: u32::try_from(nonce).unwrap() * 10,
            read: Timestamp::from_unix_ms(1_800_000_000_000).unwrap(),
            source: OdometerSource::Workshop,
        }),
    };
    let approval = transaction.approve(&key(3));
    transaction.sign(&key(2)).with_approval(approval)
}

/// The vehicle whose history the tests follow.
pub(crate) fn vehicle() -> VehicleId {
    ID
}

fn state_of(history: HistoryHead) -> Vehicle {
    let time = Timestamp::from_unix_ms(1_800_000_000_000).unwrap();
    let owner: AccountKey = account(9);
    Vehicle {
        status: VehicleStatus::Active,
        maker: account(1),
        model: "model".parse().unwrap(),
        built: time,
        vin: VinTag::from_bytes([7; 32]),
        attestation: Digest::from_bytes([0; 32]),
        enrolment_key: account(8),
        owner,
        owner_epoch: 0,
        blocks: Default::default(),
        custody: None,
        odometer: Odometer {
            km: 120,
            read: time,
            source: OdometerSource::Workshop,
            allowance_m: 0,
            readings: 4,
            corrections: 0,
        },
        reads: 0,
        history,
    }
}
