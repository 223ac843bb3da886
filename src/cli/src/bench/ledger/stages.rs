use std::{collections::BTreeMap, hint::black_box, time::Duration};

use anyhow::{Context as _, ensure};
use wayside::{
    crypto::{Context, Signature, VerifyingKey},
    id::ShardId,
    ledger::{
        Block, BlockContext, Certificate, CheckedEntry, Committees, Entry, EntryProof, Executed,
        FinalizedHeader, Header, Key, KeyCache, Outcome, Proof, Proposal, SignedTransaction, State,
        Value, Vote, propose, verify_block,
    },
};

use super::domain::{Domain, NO_SNAPSHOTS, Plan, Vehicle};
use crate::bench::{
    report::{Report, Row},
    rounds::{Spent, measure as measure_rounds},
};

/// Adds what each stage of a transaction costs on one core.
pub(super) fn measure(length: Duration, report: &mut Report) -> anyhow::Result<()> {
    let mut lab = Lab::new()?;
    let rounds = measure_rounds(length, || lab.run_round())?;
    for (case, note) in CASES {
        let figures = [
            ("cpu_us_per_tx", rounds.median(case)),
            ("cpu_us_per_tx_min", rounds.least(case)),
            ("rounds", rounds.len() as f64),
        ];
        report.rows.push(Row {
            case,
            note,
            figures: figures.into(),
        });
    }
    report.rows.push(Row {
        case: "sizes",
        note: "a reading of an odometer, in bytes, and the proof of it that a car gets",
        figures: lab.sizes()?,
    });
    report.ratios.extend([
        (
            "check_to_bare_verify",
            rounds.ratio("check", "bare_verify_strict"),
        ),
        (
            "verify_block_to_bare_verify",
            rounds.ratio("verify_block", "bare_verify_strict"),
        ),
        ("rules_us", rounds.difference("execute", "tree")),
    ]);
    Ok(())
}

/// One shard and a thousand vehicles that each record once a round.
struct Lab {
    domain: Domain,
    vehicles: Vec<Vehicle>,
    keys: KeyCache,
    parent: Header,
    state: State,
    last: Option<Block>,
}

impl Lab {
    fn new() -> anyhow::Result<Self> {
        let domain = Domain::new(&Plan {
            ports: vec![1, 2, 3, 4],
            shards: 1,
            batch: VEHICLES,
            created_unix_ms: START_UNIX_MS,
            snapshot_interval: NO_SNAPSHOTS,
        })?;
        let state = State::genesis(&domain.genesis, SHARD);
        let parent = Block::genesis(&domain.genesis, SHARD, state.root()).header;
        let mut lab = Self {
            vehicles: domain.vehicles(0, SHARD, VEHICLES),
            keys: KeyCache::default(),
            domain,
            parent,
            state,
            last: None,
        };
        let births = lab
            .vehicles
            .iter()
            .zip(0..)
            .map(|(vehicle, nonce)| lab.domain.birth(0, vehicle, nonce))
            .collect::<anyhow::Result<Vec<_>>>()?;
        // A maker's nonces are taken within a window.
        for births in births.chunks(200) {
            let entries = births
                .iter()
                .map(|birth| lab.check(birth.clone()))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let (block, executed) = lab.propose(entries)?;
            ensure!(block.entries.len() == births.len(), "a birth has no place");
            lab.go_on(&block, executed)?;
        }
        Ok(lab)
    }

    /// Takes a thousand readings from bytes to the next state, a stage at a time.
    fn run_round(&mut self) -> anyhow::Result<Spent> {
        let mut spent = Spent::default();
        let count = self.vehicles.len();
        let vehicles = &self.vehicles;
        let signed = spent.on("sign", count, || {
            let readings = vehicles.iter().map(|vehicle| self.domain.reading(vehicle));
            readings.collect::<Vec<_>>()
        });
        self.vehicles.iter_mut().for_each(Vehicle::count_submitted);
        let bytes: Vec<Vec<u8>> = signed.iter().map(SignedTransaction::to_bytes).collect();
        let decoded = spent.on("decode", count, || {
            let decoded = bytes
                .iter()
                .map(|bytes| SignedTransaction::from_bytes(bytes, bytes.len()));
            decoded.collect::<Result<Vec<_>, _>>()
        })?;
        verify_bare(&decoded, &mut spent)?;
        let entries = spent.on("check", count, || {
            let checked = decoded.into_iter().map(|signed| self.check(signed));
            checked.collect::<anyhow::Result<Vec<_>>>()
        })?;
        let (block, executed) = spent.on("propose", count, || self.propose(entries.clone()))?;
        ensure!(block.entries.len() == count, "a reading has no place");
        let (genesis, parent, state) = (&self.domain.genesis, &self.parent, &self.state);
        let context = BlockContext::after(genesis, parent, state, block.header.time);
        let executed_again = spent.on("execute", count, || {
            wayside::ledger::execute(&context, state, &entries)
        })?;
        ensure!(
            executed_again
                .outcomes
                .iter()
                .all(|it| *it == Outcome::Applied)
        );
        let changes = changes(state, &executed.state, &self.vehicles);
        let after = spent.on("tree", count, || state.apply(changes));
        black_box(after.root());
        let leaves_root = spent.on("roots", count, || {
            Block::tx_root(&block.entries, &block.outcomes)
        });
        ensure!(leaves_root == block.header.tx_root, "another root");
        spent
            .on("verify_block", count, || {
                verify_block(genesis, parent, state, &block, &entries)
            })
            .context("the block does not verify")?;
        self.prove(&block, &mut spent)?;
        self.go_on(&block, executed)?;
        Ok(spent)
    }

    /// What a car does with the proof of a record.
    fn prove(&self, block: &Block, spent: &mut Spent) -> anyhow::Result<()> {
        let bytes = self.proof(block)?.to_bytes();
        let committees = Committees::of(&self.domain.genesis);
        spent
            .on("verify_proof", 1, || {
                Proof::from_bytes(&bytes)?
                    .verify(&committees)
                    .map(|it| it.height)
            })
            .context("a proof does not verify")?;
        Ok(())
    }

    fn proof(&self, block: &Block) -> anyhow::Result<Proof> {
        let entry = block.entries.first().context("an entry")?;
        let finalized = FinalizedHeader {
            header: block.header.clone(),
            link: Vec::new(),
            certificate: certify(&self.domain, &block.header)?,
        };
        Ok(Proof::Entry(Box::new(EntryProof {
            finalized,
            entry: entry.clone(),
            outcome: *block.outcomes.first().context("an outcome")?,
            path: block.entry_path(0).context("a path")?,
        })))
    }

    fn sizes(&self) -> anyhow::Result<BTreeMap<&'static str, f64>> {
        let block = self.last.as_ref().context("no block was made")?;
        let entry = block.entries.first().context("an entry")?;
        let count = block.entries.len().max(1) as f64;
        Ok([
            ("transaction_bytes", entry.to_bytes().len() as f64),
            ("block_bytes_per_tx", block.to_bytes().len() as f64 / count),
            ("proof_bytes", self.proof(block)?.to_bytes().len() as f64),
        ]
        .into())
    }

    fn check(&mut self, signed: SignedTransaction) -> anyhow::Result<CheckedEntry> {
        let entry = Entry::Transaction(signed);
        let (genesis, state) = (&self.domain.genesis, &self.state);
        let checked = CheckedEntry::check(entry, genesis, state, SHARD, &mut self.keys);
        Ok(checked?)
    }

    fn propose(&self, entries: Vec<CheckedEntry>) -> anyhow::Result<(Block, Executed)> {
        let time = self.parent.time.saturating_add(BLOCK_INTERVAL);
        let (genesis, parent, state) = (&self.domain.genesis, &self.parent, &self.state);
        let context = BlockContext::after(genesis, parent, state, time);
        Ok(propose(&context, &self.state, 0, entries)?)
    }

    fn go_on(&mut self, block: &Block, executed: Executed) -> anyhow::Result<()> {
        let is_applied = |outcome: &Outcome| *outcome == Outcome::Applied;
        ensure!(
            executed.outcomes.iter().all(is_applied),
            "a rule refused what the benchmark made"
        );
        self.parent = block.header.clone();
        self.state = executed.state;
        self.last = Some(block.clone());
        Ok(())
    }
}

/// The signatures by the strict rule, with keys at hand, and nothing else.
fn verify_bare(transactions: &[SignedTransaction], spent: &mut Spent) -> anyhow::Result<()> {
    let mut prepared: Vec<(VerifyingKey, Vec<u8>, Signature)> = Vec::new();
    for signed in transactions {
        let key = signed.transaction.sender.admit()?;
        prepared.push((key, signed.transaction.to_signed_bytes(), signed.signature));
    }
    let verified = spent.on("bare_verify_strict", prepared.len(), || {
        prepared.iter().all(|(key, message, signature)| {
            key.verify(Context::LedgerTransaction, &[message], signature)
                .is_ok()
        })
    });
    ensure!(verified, "a signature did not verify");
    Ok(())
}

/// What a block changed: the shard's own entries, and a vehicle and an account for each reading.
fn changes(before: &State, after: &State, vehicles: &[Vehicle]) -> BTreeMap<Key, Option<Value>> {
    let mut keys = vec![Key::Chain, Key::History];
    for vehicle in vehicles {
        keys.extend([Key::Vehicle(vehicle.id()), Key::Account(vehicle.account())]);
    }
    let changed = keys
        .into_iter()
        .filter(|key| before.get(key) != after.get(key));
    changed
        .map(|key| (key.clone(), after.get(&key).cloned()))
        .collect()
}

/// The votes of a quorum for a header.
pub(super) fn certify(domain: &Domain, header: &Header) -> anyhow::Result<Certificate> {
    let genesis = &domain.genesis;
    let proposal = Proposal {
        epoch: header.epoch,
        view: header.height + 1,
        parent_view: header.height,
        payload: header.digest(),
    };
    let bytes = Vote::Finalize(proposal).to_signed_bytes(genesis.chain(), header.shard);
    let mut votes = BTreeMap::new();
    for member in (0..).take(genesis.committee().quorum()) {
        let key = Domain::vote_key(member);
        let account = key.verifying_key().into();
        let index = genesis.committee().index(&account).context("a voter")?;
        votes.insert(index, key.sign_raw(&bytes));
    }
    let (signers, signatures) = votes.into_iter().unzip();
    Ok(Certificate {
        epoch: proposal.epoch,
        view: proposal.view,
        parent_view: proposal.parent_view,
        payload: proposal.payload,
        signers,
        signatures,
    })
}

/// What is measured, in the order of a round.
const CASES: [(&str, &str); 10] = [
    ("sign", "encode and sign one reading, in the vehicle"),
    ("decode", "from bytes to a transaction"),
    (
        "bare_verify_strict",
        "the floor: the signature alone, by the strict rule, with a key at hand",
    ),
    (
        "check",
        "size, ledger, shard, digests and signature, with the key in the cache",
    ),
    (
        "execute",
        "the rules, and the state after them, without its root where that is not needed",
    ),
    (
        "tree",
        "the state's tree alone: two values for each reading",
    ),
    ("roots", "the root over the entries and their outcomes"),
    ("propose", "execute, and make a block with all its roots"),
    (
        "verify_block",
        "execute another's block and compare all its roots",
    ),
    (
        "verify_proof",
        "in a car: three votes, the path, and the record's own signature, without a cache",
    ),
];

const BLOCK_INTERVAL: Duration = Duration::from_millis(100);
const SHARD: ShardId = ShardId::GOVERNANCE;
/// 2027-01-15.
const START_UNIX_MS: u64 = 1_800_000_000_000;
const VEHICLES: u32 = 1_000;
