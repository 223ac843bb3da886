use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use wayside::{
    security::{Credential, Slot, TrustDomain},
    time::{Instant, Now, Timestamp},
};

use super::{
    Answer, Errand, Horizon, Need, Problem, Refused, Tally, TicketRequest, TicketsConfig, Token,
    Write, Written,
    entry::{Entry, Stage, doubled},
};

/// The vehicle's tickets to come.
///
/// After each `handle_*`, do in this order what there is to do: write [`Self::poll_write`]'s, one
/// at a time, and report it by [`Self::handle_written`] or [`Self::handle_write_failed`]; draft
/// [`Self::poll_draft`]'s and report it by [`Self::handle_draft`] or [`Self::handle_draft_failed`];
/// run [`Self::poll_errand`]'s while a unit is in reach. Look again once [`Self::poll_timeout`] has
/// passed.
pub struct Preloader {
    config: TicketsConfig,
    /// What the ledger says of tickets; `None` before anything is known.
    issuing: Option<(Horizon, Arc<TrustDomain>)>,
    /// The slots of tickets on disk.
    held: BTreeSet<Slot>,
    /// The slots of files on disk, whether their tickets count or not.
    files: BTreeSet<Slot>,
    /// The slots for which an issuer gives no ticket.
    spent: BTreeSet<Slot>,
    requests: BTreeMap<Token, Entry>,
    writes: VecDeque<Write>,
    is_writing: bool,
    write_not_before: Option<Instant>,
    is_drafting: bool,
    /// There were few, and not all that are wanted have been asked for since.
    is_refilling: bool,
    /// There are few, as last looked at.
    is_low: bool,
    asking: Asking,
    /// When the driving stack was last known to be at work, and how long before that it told its state.
    driven: Option<(Instant, Duration)>,
    is_clock_doubted: bool,
    swept: Option<Slot>,
    problem: Option<(Problem, Timestamp)>,
    tally: Tally,
}

/// How things are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PreloadState {
    /// Requests on their way.
    pub requests: usize,
    /// The slots that they are for.
    pub slots: usize,
    /// Whether there are so few tickets that more are needed.
    pub is_low: bool,
    /// What went wrong last, and when; `None` once tickets came after it.
    pub problem: Option<(Problem, Timestamp)>,
    /// What happened since the start.
    pub tally: Tally,
}

/// Whether and when to ask for more.
#[derive(Debug, Default)]
struct Asking {
    failures: u32,
    not_before: Option<Instant>,
}

impl Preloader {
    /// Goes on with the requests that the disk has, and the slots of the tickets there.
    pub fn new(
        config: TicketsConfig,
        requests: Vec<TicketRequest>,
        held: BTreeSet<Slot>,
        now: Now,
    ) -> Self {
        let mut preloader = Self {
            config,
            issuing: None,
            files: held.clone(),
            held,
            spent: BTreeSet::new(),
            requests: BTreeMap::new(),
            writes: VecDeque::new(),
            is_writing: false,
            write_not_before: None,
            is_drafting: false,
            is_refilling: false,
            is_low: false,
            asking: Asking::default(),
            driven: None,
            is_clock_doubted: false,
            swept: None,
            problem: None,
            tally: Tally::default(),
        };
        for request in requests {
            let token = request.token;
            // Its operator may have had it for long: asking for what came of it costs nothing.
            let entry = Entry::new(request, Stage::Taken, now.instant);
            preloader.requests.insert(token, entry);
            preloader.finish_if_done(token);
        }
        preloader
    }

    /// The ledger says which tickets are given, and whose count.
    pub fn handle_issuing(&mut self, horizon: Horizon, domain: Arc<TrustDomain>) {
        self.issuing = Some((horizon, domain));
    }

    /// The driving stack told the vehicle's state so long ago.
    pub fn handle_driving(&mut self, ago: Duration, now: Now) {
        self.driven = Some((now.instant, ago));
    }

    /// The clock is doubted, or no longer: nobody knows then which slot it is.
    pub fn handle_clock(&mut self, is_doubted: bool) {
        self.is_clock_doubted = is_doubted;
    }

    /// Somebody else put tickets of these slots on disk.
    pub fn handle_held(&mut self, slots: impl IntoIterator<Item = Slot>) {
        for slot in slots {
            self.held.insert(slot);
            self.files.insert(slot);
        }
    }

    /// Tickets of these slots count no more, so that their slots may be asked for again.
    pub fn handle_outdated(&mut self, slots: impl IntoIterator<Item = Slot>) {
        for slot in slots {
            self.held.remove(&slot);
            self.spent.remove(&slot);
        }
    }

    /// The disk has files of these slots, whose tickets may not count.
    pub fn handle_files(&mut self, slots: impl IntoIterator<Item = Slot>) {
        self.files.extend(slots);
    }

    /// No unit is in reach.
    pub fn handle_unreachable(&mut self, reason: String, now: Now) {
        self.note(Problem::NoUnit(reason), now);
    }

    /// What [`Self::poll_draft`] asked for was drafted, for each operator's replica one.
    pub fn handle_draft(&mut self, requests: Vec<TicketRequest>, now: Now) {
        self.is_drafting = false;
        for request in requests {
            let token = request.token;
            let entry = Entry::new(request, Stage::Drafted, now.instant);
            self.writes
                .push_back(Write::Keep(Arc::clone(&entry.request)));
            self.requests.insert(token, entry);
        }
    }

    /// It could not be drafted.
    pub fn handle_draft_failed(&mut self, reason: String, now: Now) {
        self.is_drafting = false;
        self.pause_asking(now);
        self.note(Problem::NoIssuer(reason), now);
    }

    /// The disk has what [`Self::poll_write`] gave out.
    pub fn handle_written(&mut self, written: Written, now: Now) {
        self.is_writing = false;
        match written {
            Written::Kept(token) => {
                self.tally.requests += 1;
                self.advance(token, Stage::Kept, now.instant);
            }
            Written::Tickets(token, slots) => {
                self.tally.tickets += u64::try_from(slots.len()).unwrap_or(u64::MAX);
                self.handle_held(slots);
                self.asking = Asking::default();
                self.problem = None;
                self.advance(token, Stage::Taken, now.instant);
                self.postpone_collecting(token, now);
                self.finish_if_done(token);
            }
            Written::Forgotten(token) => {
                self.requests.remove(&token);
            }
            Written::Removed => {}
        }
    }

    /// The disk refused what [`Self::poll_write`] gave out.
    ///
    /// A request that is not on disk is dropped, since its keys might be lost once it is sent.
    pub fn handle_write_failed(&mut self, write: Write, reason: String, now: Now) {
        self.is_writing = false;
        self.write_not_before = Some(now.instant + self.config.retry_pause_min);
        self.note(Problem::Disk(reason), now);
        match write {
            Write::Keep(request) => {
                self.requests.remove(&request.token);
                self.pause_asking(now);
            }
            write @ (Write::Tickets(..) | Write::Forget(_) | Write::Remove(_)) => {
                self.writes.push_front(write);
            }
        }
    }

    /// A unit answered an errand; what was not asked is passed over.
    pub fn handle_answer(&mut self, token: Token, answer: Answer, now: Now) {
        let Some(entry) = self.requests.get_mut(&token).filter(|entry| entry.is_out) else {
            return;
        };
        entry.is_out = false;
        match answer {
            Answer::Accepted { ready_in, used } => {
                // An operator's guess is the latest: most batches are full before.
                let ready = now.instant + ready_in.min(COLLECT_PAUSE);
                entry.accept();
                self.advance(token, Stage::Taken, ready);
                self.give_up(token, &used);
            }
            Answer::Unknown(said_by) => {
                entry.unknown.insert(said_by);
                entry.stage = Stage::Kept;
                self.postpone(token, now);
            }
            Answer::Stale(said_by) => {
                entry.stale.insert(said_by);
                if entry.is_stale() {
                    self.finish(token);
                } else {
                    entry.doubt();
                    self.postpone(token, now);
                }
            }
            Answer::Refused(refused) => self.handle_refused(token, refused, now),
            Answer::Collected { tickets, failed } => {
                entry.accept();
                self.give_up(token, &failed);
                self.handle_tickets(token, tickets, now);
            }
            Answer::BadTicket(slot, reason) => {
                self.tally.bad_tickets += 1;
                self.postpone(token, now);
                self.note(Problem::BadTicket(slot, reason), now);
            }
            Answer::Unreadable(reason) => {
                entry.doubt();
                self.postpone(token, now);
                self.note(Problem::Unreadable(reason), now);
            }
            Answer::Failed(reason) => {
                entry.doubt();
                self.postpone(token, now);
                self.note(Problem::NoUnit(reason), now);
            }
        }
    }

    /// The connection is gone, and with it every errand that has no answer.
    pub fn handle_lost(&mut self, now: Now) {
        let out = self.requests.iter_mut().filter(|(_, entry)| entry.is_out);
        let out = out.map(|(token, entry)| {
            entry.doubt();
            *token
        });
        for token in out.collect::<Vec<_>>() {
            self.postpone(token, now);
        }
    }

    /// What has to be written next; `None` while something is being written.
    pub fn poll_write(&mut self, now: Now) -> Option<Write> {
        if self.is_writing || self.write_not_before.is_some_and(|at| at > now.instant) {
            return None;
        }
        self.write_not_before = None;
        self.sweep(now);
        let write = self.writes.pop_front()?;
        self.is_writing = true;
        Some(write)
    }

    /// The slots that a request is to be drafted for; `None` for none now.
    pub fn poll_draft(&mut self, now: Now) -> Option<Vec<Slot>> {
        let is_due = self.asking.not_before.is_none_or(|at| at <= now.instant);
        let has_room = self.requests.len() < self.config.requests_max.get();
        if !self.config.fetch
            || self.is_drafting
            || !is_due
            || !has_room
            || self.is_clock_doubted
            // What the disk refuses now, it would refuse again.
            || self.write_not_before.is_some_and(|at| at > now.instant)
        {
            return None;
        }
        let (horizon, _) = self.issuing.as_ref()?;
        let need = Need::new(&self.config, *horizon, self.is_driving(now));
        let mut known = self.held.clone();
        known.extend(&self.spent);
        known.extend(self.requests.values().flat_map(|it| it.request.slots()));
        self.is_low = need.is_low(&self.held, now.timestamp);
        self.is_refilling |= need.is_low(&known, now.timestamp);
        let mut missing = need.missing(&known, now.timestamp);
        self.is_refilling &= !missing.is_empty();
        missing.truncate(self.config.batch_max());
        if !self.is_refilling {
            return None;
        }
        self.is_drafting = true;
        Some(missing)
    }

    /// Whether a unit is needed now.
    pub fn wants_unit(&self, now: Now) -> bool {
        self.requests.values().any(|entry| entry.is_due(now))
    }

    /// What to ask a unit next.
    pub fn poll_errand(&mut self, now: Now) -> Option<Errand> {
        let entry = self.requests.values_mut().find(|entry| entry.is_due(now))?;
        entry.is_out = true;
        let request = Arc::clone(&entry.request);
        Some(match entry.stage {
            Stage::Taken => Errand::Collect(request),
            Stage::Drafted | Stage::Kept | Stage::Received | Stage::Over => Errand::Send(request),
        })
    }

    /// Whether the vehicle was driven lately.
    pub fn is_driving(&self, now: Now) -> bool {
        let silent = |(at, ago): (Instant, Duration)| now.instant.since(at).saturating_add(ago);
        self.driven
            .is_some_and(|driven| silent(driven) < self.config.parked_after)
    }

    /// Whether any request waits.
    pub fn has_requests(&self) -> bool {
        !self.requests.is_empty()
    }

    /// The operators that the requests are for.
    pub fn operators(&self) -> BTreeSet<u16> {
        self.requests
            .values()
            .map(|it| it.request.seat.operator)
            .collect()
    }

    /// When there may be something to do that there is not now.
    pub fn poll_timeout(&self, now: Now) -> Instant {
        let waiting =
            |entry: &&Entry| !entry.is_out && matches!(entry.stage, Stage::Kept | Stage::Taken);
        let due = self.requests.values().filter(waiting).map(|it| it.due);
        let pauses = [self.write_not_before, self.asking.not_before];
        let next = due.chain(pauses.into_iter().flatten());
        // The need grows as time passes.
        let slots = self.issuing.as_ref().map(|(horizon, _)| horizon.slots);
        let slot = slots.map_or(LOOK_INTERVAL_MAX, |slots| slots.length() / 2);
        let look = now.instant + slot.clamp(LOOK_INTERVAL_MIN, LOOK_INTERVAL_MAX);
        next.filter(|at| *at > now.instant).fold(look, Instant::min)
    }

    /// How things are.
    pub fn state(&self) -> PreloadState {
        let waiting = self.requests.values().filter(|it| it.stage != Stage::Over);
        PreloadState {
            requests: waiting.clone().count(),
            slots: waiting.map(|it| it.request.slots().count()).sum(),
            is_low: self.is_low,
            problem: self.problem.clone(),
            tally: self.tally.clone(),
        }
    }

    fn handle_refused(&mut self, token: Token, refused: Refused, now: Now) {
        *self.tally.refused.entry(refused.name()).or_default() += 1;
        self.note(Problem::Refused(refused), now);
        let is_late = matches!(refused, Refused::Clock | Refused::Outdated);
        let entry = self.requests.get_mut(&token);
        if is_late && let Some(entry) = entry.filter(|entry| entry.may_have_tickets()) {
            // It says nothing of what came of the same request when it was sent before.
            entry.stage = Stage::Taken;
            return self.postpone(token, now);
        }
        match refused {
            // The same request may come through later.
            Refused::Busy => return self.postpone(token, now),
            Refused::Used => {
                let entry = self.requests.get(&token);
                let slots = entry.into_iter().flat_map(|it| it.request.slots());
                self.spent.extend(slots);
            }
            Refused::Revoked => {
                self.asking.not_before = Some(now.instant + self.config.retry_pause_max);
            }
            Refused::Suspended
            | Refused::NotEnrolled
            | Refused::NoIssuer
            | Refused::Clock
            | Refused::Outdated => self.pause_asking(now),
        }
        self.finish(token);
    }

    /// Believes what verifies. What does not may come right from another unit, or never.
    fn handle_tickets(&mut self, token: Token, tickets: Vec<Credential>, now: Now) {
        let mut good = Vec::new();
        let mut bad = None;
        for credential in tickets {
            let slot = credential.ticket().slot();
            if self.held.contains(&slot) {
                continue;
            }
            match self.believe(token, &credential) {
                Ok(()) => good.push(credential),
                Err(reason) => {
                    self.tally.bad_tickets += 1;
                    bad = Some(Problem::BadTicket(slot, reason));
                }
            }
        }
        if good.is_empty() {
            self.postpone_collecting(token, now);
            self.finish_if_done(token);
        } else {
            self.advance(token, Stage::Received, now.instant);
            self.writes.push_back(Write::Tickets(token, good));
        }
        if let Some(problem) = bad {
            self.note(problem, now);
        }
    }

    fn believe(&self, token: Token, credential: &Credential) -> Result<(), String> {
        let ticket = credential.ticket();
        let entry = self.requests.get(&token);
        let mut asked = entry.into_iter().flat_map(|it| it.request.slots());
        if !asked.any(|slot| slot == ticket.slot()) {
            return Err("its slot was not asked for".to_owned());
        }
        let (_, domain) = self.issuing.as_ref().ok_or("no trust domain is known")?;
        let admitted = domain.admit(ticket);
        admitted.map_err(|refusal| refusal.to_string())?;
        Ok(())
    }

    /// Nobody gives tickets for these slots, as far as they were asked for.
    fn give_up(&mut self, token: Token, slots: &[Slot]) {
        if let Some(entry) = self.requests.get(&token) {
            let asked: BTreeSet<Slot> = entry.request.slots().collect();
            let known = slots.iter().filter(|slot| asked.contains(slot));
            self.spent.extend(known);
        }
        self.finish_if_done(token);
    }

    /// A request whose slots all have tickets or are over is done.
    fn finish_if_done(&mut self, token: Token) {
        let Some(entry) = self.requests.get(&token) else {
            return;
        };
        let is_done = |slot: Slot| self.held.contains(&slot) || self.spent.contains(&slot);
        if entry.request.slots().all(is_done) {
            self.finish(token);
        }
    }

    fn finish(&mut self, token: Token) {
        if let Some(entry) = self.requests.get_mut(&token)
            && entry.stage != Stage::Over
        {
            entry.stage = Stage::Over;
            self.writes.push_back(Write::Forget(token));
        }
    }

    /// Lets go of requests whose slots are over, and of tickets that are of no use any more.
    fn sweep(&mut self, now: Now) {
        let Some((horizon, _)) = &self.issuing else {
            return;
        };
        let slots = horizon.slots;
        let present = slots.slot_at(now.timestamp);
        // A clock that is wrong must not cost tickets.
        if self.is_clock_doubted || self.swept == Some(present) {
            return;
        }
        self.swept = Some(present);
        let is_over = |slot: Slot| slots.valid_until(slot) < now.timestamp;
        self.spent.retain(|slot| !is_over(*slot));
        let over = self.requests.iter().filter(|(_, entry)| {
            matches!(entry.stage, Stage::Kept | Stage::Taken)
                && !entry.is_out
                && entry.request.slots().all(is_over)
        });
        for token in over.map(|(token, _)| *token).collect::<Vec<_>>() {
            self.tally.expired += 1;
            self.finish(token);
        }
        let kept_from = now.timestamp.saturating_sub(TICKET_KEPT);
        let old = self.files.iter().copied();
        let old: Vec<Slot> = old
            .filter(|it| slots.valid_until(*it) < kept_from)
            .collect();
        if !old.is_empty() {
            self.held.retain(|slot| !old.contains(slot));
            self.files.retain(|slot| !old.contains(slot));
            self.writes.push_back(Write::Remove(old));
        }
    }

    fn advance(&mut self, token: Token, stage: Stage, due: Instant) {
        if let Some(entry) = self.requests.get_mut(&token) {
            entry.stage = stage;
            entry.failures = 0;
            entry.due = due;
            entry.is_out = false;
        }
    }

    /// Tries again later, and later each time.
    fn postpone(&mut self, token: Token, now: Now) {
        let TicketsConfig {
            retry_pause_min,
            retry_pause_max,
            ..
        } = self.config;
        if let Some(entry) = self.requests.get_mut(&token) {
            entry.is_out = false;
            entry.due = now.instant + entry.pause(retry_pause_min, retry_pause_max);
            entry.failures = entry.failures.saturating_add(1);
        }
    }

    /// The same, for tickets that are being made.
    fn postpone_collecting(&mut self, token: Token, now: Now) {
        let shortest = self.config.retry_pause_min;
        if let Some(entry) = self.requests.get_mut(&token) {
            entry.is_out = false;
            entry.due = now.instant + entry.pause(shortest, PENDING_PAUSE_MAX);
            entry.failures = entry.failures.saturating_add(1);
        }
    }

    fn pause_asking(&mut self, now: Now) {
        let asking = &mut self.asking;
        let (shortest, longest) = (self.config.retry_pause_min, self.config.retry_pause_max);
        asking.not_before = Some(now.instant + doubled(shortest, asking.failures).min(longest));
        asking.failures = asking.failures.saturating_add(1);
    }

    fn note(&mut self, problem: Problem, now: Now) {
        self.problem = Some((problem, now.timestamp));
    }
}

/// How long a request is left alone once its operator has it.
const COLLECT_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause before tickets are asked for that their operator is making.
const PENDING_PAUSE_MAX: Duration = Duration::from_secs(30);
/// A ticket is kept for as long as a hazard may hold that it signed.
const TICKET_KEPT: Duration = Duration::from_secs(24 * 3_600);
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(250);
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(30);
