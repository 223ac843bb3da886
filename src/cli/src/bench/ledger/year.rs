//! `wayside bench ledger --case year`: how much disk a vehicle's records take in a year.
//!
//! A year of a shard is made block by block, at the moments at which its transactions come, with the
//! votes of a quorum under each block; empty blocks between them as units make them. What is made is
//! put into stores as a unit keeps them, by the way that a backup is restored, which executes all of
//! it: once as an archive has it, and once as a unit has it that forgot what is older than
//! [`RETENTION`].

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::Path,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, anyhow, ensure};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use wayside::{
    id::ShardId,
    ledger::{
        AccountKey, Action, Block, BlockContext, Certificate, CheckedEntry, Entry, FinalizedHeader,
        Genesis, Header, KeyCache, OdometerSource, Outcome, RecordCommitment, RecordOdometer,
        RecordTrip, SignedTransaction, SnapshotManifest, State, Stop, propose,
    },
    time::Timestamp,
};
use wayside_engine::{BackupPart, RestoredShard, newest_snapshot, restore, stored_bytes};

use super::{
    domain::{Domain, Plan, Vehicle},
    stages::certify,
};
use crate::bench::report::{Report, Row};

/// Makes a year of so many transactions a year, or as much of it as `transactions` are, and adds to
/// the report what it takes on disk.
pub(super) fn run(transactions: u64, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("wayside-bench-")
        .tempdir()?;
    let mut year = Year::new(transactions)?;
    let genesis = Arc::clone(&year.domain.genesis);
    let [before, after] = ["archive", "pruned"].map(|name| folder.path().join(name));
    let archive = Store::open(&before, &genesis);
    let pruned = Store::open(&after, &genesis);
    year.make(&archive, &pruned)?;
    let archived = archive.finish()?;
    let kept = pruned.finish()?;
    let tip = &year.parent;
    ensure!(
        [&archived, &kept]
            .iter()
            .all(|it| it.height == tip.height && it.state_root == tip.state_root),
        "what was stored is not what was made"
    );
    report.rows.push(Row {
        case: super::YEAR,
        note: "twenty records of each vehicle a year: its birth, readings of its odometer, and trips \
               with two stops; one shard of four operators",
        figures: year.figures(&before, &after, &kept),
    });
    Ok(())
}

/// Where blocks are put as a unit stores them, by a thread of its own.
struct Store {
    parts: mpsc::SyncSender<Vec<u8>>,
    restoring: JoinHandle<anyhow::Result<RestoredShard>>,
}

impl Store {
    fn open(folder: &Path, genesis: &Arc<Genesis>) -> Self {
        let (parts, source) = mpsc::sync_channel(PARTS_AHEAD);
        let (folder, genesis) = (folder.to_owned(), Arc::clone(genesis));
        let restoring = thread::spawn(move || {
            let key = AccountKey::from(Domain::vote_key(0).verifying_key());
            let source = Parts {
                source,
                rest: io::Cursor::default(),
            };
            let restored = restore(&folder, &genesis, key, source)?;
            restored.first().copied().context("a shard was restored")
        });
        Self { parts, restoring }
    }

    fn put(&self, part: &BackupPart) -> anyhow::Result<()> {
        // If the other end has gone, its result says why.
        let sent = self.parts.send(part.to_bytes());
        sent.map_err(|_| anyhow!("a part was not taken"))
    }

    fn finish(self) -> anyhow::Result<RestoredShard> {
        drop(self.parts);
        let restored = self.restoring.join();
        restored.map_err(|_| anyhow!("storing panicked"))?
    }
}

/// The parts of a backup that come through a queue, as a file.
struct Parts {
    source: mpsc::Receiver<Vec<u8>>,
    rest: io::Cursor<Vec<u8>>,
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.rest.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.source.recv() {
                Ok(part) => self.rest = io::Cursor::new(part),
                Err(mpsc::RecvError) => return Ok(0),
            }
        }
    }
}

/// A shard whose time passes as fast as it can be computed.
struct Year {
    domain: Domain,
    chance: ChaCha8Rng,
    keys: KeyCache,
    parent: Header,
    state: State,
    cars: Vec<Car>,
    born: usize,
    transactions: u64,
    begin: Timestamp,
    end: Timestamp,
    blocks: u64,
    empty_blocks: u64,
    transaction_bytes: u64,
    /// From which block on the pruned store has all.
    pruned_from: Option<u64>,
}

/// A vehicle, and how far it has come.
struct Car {
    vehicle: Vehicle,
    odometer_km: u32,
    /// When it last recorded something.
    last: Timestamp,
}

impl Year {
    fn new(transactions: u64) -> anyhow::Result<Self> {
        let domain = Domain::new(&Plan {
            ports: vec![1, 2, 3, 4],
            shards: 1,
            batch: 1_000,
            created_unix_ms: START_UNIX_MS,
            // Several in each quarter of however little is made.
            snapshot_interval: (transactions / 16).clamp(16, SNAPSHOT_INTERVAL_MAX),
        })?;
        let state = State::genesis(&domain.genesis, SHARD);
        let parent = Block::genesis(&domain.genesis, SHARD, state.root()).header;
        let begin = parent.time;
        let vehicles = u32::try_from(transactions / RECORDS_PER_VEHICLE_YEAR)?.max(1);
        let cars = domain.many_vehicles(0, SHARD, vehicles).map(|vehicle| Car {
            vehicle,
            odometer_km: 1,
            last: begin,
        });
        let length = YEAR.mul_f64(transactions as f64 / PER_YEAR as f64);
        Ok(Self {
            cars: cars.collect(),
            domain,
            chance: ChaCha8Rng::seed_from_u64(1),
            keys: KeyCache::default(),
            parent,
            state,
            born: 0,
            transactions,
            begin,
            end: begin.saturating_add(length),
            blocks: 0,
            empty_blocks: 0,
            transaction_bytes: 0,
            pruned_from: None,
        })
    }

    /// Makes all of it, block by block.
    fn make(&mut self, archive: &Store, pruned: &Store) -> anyhow::Result<()> {
        let chain = self.domain.genesis.chain();
        for store in [archive, pruned] {
            store.put(&BackupPart::Begin(chain, SHARD))?;
        }
        let interval = YEAR / u32::try_from(PER_YEAR)?;
        let mut due = self.begin;
        for number in 0..self.transactions {
            due = due.saturating_add(interval.mul_f64(self.exponential()));
            let heartbeat = Duration::from_millis(self.domain.genesis.limits.heartbeat_ms.into());
            while due.since(self.parent.time) > heartbeat {
                let time = self.parent.time.saturating_add(heartbeat);
                self.empty_blocks += 1;
                self.add(time, Vec::new(), (archive, pruned))?;
            }
            let signed = self.transaction(number, due)?;
            self.transaction_bytes += u64::try_from(signed.to_bytes().len())?;
            let entry = Entry::Transaction(signed);
            let genesis = &self.domain.genesis;
            let checked = CheckedEntry::check(entry, genesis, &self.state, SHARD, &mut self.keys)?;
            self.add(due, vec![checked], (archive, pruned))?;
        }
        archive.put(&BackupPart::End(self.blocks))?;
        let first = self
            .pruned_from
            .context("the retention is longer than the year")?;
        pruned.put(&BackupPart::End(self.parent.height + 1 - first))
    }

    /// A birth while there are vehicles to be born, evenly among what the others record.
    fn transaction(&mut self, number: u64, now: Timestamp) -> anyhow::Result<SignedTransaction> {
        if number.is_multiple_of(RECORDS_PER_VEHICLE_YEAR) && self.born < self.cars.len() {
            let car = self.cars.get(self.born).context("a car")?;
            let birth = self
                .domain
                .birth(0, &car.vehicle, u64::try_from(self.born)?)?;
            self.born += 1;
            return Ok(birth);
        }
        let index = usize::try_from(self.chance.next_u64() % u64::try_from(self.born)?)?;
        let car = self.cars.get_mut(index).context("a car")?;
        // In a small part of a year, a car's records come sooner than a trip is long.
        let had_time = now.since(car.last) > TRIP;
        car.last = now;
        let action = if number.is_multiple_of(2) || !had_time {
            Action::RecordOdometer(RecordOdometer {
                vehicle: car.vehicle.id(),
                odometer_km: car.odometer_km,
                read: now,
                source: OdometerSource::Telemetry,
            })
        } else {
            trip(car, now)
        };
        let signed = self.domain.by_vehicle(&car.vehicle, action);
        car.vehicle.count_submitted();
        Ok(signed)
    }

    /// Makes a block final and puts it into both stores, the second from the snapshot on that it
    /// begins with.
    fn add(
        &mut self,
        time: Timestamp,
        entries: Vec<CheckedEntry>,
        (archive, pruned): (&Store, &Store),
    ) -> anyhow::Result<()> {
        let (genesis, count) = (&self.domain.genesis, entries.len());
        let context = BlockContext::after(genesis, &self.parent, &self.state, time);
        let (block, executed) = propose(&context, &self.state, 0, entries)?;
        ensure!(block.entries.len() == count, "a transaction has no place");
        let is_applied = |outcome: &Outcome| *outcome == Outcome::Applied;
        ensure!(
            executed.outcomes.iter().all(is_applied),
            "a rule refused what the benchmark made: {:?}",
            executed.outcomes
        );
        let certificate = certify(&self.domain, &block.header)?;
        let votes = BackupPart::Votes(certificate.to_bytes());
        let body = BackupPart::Block(block.to_bytes());
        archive.put(&body)?;
        archive.put(&votes)?;
        let is_border = block.header.snapshot_root.is_some();
        if is_border && self.pruned_from.is_none() && self.end.since(time) <= self.retention() {
            self.begin_pruned(&block.header, certificate, pruned)?;
        }
        if self.pruned_from.is_some() {
            pruned.put(&body)?;
            pruned.put(&votes)?;
        }
        self.blocks += 1;
        (self.parent, self.state) = (block.header, executed.state);
        Ok(())
    }
}

impl Year {
    /// Begins the store that has forgotten what is older, with the state before a block.
    fn begin_pruned(
        &mut self,
        header: &Header,
        certificate: Certificate,
        pruned: &Store,
    ) -> anyhow::Result<()> {
        let finalized = FinalizedHeader {
            header: header.clone(),
            link: Vec::new(),
            certificate,
        };
        let manifest = SnapshotManifest::new(&self.state, self.parent.clone(), finalized);
        pruned.put(&BackupPart::Manifest(manifest.to_bytes()))?;
        for chunk in self.state.snapshot_chunks() {
            pruned.put(&BackupPart::Chunk(chunk))?;
        }
        self.pruned_from = Some(header.height);
        Ok(())
    }

    /// What a unit keeps that is no archive; a quarter of what is made, if that is less.
    fn retention(&self) -> Duration {
        RETENTION.min(self.end.since(self.begin) / 4)
    }

    /// A time until the next transaction, in mean intervals, of transactions that come by chance.
    fn exponential(&mut self) -> f64 {
        let uniform = f64::from(self.chance.next_u32()) / f64::from(u32::MAX);
        -uniform.max(f64::EPSILON).ln()
    }

    fn figures(
        &self,
        before: &Path,
        after: &Path,
        kept: &RestoredShard,
    ) -> BTreeMap<&'static str, f64> {
        let years = self.parent.time.since(self.begin).as_secs_f64() / YEAR.as_secs_f64();
        // Where less than a year is made, each vehicle still makes a year's records.
        let vehicle_years = self.transactions as f64 / RECORDS_PER_VEHICLE_YEAR as f64;
        let [stored, left] = [before, after].map(|folder| stored_bytes(folder, SHARD) as f64);
        let snapshot = newest_snapshot(after, SHARD).map_or(0.0, |(_, bytes)| bytes as f64);
        let per_vehicle_year = |bytes: f64| bytes / 1_000.0 / vehicle_years;
        [
            ("transactions", self.transactions as f64),
            ("vehicles", self.cars.len() as f64),
            ("years", years),
            (
                "transactions_per_vehicle_year",
                RECORDS_PER_VEHICLE_YEAR as f64,
            ),
            ("blocks", self.blocks as f64),
            ("empty_blocks", self.empty_blocks as f64),
            (
                "transaction_bytes",
                self.transaction_bytes as f64 / self.transactions as f64,
            ),
            ("stored_bytes_per_tx", stored / self.transactions as f64),
            ("stored_mb", stored / 1e6),
            ("stored_kb_per_vehicle_year", per_vehicle_year(stored)),
            ("retention_days", self.retention().as_secs_f64() / 86_400.0),
            ("pruned_mb", left / 1e6),
            ("pruned_kb_per_vehicle_year", per_vehicle_year(left)),
            ("snapshot_mb", snapshot / 1e6),
            (
                "snapshot_bytes_per_vehicle",
                snapshot / self.cars.len() as f64,
            ),
            ("state_entries", kept.entries as f64),
        ]
        .into()
    }
}

/// A kilometre with two stops on the way, that ends now.
fn trip(car: &mut Car, now: Timestamp) -> Action {
    let before = |minutes: u64| now.saturating_sub(Duration::from_secs(60 * minutes));
    let stop = |from, until| Stop {
        from: before(from),
        until: before(until),
        ignition_off: false,
    };
    let started_odometer_km = car.odometer_km;
    car.odometer_km += 1;
    Action::RecordTrip(RecordTrip {
        vehicle: car.vehicle.id(),
        route: RecordCommitment::from_bytes([7; 32]),
        started: now.saturating_sub(TRIP),
        ended: now,
        started_odometer_km,
        ended_odometer_km: car.odometer_km,
        distance_m: 1_000,
        stops: vec![stop(20, 14), stop(12, 6)],
    })
}

const SHARD: ShardId = ShardId::GOVERNANCE;
/// 2027-01-15.
const START_UNIX_MS: u64 = 1_800_000_000_000;
const YEAR: Duration = Duration::from_secs(365 * 86_400);
/// Transactions of the shard in a year.
const PER_YEAR: u64 = 1_000_000;
/// Of each vehicle.
const RECORDS_PER_VEHICLE_YEAR: u64 = 20;
/// About two days: a snapshot's root takes longer the more vehicles there are.
const SNAPSHOT_INTERVAL_MAX: u64 = 8_192;
/// How long a trip takes.
const TRIP: Duration = Duration::from_secs(30 * 60);
/// What a unit keeps that is no archive.
const RETENTION: Duration = Duration::from_secs(90 * 86_400);
/// Parts that wait to be stored.
const PARTS_AHEAD: usize = 4_096;
