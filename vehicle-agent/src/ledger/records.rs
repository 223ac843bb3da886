use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use thiserror::Error;
use tokio::sync::{Notify, broadcast};
use wayside::{
    ledger::Action,
    time::{Now, Timestamp},
    transport::{Clock, door::UnitTrust},
};

use super::{LedgerConfig, LedgerIdentity};
use crate::{
    checkpoint::{CheckpointFile, Keeper},
    outbox::{
        Entry, JournalRecord, Level, Name, Outbox, OutboxEvent, RecordId, Sender, Submission,
        SubmissionError, Taken,
    },
    tickets::Unit,
    trust::Door,
};

/// The vehicle's records on their way, for everybody who has something to do with them; clones are
/// the same.
#[derive(Clone)]
pub struct Records {
    shared: Arc<Shared>,
}

struct Shared {
    identity: LedgerIdentity,
    config: LedgerConfig,
    clock: Clock,
    outbox: Mutex<Outbox>,
    events: broadcast::Sender<RecordsChange>,
    writer: Notify,
    courier: Notify,
    reach: Mutex<Reach>,
    keeper: Mutex<Keeper>,
    /// Which units are believed, and where they are.
    units: Mutex<Units>,
    /// Held while the keeper's checkpoint is written, so that the newest is written last.
    checkpoint_file: tokio::sync::Mutex<CheckpointFile>,
}

/// A change that others may wait for.
pub type RecordsChange = OutboxEvent;

/// The units that the vehicle knows of.
#[derive(Clone, Debug)]
struct Units {
    trust: UnitTrust,
    /// Doors, by the operators' numbers if they are known.
    doors: Vec<Unit>,
}

#[derive(Clone, Debug, Default)]
struct Reach {
    last: Option<Timestamp>,
    failure: Option<String>,
    /// Why a checkpoint that a unit showed was not kept, if that was the last one.
    distrust: Option<String>,
}

/// How the way to the ledger is.
#[derive(Clone, Debug)]
pub struct RecordsState {
    /// Records that are not done.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
    /// How full the outbox is with them.
    pub level: Level,
    /// Since when nothing of it was delivered; `None` while nothing waits.
    pub undelivered_since: Option<Timestamp>,
    /// How long the oldest of them has waited.
    pub oldest_age: Option<Duration>,
    /// When a unit last answered.
    pub reached: Option<Timestamp>,
    /// Why the last attempt came to nothing; `None` if it did not.
    pub failure: Option<String>,
}

/// Why a record was not taken.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum SubmitError {
    /// The outbox does not take it.
    #[error(transparent)]
    Outbox(#[from] SubmissionError),
    /// The disk does not take it.
    #[error("the disk does not take the record")]
    Storage,
}

impl Records {
    /// The records that the journal holds, and those to come; the keeper's checkpoint goes to the file.
    pub fn new(
        config: LedgerConfig,
        (identity, sender): (LedgerIdentity, Sender),
        journal: Vec<JournalRecord>,
        (keeper, checkpoint_file): (Keeper, CheckpointFile),
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                outbox: Mutex::new(Outbox::new(config.outbox.clone(), sender, journal)),
                keeper: Mutex::new(keeper),
                units: Mutex::new(Units::new(&identity, &config)),
                checkpoint_file: tokio::sync::Mutex::new(checkpoint_file),
                identity,
                config,
                clock: Clock::system(),
                events: broadcast::Sender::new(EVENTS_MAX),
                writer: Notify::new(),
                courier: Notify::new(),
                reach: Mutex::default(),
            }),
        }
    }

    /// Takes a record and returns once the disk has it.
    pub async fn submit(
        &self,
        name: Option<Name>,
        (content, salt): (Vec<u8>, [u8; 32]),
        action: Action,
    ) -> Result<RecordId, SubmitError> {
        let mut events = self.subscribe();
        let submission = Submission {
            name,
            content,
            salt,
            action,
        };
        let id = match self.call(|outbox, now| outbox.handle_submission(submission, now))? {
            Taken::Before(id) => return Ok(id),
            Taken::New(id) | Taken::Pending(id) => id,
        };
        loop {
            match events.recv().await {
                Ok(OutboxEvent::Durable(durable)) if durable == id => return Ok(id),
                Ok(OutboxEvent::NotTaken(refused)) if refused == id => {
                    return Err(SubmitError::Storage);
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    let is_durable =
                        self.look(|outbox| outbox.entry(id).map(|entry| entry.is_durable));
                    match is_durable {
                        Some(true) => return Ok(id),
                        Some(false) => {}
                        None => return Err(SubmitError::Storage),
                    }
                }
                Err(broadcast::error::RecvError::Closed) => return Err(SubmitError::Storage),
            }
        }
    }

    /// Every change from now on; who is too slow is told so, and looks again.
    pub fn subscribe(&self) -> broadcast::Receiver<RecordsChange> {
        self.shared.events.subscribe()
    }

    /// What the outbox says of one record.
    pub fn with_entry<T>(
        &self,
        find: impl FnOnce(&Outbox) -> Option<&Entry>,
        read: impl FnOnce(&Entry) -> T,
    ) -> Option<T> {
        self.look(|outbox| find(outbox).map(read))
    }

    /// Looks into the outbox.
    pub fn look<T>(&self, read: impl FnOnce(&Outbox) -> T) -> T {
        read(&self.lock())
    }

    /// How the way to the ledger is.
    pub fn state(&self) -> RecordsState {
        let now = self.shared.clock.now().timestamp;
        let reach = self.reach().clone();
        self.look(|outbox| RecordsState {
            waiting: outbox.waiting(),
            waiting_bytes: outbox.waiting_bytes(),
            level: outbox.level(),
            undelivered_since: outbox.undelivered_since(),
            oldest_age: outbox.oldest_age(now),
            reached: reach.last,
            failure: reach
                .failure
                .or_else(|| outbox.last_failure().map(str::to_owned)),
        })
    }

    /// Which ledger this is, and who the vehicle is on it.
    pub fn identity(&self) -> &LedgerIdentity {
        &self.shared.identity
    }

    /// What the vehicle was told about its ledger.
    pub fn config(&self) -> &LedgerConfig {
        &self.shared.config
    }

    /// Reads this machine's clocks.
    pub fn now(&self) -> Now {
        self.shared.clock.now()
    }

    /// Does something with the outbox, and lets everybody know what came of it.
    pub(super) fn call<T>(&self, change: impl FnOnce(&mut Outbox, Now) -> T) -> T {
        let now = self.now();
        let mut outbox = self.lock();
        let answer = change(&mut outbox, now);
        while let Some(event) = outbox.poll_event() {
            // Without listeners there is nobody to tell.
            let _ = self.shared.events.send(event);
        }
        drop(outbox);
        self.shared.writer.notify_one();
        self.shared.courier.notify_one();
        answer
    }

    /// Asks the outbox for something to do, which changes nothing that others wait for.
    pub(super) fn call_quietly<T>(&self, ask: impl FnOnce(&mut Outbox, Now) -> T) -> T {
        ask(&mut self.lock(), self.now())
    }

    /// A unit was reached, or not, and why.
    pub(super) fn note_reach(&self, outcome: Result<(), String>) {
        let mut reach = self.reach();
        match outcome {
            Ok(()) => {
                reach.last = Some(self.shared.clock.now().timestamp);
                reach.failure = None;
            }
            Err(failure) => reach.failure = Some(failure),
        }
    }

    /// Does something with what is remembered of the ledger.
    pub fn with_keeper<T>(&self, act: impl FnOnce(&mut Keeper) -> T) -> T {
        // Each step leaves it whole.
        let keeper = self.shared.keeper.lock();
        act(&mut keeper.unwrap_or_else(PoisonError::into_inner))
    }

    /// Which units are believed.
    pub fn trust(&self) -> UnitTrust {
        self.units().trust.clone()
    }

    /// The units that may be asked: those of the configuration, and those that the ledger names.
    pub fn doors(&self) -> Vec<Unit> {
        self.units().doors.clone()
    }

    /// The ledger says who takes part now, and where their units are.
    pub fn handle_units(&self, trust: UnitTrust, doors: &[Door]) {
        let configured = self.config().units.iter();
        let mut units = self.units();
        let operator = |door: &str| {
            let listed = doors.iter().find(|it| it.address == door);
            let known = units.doors.iter().find(|it| it.door == door);
            let listed = listed.map(|it| it.operator);
            listed.or_else(|| known.and_then(|it| it.operator))
        };
        let named = doors.iter().map(|door| &door.address);
        let mut merged: Vec<Unit> = Vec::new();
        for door in configured.chain(named) {
            if merged.len() < UNITS_MAX && merged.iter().all(|unit| unit.door != *door) {
                merged.push(Unit {
                    door: door.clone(),
                    operator: operator(door),
                });
            }
        }
        *units = Units {
            trust,
            doors: merged,
        };
    }

    /// A unit showed whose it is.
    pub(super) fn note_operator(&self, door: &str, operator: usize) {
        let mut units = self.units();
        if let Some(unit) = units.doors.iter_mut().find(|unit| unit.door == door) {
            unit.operator = u16::try_from(operator).ok();
        }
    }

    /// Where that is written.
    pub(super) fn checkpoint_file(&self) -> &tokio::sync::Mutex<CheckpointFile> {
        &self.shared.checkpoint_file
    }

    /// A unit showed a checkpoint, and it was kept, or why not.
    pub(super) fn note_checkpoint(&self, refused: Option<String>) {
        self.reach().distrust = refused;
    }

    /// Why the last checkpoint that a unit showed was not kept; `None` if it was.
    pub fn checkpoint_problem(&self) -> Option<String> {
        self.reach().distrust.clone()
    }

    /// Told after each change.
    pub(super) fn writer(&self) -> &Notify {
        &self.shared.writer
    }

    /// Told after each change.
    pub(super) fn courier(&self) -> &Notify {
        &self.shared.courier
    }

    /// The clock by which the ledger's work is done.
    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Outbox> {
        // What panics in here has broken an invariant: nobody may go on with it.
        self.shared
            .outbox
            .lock()
            .expect("nothing panics while the outbox is held")
    }

    fn units(&self) -> std::sync::MutexGuard<'_, Units> {
        // Each step leaves it whole.
        let units = self.shared.units.lock();
        units.unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self) -> std::sync::MutexGuard<'_, Reach> {
        self.shared
            .reach
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Units {
    fn new(identity: &LedgerIdentity, config: &LedgerConfig) -> Self {
        let doors = config.units.iter().map(|door| Unit {
            door: door.clone(),
            operator: None,
        });
        Self {
            trust: UnitTrust {
                chain: identity.genesis.chain(),
                operators: identity.operators.clone(),
            },
            doors: doors.collect(),
        }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Units that are known at one time; at the bound further ones are not.
const UNITS_MAX: usize = 256;
/// Changes kept for the slowest listener.
const EVENTS_MAX: usize = 1_024;
