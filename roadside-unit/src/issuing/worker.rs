use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use tracing::{debug, error, info, warn};
use wayside::{
    id::{ShardId, StationId},
    issuing::{Facts, LinkageSecret, Nonce, OpenedRequest, Record, Seat, Token},
    ledger::{Action, Genesis, IssuingFacts, State, StateView as _},
    pipeline::Accusation,
    telemetry::IssuingMetrics,
    time::{Instant, Now, Timestamp},
    transport::Clock,
};
use wayside_engine::{Handle, Tip};
use zeroize::Zeroizing;

use super::{
    JournalError, KeyRing, Peers, Place, Refusal, Standing,
    accusations::Accusations,
    ceremonies::Ceremonies,
    compacter::Compacter,
    facts::{to_enrolment, to_places},
    journal::{Journal, Past},
    keys::Certified,
    offices::{Offices, floors},
    out::{About, Effect, Out, Reply, Said, View, Word},
    speaker::Speaker,
    start::Ending,
};
use crate::follow::Followed;

/// What happens to the offices.
pub(super) enum Event {
    /// A vehicle asks.
    Request {
        /// Its sealed request.
        request: Vec<u8>,
        /// Where it waits.
        reply: Reply,
    },
    /// A vehicle asks what came of it.
    Collect {
        /// By which it finds its request.
        token: Token,
        /// Where it waits.
        reply: Reply,
    },
    /// Another process says something.
    Deliver {
        /// The message.
        message: Vec<u8>,
        /// Where it waits.
        reply: Reply,
    },
    /// A message was answered; `None` if not.
    Answered(Nonce, Option<Vec<u8>>),
    /// Something was said on the ledger.
    Said(Box<Word>, Said),
    /// Something stands against a station.
    Accusation(StationId, Accusation),
    /// The operator has other keys, and the next key for tickets lasts so long.
    Keys(KeyRing, Duration),
    /// The ledger went on.
    Ledger,
    /// The unit ends.
    Stop,
}

/// What the offices rest on.
pub(super) struct WorkerParts {
    /// The ledger.
    pub(super) genesis: Arc<Genesis>,
    /// What keeps it.
    pub(super) engine: Handle,
    /// What is final of it.
    pub(super) followed: Arc<Followed>,
    /// What the time is.
    pub(super) clock: Clock,
    /// The other units.
    pub(super) peers: Arc<Peers>,
    /// Where tasks run that wait for others.
    pub(super) runtime: tokio::runtime::Handle,
    /// Where it is counted.
    pub(super) metrics: Arc<IssuingMetrics>,
    /// What the linkage chains are made from.
    pub(super) secret: LinkageSecret,
}

/// Runs the offices on a thread of their own: what they do takes milliseconds of a core at a time, and
/// waits for the disk.
pub(super) struct Worker {
    parts: WorkerParts,
    events: Receiver<Event>,
    sender: Sender<Event>,
    ring: KeyRing,
    journal: Journal,
    ceremonies: Ceremonies,
    accusations: Accusations,
    standing: Arc<Mutex<Standing>>,
    known: Option<Known>,
    offices: Option<Offices>,
    certified: Option<Certified>,
    speaker: Option<Arc<Speaker>>,
    /// What is being said, or was lately, with when it may be said again.
    words: BTreeMap<About, Instant>,
    unsaid: Vec<(Instant, Box<Word>)>,
    looked: Option<Instant>,
    compacter: Compacter,
}

/// What the ledger says, as of one block.
struct Known {
    height: u64,
    state: State,
    issuing: IssuingFacts,
    facts: Facts,
    places: BTreeMap<Seat, Place>,
}

impl Worker {
    pub(super) fn new(
        parts: WorkerParts,
        (events, sender): (Receiver<Event>, Sender<Event>),
        (ring, ceremonies): (KeyRing, Ceremonies),
        journal: Journal,
        standing: Arc<Mutex<Standing>>,
    ) -> Self {
        Self {
            parts,
            events,
            sender,
            ring,
            journal,
            ceremonies,
            accusations: Accusations::new(),
            standing,
            known: None,
            offices: None,
            certified: None,
            speaker: None,
            words: BTreeMap::new(),
            unsaid: Vec::new(),
            looked: None,
            compacter: Compacter::default(),
        }
    }

    /// Runs until the unit ends, or what was promised cannot be kept.
    pub(super) fn run(mut self) {
        let _ending = Ending(Arc::clone(&self.standing));
        if let Err(error) = self.work() {
            error!(%error, "the unit issues nothing any more");
            self.show(|standing| standing.failed = true);
        }
    }

    fn work(&mut self) -> Result<(), JournalError> {
        loop {
            let first = match self.events.recv_timeout(self.wait()) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let now = self.parts.clock.now();
            self.look(now)?;
            let more = self.events.try_iter().take(EVENTS_AT_ONCE);
            let events: Vec<Event> = first.into_iter().chain(more).collect();
            for event in events {
                if matches!(event, Event::Stop) {
                    return Ok(());
                }
                self.handle(event, now);
            }
            self.poll(now)?;
            self.compacter.go_on(&mut self.journal, now.instant)?;
        }
    }

    /// How long nothing is due.
    fn wait(&self) -> Duration {
        let now = self.parts.clock.now().instant;
        let due = self.offices.as_ref().zip(self.known.as_ref());
        let due = due.and_then(|(offices, known)| offices.poll_timeout(&known.facts));
        let longest = self.compacter.pause().min(LOOK_EVERY);
        due.map_or(longest, |due| due.since(now).clamp(WAIT_MIN, longest))
    }

    fn handle(&mut self, event: Event, now: Now) {
        match event {
            Event::Request { request, reply } => self.request(&request, reply, now),
            Event::Collect { token, reply } => {
                self.with_offices("CollectTickets", now, reply, |offices, view| {
                    offices.handle_collect(token, view)
                });
            }
            Event::Deliver { message, reply } => {
                self.with_offices("Deliver", now, reply, |offices, view| {
                    offices.handle_message(&message, view)
                });
            }
            Event::Answered(nonce, answer) => {
                let home = home_of(&self.parts.engine);
                if let (Some(offices), Some(known)) = (&mut self.offices, &self.known) {
                    offices.handle_answer(nonce, answer.as_deref(), &known.view(&home, now));
                }
            }
            Event::Said(word, said) => self.said(word, said, now),
            Event::Accusation(station, accusation) => {
                let accused = (station, &accusation);
                self.accusations.handle_accusation(accused, now.instant);
                self.looked = None;
            }
            Event::Keys(ring, lifetime) => {
                self.ring = ring;
                self.ceremonies.set_lifetime(lifetime);
                self.certified = None;
                self.looked = None;
            }
            Event::Ledger | Event::Stop => {}
        }
    }

    fn request(&mut self, request: &[u8], reply: Reply, now: Now) {
        let engine = self.parts.engine.clone();
        let is_old = self.known.as_ref().is_some_and(|it| it.is_old(now));
        self.with_offices("RequestTickets", now, reply, |offices, view| {
            if is_old {
                return Err(Refusal::LedgerOld);
            }
            let enrolment = |opened: &OpenedRequest| {
                let vehicle = opened.vehicle();
                let state = (view.home)(vehicle.home);
                let state = state.filter(|_| !is_behind(&engine, vehicle.home));
                let state = state.ok_or(Refusal::Busy)?;
                Ok(to_enrolment(&state, vehicle, now.timestamp))
            };
            offices.handle_request(request, view, enrolment)
        });
    }

    /// Has the offices do something for who waits, or says that there are none.
    fn with_offices(
        &mut self,
        method: &'static str,
        now: Now,
        reply: Reply,
        work: impl FnOnce(&mut Offices, &View<'_>) -> Result<Vec<u8>, Refusal>,
    ) {
        let home = home_of(&self.parts.engine);
        match (&mut self.offices, &self.known) {
            (Some(offices), Some(known)) => {
                let answer = work(offices, &known.view(&home, now));
                let reason = answer.as_ref().err().map_or("ANSWERED", Refusal::reason);
                self.parts.metrics.count_request(method, reason);
                offices.reply(reply, answer);
            }
            _ => reply.send(Err(Refusal::NotIssuing)),
        }
    }

    /// Goes on, and lets out what is durable.
    fn poll(&mut self, now: Now) -> Result<(), JournalError> {
        let home = home_of(&self.parts.engine);
        let (Some(offices), Some(known)) = (&mut self.offices, &self.known) else {
            return Ok(());
        };
        offices.poll(&known.view(&home, now));
        let out = offices.take_out();
        self.release(out, now)
    }

    /// Makes promises durable, and only then does what rests on them.
    fn release(&mut self, out: Out, now: Now) -> Result<(), JournalError> {
        let records: Vec<Zeroizing<Vec<u8>>> = out.records.iter().map(Record::to_bytes).collect();
        self.journal
            .append(&records, &out.secrets, &out.forgotten)?;
        for effect in out.effects {
            match effect {
                Effect::Reply(reply, answer) => reply.send(answer),
                Effect::Send { to, nonce, message } => self.send(to, nonce, message),
                Effect::Say(word) => self.say(word, now),
            }
        }
        let is_due = |(at, _): &mut (Instant, _)| *at <= now.instant;
        let due: Vec<_> = self.unsaid.extract_if(.., is_due).collect();
        due.into_iter().for_each(|(_, word)| self.say(word, now));
        Ok(())
    }

    fn send(&self, to: Seat, nonce: Nonce, message: Vec<u8>) {
        let place = self
            .known
            .as_ref()
            .and_then(|it| it.places.get(&to).cloned());
        let (peers, sender) = (Arc::clone(&self.parts.peers), self.sender.clone());
        self.parts.runtime.spawn(async move {
            let answer = match place {
                Some(place) => peers.deliver(&place, message).await,
                None => None,
            };
            // Only while the unit ends is nobody there to hear it.
            let _ = sender.send(Event::Answered(nonce, answer));
        });
    }

    /// Says a word, unless one about the same is on its way.
    fn say(&mut self, word: Box<Word>, now: Now) {
        if let Action::CommitTickets(batch) = &word.action
            && !self.words.contains_key(&word.about)
        {
            let tickets = batch.slots.iter().map(|it| u64::from(it.tickets));
            self.parts.metrics.count_batch(tickets.sum());
        }
        let until = self.words.get(&word.about);
        if until.is_some_and(|until| now.instant < *until) {
            return;
        }
        let Some(speaker) = self.speaker.clone() else {
            return;
        };
        self.words.insert(word.about, now.instant + SAYING_MAX);
        let sender = self.sender.clone();
        self.parts.runtime.spawn(async move {
            let said = speaker.say(&word).await;
            // Only while the unit ends is nobody there to hear it.
            let _ = sender.send(Event::Said(word, said));
        });
    }

    fn said(&mut self, word: Box<Word>, said: Said, now: Now) {
        let is_done = said == Said::Applied;
        self.parts.metrics.count_word(word.about.name(), is_done);
        let pause = if is_done { SAID_PAUSE } else { REFUSED_PAUSE };
        self.words.insert(word.about, now.instant + pause);
        // All other words are found anew by looking at the ledger.
        if is_done || !matches!(word.about, About::Batch(_)) {
            return;
        }
        let policy = self.known.as_ref().map(|known| &known.issuing.policy);
        let is_late = policy.is_some_and(|it| word.is_too_late(it.slot_at(now.timestamp)));
        if said == Said::Refused || is_late || self.unsaid.len() >= UNSAID_MAX {
            warn!(about = ?word.about, ?said, is_late, "gave up committing to a batch of tickets");
            self.parts.metrics.count_word(LOST_BATCH, false);
            return;
        }
        self.unsaid.push((now.instant + pause, word));
    }

    /// Looks at the ledger and at everything that nothing announces.
    fn look(&mut self, now: Now) -> Result<(), JournalError> {
        let tip = self.parts.engine.tip(ShardId::GOVERNANCE);
        let height = tip.as_ref().map(|tip| tip.header.height);
        let is_known = self.known.as_ref().map(|known| known.height) == height;
        let is_due = self
            .looked
            .is_none_or(|at| now.instant.since(at) >= LOOK_EVERY);
        if is_known && !is_due {
            return Ok(());
        }
        self.looked = Some(now.instant);
        self.words.retain(|_, until| *until > now.instant);
        if !is_known {
            self.known = tip.and_then(|tip| Known::of(&tip, &self.parts.genesis));
        }
        self.certify(now);
        self.take_part(now)?;
        let home = home_of(&self.parts.engine);
        if let (Some(offices), Some(known)) = (&mut self.offices, &self.known) {
            let view = known.view(&home, now);
            self.ceremonies.poll(offices, &view);
            offices.look_at_orders(&view);
            self.accusations.poll(offices, &view);
        }
        self.begin_compaction(now)?;
        self.show_standing(now);
        if let Some(known) = &self.known {
            let head = known.state.revocation_head();
            let entries = head.map_or(0, |head| head.next.saturating_sub(head.first));
            let age = now.timestamp.since(known.issuing.as_of);
            self.parts.metrics.set_list(entries, age);
        }
        Ok(())
    }

    /// Finds which of the keys count now.
    fn certified_now(&self, now: Timestamp) -> Option<Certified> {
        let known = self.known.as_ref()?;
        self.ring.certified(&known.issuing, now)
    }

    fn certify(&mut self, now: Now) {
        let certified = self.certified_now(now.timestamp);
        if certified == self.certified {
            return;
        }
        let seat = certified.as_ref().map(|it| it.seat);
        if seat != self.certified.as_ref().map(|it| it.seat) && self.certified.is_some() {
            self.offices = None;
        }
        let keys = certified.as_ref();
        let keys = keys.and_then(|certified| self.ring.issuing_keys(certified));
        match (keys, &mut self.offices) {
            (Some(keys), Some(offices)) if Some(offices.seat) == seat => {
                offices.desk.handle_keys(keys);
            }
            (None, _) | (Some(_), Some(_)) => self.offices = None,
            (Some(_), None) => {}
        }
        let key = certified.as_ref().and_then(|it| self.ring.copy(it.current));
        self.speaker = key.map(|key| Arc::new(Speaker::new(key, &self.parts)));
        if let Some(certified) = &certified {
            info!(seat = %certified.seat, "speaks about tickets by another key from now on");
        } else {
            warn!("no key counts by which this unit could issue tickets");
        }
        self.certified = certified;
    }

    /// Takes the parts that the ledger gives this process, once it is clear where the ledger stands.
    fn take_part(&mut self, now: Now) -> Result<(), JournalError> {
        let (Some(certified), Some(known)) = (&self.certified, &self.known) else {
            return Ok(());
        };
        let home = home_of(&self.parts.engine);
        let view = known.view(&home, now);
        if self
            .offices
            .as_ref()
            .is_some_and(|it| !it.lacks_part(&view))
        {
            return Ok(());
        }
        if is_behind(&self.parts.engine, ShardId::GOVERNANCE) || known.is_old(now) {
            debug!("waits for the ledger before it issues");
            return Ok(());
        }
        let mut records = read(&self.journal)?;
        let past = self.journal.past()?;
        if past != Past::Known {
            let floors = floors(&view, certified.seat, past);
            let bytes: Vec<_> = floors.iter().map(Record::to_bytes).collect();
            self.journal.settle(&bytes)?;
            records.extend(floors);
        }
        if self.offices.is_none() {
            let Some(keys) = self.ring.issuing_keys(certified) else {
                return Ok(());
            };
            self.offices = Some(Offices::new(certified.seat, keys, &view, &records));
            self.ceremonies.give_again();
        }
        if let Some(offices) = &mut self.offices {
            offices.take_part(&self.parts.secret, &records, &view);
        }
        Ok(())
    }

    /// From time to time, begins to leave only what still matters in the journal.
    fn begin_compaction(&mut self, now: Now) -> Result<(), JournalError> {
        let (Some(offices), Some(known)) = (&mut self.offices, &self.known) else {
            return Ok(());
        };
        if !offices.out.records.is_empty() || !self.compacter.is_due(now.instant) {
            return Ok(());
        }
        let records = offices.desk.compact(&known.facts, now);
        self.compacter.begin(records, &mut self.journal)
    }

    fn show_standing(&mut self, now: Now) {
        let seat = self.certified.as_ref().map(|it| it.seat);
        let waiting = self.offices.as_mut().map_or(0, Offices::waiting);
        let lacks = match (&self.known, &self.certified, &self.offices) {
            (None, _, _) => Some("the ledger does not say what tickets are like"),
            (_, None, _) => Some("no issuing key of this unit counts"),
            (_, _, None) => Some("the ledger is not caught up with"),
            (Some(known), Some(_), Some(_)) if known.is_old(now) => {
                Some("the newest block is too old")
            }
            (Some(_), Some(_), Some(_)) => None,
        };
        self.parts.metrics.set_standing(waiting, lacks.is_none());
        self.show(|standing| {
            if standing.lacks != lacks {
                info!(lacks = lacks.unwrap_or("nothing"), "issuing tickets");
            }
            standing.seat = seat;
            standing.waiting = waiting;
            standing.lacks = lacks;
        });
    }

    fn show(&self, change: impl FnOnce(&mut Standing)) {
        // Every change leaves it whole.
        let standing = self.standing.lock();
        change(&mut standing.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Known {
    fn of(tip: &Tip, genesis: &Genesis) -> Option<Self> {
        let issuing = IssuingFacts::of_state(&tip.state, genesis)?;
        Some(Self {
            height: tip.header.height,
            state: tip.state.clone(),
            facts: Facts::of(&issuing),
            places: to_places(&issuing),
            issuing,
        })
    }

    /// Whether so much may have been revoked since that nothing must be issued by it.
    fn is_old(&self, now: Now) -> bool {
        now.timestamp.since(self.issuing.as_of) > LEDGER_AGE_MAX
    }

    fn view<'a>(&'a self, home: &'a dyn Fn(ShardId) -> Option<State>, now: Now) -> View<'a> {
        View {
            facts: &self.facts,
            issuing: &self.issuing,
            state: &self.state,
            home,
            now,
        }
    }
}

/// The newest final state of any shard that is kept here.
fn home_of(engine: &Handle) -> impl Fn(ShardId) -> Option<State> + use<> {
    let engine = engine.clone();
    move |shard| Some(engine.tip(shard)?.state)
}

fn is_behind(engine: &Handle, shard: ShardId) -> bool {
    let status = engine.status(shard);
    status
        .is_none_or(|status| status.catching_up && status.peer_height > status.height + BEHIND_MAX)
}

/// Every record of the journal.
pub(super) fn read(journal: &Journal) -> Result<Vec<Record>, JournalError> {
    let kept = journal.read()?;
    let records = kept
        .iter()
        .enumerate()
        .map(|(place, bytes)| Record::from_bytes(bytes).map_err(|_| JournalError::Unknown(place)));
    records.collect()
}

/// How often to look at what nothing announces.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So that a clock that stands still keeps no core busy.
const WAIT_MIN: Duration = Duration::from_millis(1);
/// How many events share one flush at most.
const EVENTS_AT_ONCE: usize = 256;
/// A word expires before it may be said once more.
const SAYING_MAX: Duration = Duration::from_secs(90);
/// Until what was said is seen in the state.
const SAID_PAUSE: Duration = Duration::from_secs(1);
const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// Commitments that the ledger did not take; further ones are lost, and the ledger counts less.
const UNSAID_MAX: usize = 10_000;
/// What words are counted as that are not said again, in metrics.
const LOST_BATCH: &str = "lost_batch";
/// How old the newest block may be when a process takes its parts or a request: some heartbeats.
const LEDGER_AGE_MAX: Duration = Duration::from_secs(150);
/// A few seconds under load.
const BEHIND_MAX: u64 = 64;
