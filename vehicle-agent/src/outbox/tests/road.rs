//! A car with a disk in memory, a client that retries, and a unit that executes by the book.

use std::{collections::BTreeMap, time::Duration};

use wayside::{
    crypto::SigningKey,
    id::{ChainId, ShardId, VehicleId},
    ledger::{
        AccountKey, Action, NonceWindow, OdometerSource, RecordOdometer, SignedTransaction,
        TransactionId,
    },
    time::{Now, Timestamp},
};

use crate::outbox::{
    Answer, Batch, Failure, Name, Outbox, OutboxConfig, OutboxEvent, OutboxRequest, Place, Proven,
    RecordId, Standing, Submission, SubmissionError, Taken,
    file::{MAGIC, frame, read},
    machine::Sender,
};

/// The whole scene; time passes only by [`Self::pass`].
pub(super) struct Road {
    pub(super) outbox: Outbox,
    pub(super) config: OutboxConfig,
    pub(super) disk: Disk,
    pub(super) ledger: Ledger,
    pub(super) now: Now,
    /// What the client wants recorded, and what it was told.
    pub(super) wishes: BTreeMap<u32, Wish>,
    connected: bool,
}

/// A record that the client wants on the ledger: an odometer reading of so many kilometres.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    pub(super) asked_of: Option<RecordId>,
    pub(super) is_acknowledged: bool,
    pub(super) is_done: bool,
}

/// A journal's bytes, and where the power fails.
pub(super) struct Disk {
    pub(super) bytes: Vec<u8>,
    /// How many more bytes it takes before the power fails; `None` for as many as there are.
    pub(super) left: Option<usize>,
    /// The next so many writes are refused.
    pub(super) refusals: u32,
}

/// A ledger that executes each transaction once and each nonce once.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) executed: BTreeMap<TransactionId, u32>,
    /// How often each reading was executed.
    pub(super) readings: BTreeMap<u32, u32>,
    pub(super) nonces: NonceWindow,
}

/// The power failed.
#[derive(Debug)]
pub(super) struct PowerFailure;

impl Road {
    pub(super) fn new() -> Self {
        Self::with(OutboxConfig::default())
    }

    pub(super) fn with(config: OutboxConfig) -> Self {
        Self {
            outbox: Outbox::new(config.clone(), sender(), Vec::new()),
            config,
            disk: Disk {
                bytes: MAGIC.to_vec(),
                left: None,
                refusals: 0,
            },
            ledger: Ledger::default(),
            now: Now {
                instant: wayside::time::Instant::from_origin(Duration::ZERO),
                timestamp: Timestamp::from_unix_ms(1_790_000_000_000).unwrap(),
            },
            wishes: BTreeMap::new(),
            connected: false,
        }
    }

    /// With readings that are signed and on the disk, and a unit in reach that nothing was handed to.
    pub(super) fn with_signed(readings: &[u32]) -> Self {
        let mut road = Self::new();
        for km in readings {
            road.ask(*km).unwrap();
        }
        road.settle().unwrap();
        road.connect();
        assert!(road.exchange(), "the account is asked for");
        road.settle().unwrap();
        road
    }

    /// The client asks for a reading to be recorded, or asks again.
    pub(super) fn ask(&mut self, km: u32) -> Result<Taken, SubmissionError> {
        let taken = self.outbox.handle_submission(submission(km), self.now)?;
        let wish = self.wishes.entry(km).or_default();
        match taken {
            Taken::New(id) | Taken::Pending(id) => wish.asked_of = Some(id),
            Taken::Before(id) => {
                wish.asked_of = Some(id);
                wish.is_acknowledged = true;
            }
        }
        Ok(taken)
    }

    /// Writes what has to be written, and hands on what is told.
    pub(super) fn settle(&mut self) -> Result<(), PowerFailure> {
        while let Some(batch) = self.outbox.poll_write(self.now) {
            if self.disk.refusals > 0 {
                self.disk.refusals -= 1;
                self.outbox.handle_write_failed(self.now);
            } else {
                self.disk.write(&batch)?;
                self.outbox.handle_written(self.now);
            }
        }
        while let Some(event) = self.outbox.poll_event() {
            let (OutboxEvent::Durable(id) | OutboxEvent::NotTaken(id) | OutboxEvent::Changed(id)) =
                event;
            let is_done = self.outbox.entry(id).is_some_and(|entry| entry.is_done());
            let wish = self.wishes.values_mut();
            let wish = wish.filter(|wish| wish.asked_of == Some(id));
            for wish in wish {
                match event {
                    OutboxEvent::Durable(_) => wish.is_acknowledged = true,
                    OutboxEvent::NotTaken(_) => wish.asked_of = None,
                    OutboxEvent::Changed(_) => wish.is_done |= is_done,
                }
            }
        }
        Ok(())
    }

    /// One request to the unit and its answer; whether there was one.
    pub(super) fn exchange(&mut self) -> bool {
        let Some(request) = self.outbox.poll_transmit(self.now) else {
            return false;
        };
        let answer = self.ledger.answer(request);
        self.outbox.handle_answer(answer, self.now);
        true
    }

    /// One request that is executed, whose answer never comes.
    pub(super) fn lose_answer(&mut self) {
        if let Some(request) = self.outbox.poll_transmit(self.now) {
            self.ledger.answer(request);
            self.disconnect();
        }
    }

    pub(super) fn connect(&mut self) {
        self.connect_to(0);
    }

    /// A unit of an operator is in reach.
    pub(super) fn connect_to(&mut self, operator: usize) {
        self.disconnect();
        self.connected = true;
        self.outbox.handle_connected(operator, self.now);
    }

    pub(super) fn disconnect(&mut self) {
        if self.connected {
            self.connected = false;
            self.outbox.handle_disconnected(self.now);
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// The agent dies and begins anew from its disk; what the client was not told, it asks again.
    pub(super) fn restart(&mut self) {
        self.disk.left = None;
        for wish in self.wishes.values_mut() {
            wish.asked_of = wish.asked_of.filter(|_| wish.is_acknowledged);
        }
        let journal = read(&self.disk.bytes);
        assert_eq!(journal.damaged, 0, "a crash cuts, and damages nothing");
        self.disk
            .bytes
            .truncate(usize::try_from(journal.len).unwrap());
        self.outbox = Outbox::new(self.config.clone(), sender(), journal.records);
        self.connected = false;
    }

    pub(super) fn ask_again(&mut self) {
        let open: Vec<u32> = self
            .wishes
            .iter()
            .filter(|(_, wish)| !wish.is_acknowledged)
            .map(|(km, _)| *km)
            .collect();
        for km in open {
            // A full outbox has to be asked later.
            let _ = self.ask(km);
        }
    }

    /// Lets a unit stay in reach until nothing is left to be done.
    pub(super) fn finish(&mut self) {
        self.disk.left = None;
        self.connect();
        for _ in 0..ROUNDS_MAX {
            self.ask_again();
            self.settle().unwrap();
            while self.exchange() {
                self.settle().unwrap();
            }
            let is_over = self.wishes.values().all(|wish| wish.is_acknowledged);
            if is_over && self.outbox.waiting() == 0 {
                return;
            }
            self.pass(Duration::from_secs(60));
        }
        panic!("something still waits");
    }

    /// What the ledger holds is what the client wanted, each once.
    pub(super) fn check(&self) {
        let once: BTreeMap<u32, u32> = self.wishes.keys().map(|km| (*km, 1)).collect();
        assert_eq!(self.ledger.readings, once);
        assert!(self.ledger.executed.values().all(|count| *count == 1));
    }
}

impl Disk {
    fn write(&mut self, batch: &Batch) -> Result<(), PowerFailure> {
        let bytes = frame(batch.lines());
        let kept = self.left.map_or(bytes.len(), |left| left.min(bytes.len()));
        let is_cut = kept < bytes.len();
        self.left = self.left.map(|left| left - kept);
        match batch {
            Batch::Append(_) => self.bytes.extend_from_slice(&bytes[..kept]),
            // The other file takes the place of this one whole, or not at all.
            Batch::Replace(_) if is_cut => {}
            Batch::Replace(_) => self.bytes = [MAGIC, &bytes].concat(),
        }
        if is_cut { Err(PowerFailure) } else { Ok(()) }
    }
}

impl Ledger {
    pub(super) fn answer(&mut self, request: OutboxRequest) -> Answer {
        match request {
            OutboxRequest::Account => Answer::Account(Standing::made_up(self.nonces)),
            OutboxRequest::Submit { record, bytes } => {
                self.execute(&bytes);
                Answer::Submitted(record)
            }
            OutboxRequest::Prove {
                record,
                transaction,
            } => match self.executed.get(&transaction) {
                Some(_) => Answer::Proof(record, Proven::made_up(transaction, 0, place())),
                None => Answer::Failed(failure(record)),
            },
        }
    }

    fn execute(&mut self, bytes: &[u8]) {
        let signed = SignedTransaction::from_bytes(bytes, bytes.len()).unwrap();
        let id = signed.id();
        if self.executed.contains_key(&id) {
            return;
        }
        let transaction = signed.transaction;
        assert_eq!(transaction.sender, account());
        assert!(
            self.nonces.take(transaction.nonce),
            "nonce {} was used, or lies too far ahead",
            transaction.nonce
        );
        *self.executed.entry(id).or_default() += 1;
        let Action::RecordOdometer(reading) = transaction.action else {
            panic!("nothing else was asked for");
        };
        *self.readings.entry(reading.odometer_km).or_default() += 1;
    }
}

pub(super) fn submission(km: u32) -> Submission {
    Submission {
        name: Some(name(km)),
        content: km.to_be_bytes().to_vec(),
        salt: [0; 32],
        action: Action::RecordOdometer(RecordOdometer {
            vehicle: VehicleId {
                home: ShardId(1),
                commitment: [9; 32],
            },
            odometer_km: km,
            read: Timestamp::from_unix_ms(1_790_000_000_000).unwrap(),
            source: OdometerSource::Telemetry,
        }),
    }
}

pub(super) fn name(km: u32) -> Name {
    Name {
        caller: "the stack".to_owned(),
        request_id: format!("reading-{km}"),
    }
}

pub(super) fn failure(record: RecordId) -> Failure {
    Failure {
        record: Some(record),
        reason: "not finalized".to_owned(),
        retry_after: None,
        is_pending: true,
    }
}

pub(super) fn place() -> Place {
    Place {
        shard: ShardId(1),
        height: 7,
        time: Timestamp::from_unix_ms(1_790_000_001_000).unwrap(),
    }
}

pub(super) fn sender() -> Sender {
    Sender {
        chain: ChainId::from_bytes([3; 32]),
        shard: ShardId(1),
        key: SigningKey::from_seed(&[5; 32]),
    }
}

fn account() -> AccountKey {
    SigningKey::from_seed(&[5; 32]).verifying_key().into()
}

const ROUNDS_MAX: u32 = 1_000;
