use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Enrolment, EnrolmentStatus, Facts, LinkageSecret, OpenedRequest, Record, SealedAnswer,
    SealedTicket, Seat, Staged, TicketBlob, TicketRefusal, Token, VehicleHandle,
    answer::{Answer, Collected},
    batch::Batches,
    chains::Chains,
    encoding::encode,
    record::{RequestedTicket, RequestedTickets},
    request::TicketRequest,
};
use crate::{
    crypto::{Digest, Purpose, SealingKey, random_bytes},
    id::{GroupId, VehicleId},
    ledger::TicketHandle,
    security::{LinkageAuthority, LinkageSeed, Slot},
    time::{Instant, Now, Timestamp},
};

/// The enrolment authority of a group, which is its first linkage authority: decides which vehicle gets
/// a ticket for which slot, one each, and sees none of them.
///
/// A request is opened with [`SealedRequest::open`](super::SealedRequest::open), its vehicle looked up,
/// and both given to [`Self::handle_request`]; [`Self::handle_collect`] answers what came of it. For the
/// conversation with the other roles call [`Self::poll_dispatch`] until it returns `None`, after every
/// `handle_*` and at [`Self::poll_timeout`], send what it gives, and pass what comes back to
/// [`Self::handle_answer`]; a [`Desk`](super::Desk) does, and tells it of refusals and of what nobody
/// answered. Write down the records of all that is staged.
pub struct EnrolmentAuthority {
    pub(super) seat: Seat,
    pub(super) group: GroupId,
    pub(super) chains: Chains,
    pub(super) tickets: BTreeMap<TicketHandle, Wanted>,
    /// By slot first, so that what is over lies together.
    used: BTreeMap<(u32, VehicleId), TicketHandle>,
    requests: BTreeMap<Token, Asked>,
    /// It gives nothing for earlier slots, since it may have forgotten what it gave.
    first_slot: Slot,
    /// What waits for others' tickets of the same slot, and since when.
    pub(super) waiting: BTreeMap<u32, BTreeMap<TicketHandle, Instant>>,
    pub(super) batches: Batches,
    /// What was refused and waits until it is tried again, by when that is.
    pub(super) aside: BTreeSet<(Instant, TicketHandle)>,
}

/// A ticket that is wanted.
pub(super) struct Wanted {
    pub(super) token: Token,
    pub(super) vehicle: VehicleHandle,
    pub(super) slot: u32,
    pub(super) members: Vec<u16>,
    pub(super) blobs: Vec<TicketBlob>,
    /// The members that were found not to sign it.
    pub(super) refused_by: BTreeSet<u16>,
    /// How often its batch came to nothing.
    pub(super) failures: u32,
    pub(super) state: State,
}

pub(super) enum State {
    Making,
    Made {
        ticket: SealedTicket,
        /// The key that signed it.
        issuer: u16,
    },
    Failed,
}

impl Wanted {
    /// Whether it is still being made.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Making)
    }
}

/// A request that was accepted.
struct Asked {
    digest: Digest,
    vehicle: VehicleId,
    generation: u32,
    response_key: [u8; 32],
    members: Vec<u16>,
    used: Vec<u32>,
    handles: Vec<TicketHandle>,
    last_slot: u32,
}

impl EnrolmentAuthority {
    /// The authority that goes on after `records`. All its operator's processes for the group have the
    /// same secret.
    pub fn new(
        seat: Seat,
        group: GroupId,
        secret: LinkageSecret,
        records: &[Record],
        now: Now,
    ) -> Self {
        let mut authority = Self {
            seat,
            group,
            chains: Chains::new(LinkageAuthority::First, secret),
            tickets: BTreeMap::new(),
            used: BTreeMap::new(),
            requests: BTreeMap::new(),
            first_slot: Slot::from_number(0),
            waiting: BTreeMap::new(),
            batches: Batches::default(),
            aside: BTreeSet::new(),
        };
        for record in records {
            match record {
                Record::Requested(request) if request.group == group => {
                    authority.remember(request, now.instant);
                }
                Record::Minted {
                    group: of,
                    issuer,
                    tickets,
                } if *of == group => {
                    authority.make(*issuer, tickets);
                }
                Record::Failed { group: of, handles } if *of == group => {
                    authority.fail(handles.iter().copied());
                }
                Record::Floor { group: of, slot } if *of == group => {
                    authority.first_slot = Slot::from_number(*slot);
                }
                Record::Floor { .. }
                | Record::Requested(_)
                | Record::Minted { .. }
                | Record::Failed { .. }
                | Record::Linked { .. }
                | Record::Taken { .. }
                | Record::Kept { .. } => {}
            }
        }
        authority
    }

    /// Answers a request. `enrolment` is what the ledger says about [`OpenedRequest::vehicle`], `None` if
    /// nothing.
    ///
    /// Costs a signature check.
    pub fn handle_request(
        &mut self,
        opened: &OpenedRequest,
        enrolment: Option<&Enrolment>,
        facts: &Facts,
        now: Now,
    ) -> Option<Staged<SealedAnswer>> {
        let request = &opened.request;
        let staged = match self.accept(opened, enrolment, facts, now) {
            Ok(staged) => staged,
            Err(refusal) => Staged::ready(Answer::Refused(refusal)),
        };
        self.seal(request.token, request.response_key, facts, staged)
    }

    /// Tells what came of an earlier request; `None` for a token that nobody was given.
    pub fn handle_collect(&mut self, token: Token, facts: &Facts) -> Option<Staged<SealedAnswer>> {
        let asked = self.requests.get(&token)?;
        let mut collected = Collected::default();
        for wanted in asked.handles.iter().filter_map(|it| self.tickets.get(it)) {
            match &wanted.state {
                // Asked for anew since, with other keys.
                _ if wanted.token != token => collected.failed.push(wanted.slot),
                State::Making => collected.waiting = collected.waiting.saturating_add(1),
                State::Made { ticket, .. } => collected.tickets.push((wanted.slot, *ticket)),
                State::Failed => collected.failed.push(wanted.slot),
            }
        }
        let answer = Staged::ready(Answer::Collected(collected));
        self.seal(token, asked.response_key, facts, answer)
    }

    /// The seed of a ticket's slot and its vehicle, for a revocation that the ledger orders; `None` for a
    /// ticket that is not known here. Tell it to nobody before.
    pub fn seed_of(
        &mut self,
        handle: TicketHandle,
        facts: &Facts,
        now: Timestamp,
    ) -> Option<(VehicleId, Slot, LinkageSeed)> {
        let wanted = self.tickets.get(&handle)?;
        let vehicle = self.requests.get(&wanted.token)?.vehicle;
        let slot = Slot::from_number(wanted.slot);
        let slots = (facts.origin, facts.kept_from(now));
        Some((
            vehicle,
            slot,
            self.chains.seed(wanted.vehicle, slot, slots)?,
        ))
    }

    /// Forgets what is over, and gives all that is left, to write down anew in place of all records.
    pub fn compact(&mut self, facts: &Facts, now: Timestamp) -> Vec<Record> {
        let floor = facts.kept_from(now).number();
        self.used.retain(|(slot, _), _| *slot >= floor);
        self.waiting.retain(|slot, _| *slot >= floor);
        self.requests.retain(|_, asked| asked.last_slot >= floor);
        let requests = &self.requests;
        self.tickets
            .retain(|_, wanted| requests.contains_key(&wanted.token));
        let tickets = &self.tickets;
        self.batches.retain(|handle| tickets.contains_key(handle));
        let mut records = vec![Record::floor(self.group, self.first_slot)];
        for (token, asked) in &self.requests {
            records.push(Record::Requested(self.record(*token, asked)));
            records.extend(self.outcomes(*token, asked));
        }
        records
    }

    /// How many tickets are being made.
    pub fn waiting(&self) -> usize {
        self.tickets.values().filter(|it| it.is_open()).count()
    }

    /// Decides on a request.
    pub(super) fn accept(
        &mut self,
        opened: &OpenedRequest,
        enrolment: Option<&Enrolment>,
        facts: &Facts,
        now: Now,
    ) -> Result<Staged<Answer>, TicketRefusal> {
        let request = &opened.request;
        let enrolment = self.check_vehicle(opened, enrolment)?;
        if let Some(known) = self.requests.get(&request.token) {
            // The answer to the first time may have been lost, however long ago; nobody else can have
            // this token.
            return match known.digest == opened.digest {
                true => Ok(Staged::ready(Answer::accepted(
                    facts.batch_wait,
                    known.used.clone(),
                ))),
                false => Err(TicketRefusal::UnknownToken),
            };
        }
        let away = now.timestamp.since(request.time);
        let away = away.max(request.time.since(now.timestamp));
        if away > REQUEST_AGE_MAX {
            return Err(TicketRefusal::Stale);
        }
        self.check_slots(request, enrolment, facts, now.timestamp)?;
        if self.waiting.len() >= SLOTS_WAITING_MAX || self.tickets.len() >= TICKETS_MAX {
            return Err(TicketRefusal::Busy);
        }
        let is_used = |slot: u32| {
            let handle = self.used.get(&(slot, request.vehicle));
            handle.is_some_and(|it| !self.is_void(*it, enrolment.generation, facts))
        };
        let (used, free): (Vec<_>, Vec<_>) = request.wanted.iter().partition(|it| is_used(it.slot));
        if free.is_empty() {
            return Err(TicketRefusal::Used);
        }
        // One that is made anew keeps its name: nobody else gives the slot another one.
        let name = |slot| {
            let earlier = self.used.get(&(slot, request.vehicle)).copied();
            earlier.unwrap_or_else(|| TicketHandle::from_bytes(random_bytes()))
        };
        let tickets = free.into_iter().map(|wanted| RequestedTicket {
            handle: name(wanted.slot),
            slot: wanted.slot,
            blobs: wanted.blobs.clone(),
        });
        let record = RequestedTickets {
            group: self.group,
            token: request.token,
            digest: opened.digest,
            vehicle: request.vehicle,
            generation: enrolment.generation,
            response_key: request.response_key,
            members: request.members.clone(),
            used: used.iter().map(|it| it.slot).collect(),
            tickets: tickets.collect(),
        };
        self.remember(&record, now.instant);
        let answer = Answer::accepted(self.ready_in(&record, facts), record.used.clone());
        Ok(Staged::new(vec![Record::Requested(record)], answer))
    }

    /// Whether a ticket was made, and counts no more since its key was withdrawn. A vehicle that got
    /// other linkage chains meanwhile gets none: its slot's name belongs to the earlier ones.
    fn is_void(&self, handle: TicketHandle, generation: u32, facts: &Facts) -> bool {
        let Some(wanted) = self.tickets.get(&handle) else {
            return false;
        };
        let asked = self.requests.get(&wanted.token);
        let next = facts.issuer(self.group, Slot::from_number(wanted.slot));
        match (&wanted.state, next) {
            (State::Made { issuer, .. }, Some(next)) => {
                facts.is_withdrawn(*issuer, next.id)
                    && asked.is_some_and(|it| it.generation == generation)
            }
            (State::Made { .. }, None) | (State::Making | State::Failed, _) => false,
        }
    }

    /// When it is worth asking for the tickets of a request: soon, unless they wait for others.
    fn ready_in(&self, request: &RequestedTickets, facts: &Facts) -> Duration {
        let enough = usize::try_from(facts.batch_vehicles_min).unwrap_or(usize::MAX);
        let is_full = request.tickets.iter().all(|ticket| {
            let waiting = self.waiting.get(&ticket.slot);
            waiting.is_some_and(|waiting| waiting.len() >= enough)
        });
        if is_full {
            SIGNING_TIME
        } else {
            facts.batch_wait.saturating_add(SIGNING_TIME)
        }
    }

    fn check_vehicle<'a>(
        &self,
        opened: &OpenedRequest,
        enrolment: Option<&'a Enrolment>,
    ) -> Result<&'a Enrolment, TicketRefusal> {
        let request = &opened.request;
        let enrolment = enrolment.filter(|it| it.group == self.group && request.group == it.group);
        let enrolment = enrolment.ok_or(TicketRefusal::NotEnrolled)?;
        if request.to != self.seat || !opened.is_signed_by(&enrolment.key) {
            return Err(TicketRefusal::NotEnrolled);
        }
        match enrolment.status {
            EnrolmentStatus::Active => Ok(enrolment),
            EnrolmentStatus::Suspended => Err(TicketRefusal::Suspended),
            EnrolmentStatus::Revoked => Err(TicketRefusal::Revoked),
        }
    }

    fn check_slots(
        &self,
        request: &TicketRequest,
        enrolment: &Enrolment,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<(), TicketRefusal> {
        let (first, last) = facts.window(now);
        let first = first.max(enrolment.first_slot).max(self.first_slot);
        for wanted in &request.wanted {
            let slot = Slot::from_number(wanted.slot);
            if !(first.max(facts.origin)..=last).contains(&slot) {
                return Err(TicketRefusal::OutOfWindow);
            }
            if facts.writer(self.group, &request.vehicle, slot) != Some(self.seat) {
                return Err(TicketRefusal::OtherWriter);
            }
            let issuer = facts.issuer(self.group, slot);
            let issuer = issuer.ok_or(TicketRefusal::NoIssuer)?;
            let sealed = wanted.blobs.iter().filter(|it| !it.is_left_out());
            if issuer.members != request.members || sealed.count() < issuer.threshold.into() {
                return Err(TicketRefusal::OtherMembers);
            }
        }
        Ok(())
    }

    fn remember(&mut self, request: &RequestedTickets, now: Instant) {
        let vehicle = self.vehicle_handle(&request.vehicle, request.generation);
        for ticket in &request.tickets {
            let earlier = self
                .used
                .insert((ticket.slot, request.vehicle), ticket.handle);
            assert!(
                earlier.is_none_or(|handle| handle == ticket.handle),
                "a vehicle has one ticket for a slot"
            );
            self.tickets.insert(
                ticket.handle,
                Wanted {
                    token: request.token,
                    vehicle,
                    slot: ticket.slot,
                    members: request.members.clone(),
                    blobs: ticket.blobs.clone(),
                    refused_by: BTreeSet::new(),
                    failures: 0,
                    state: State::Making,
                },
            );
            let waiting = self.waiting.entry(ticket.slot).or_default();
            waiting.insert(ticket.handle, now);
        }
        let asked = Asked {
            digest: request.digest,
            vehicle: request.vehicle,
            generation: request.generation,
            response_key: request.response_key,
            members: request.members.clone(),
            used: request.used.clone(),
            handles: request.tickets.iter().map(|it| it.handle).collect(),
            last_slot: request.tickets.iter().map(|it| it.slot).max().unwrap_or(0),
        };
        self.requests.insert(request.token, asked);
    }

    /// Takes in that tickets are made; the first ones stay.
    pub(super) fn make(&mut self, issuer: u16, tickets: &[(TicketHandle, SealedTicket)]) {
        for (handle, ticket) in tickets {
            let ticket = *ticket;
            self.settle(*handle, State::Made { ticket, issuer });
        }
    }

    /// Takes in that no tickets will come.
    pub(super) fn fail(&mut self, handles: impl IntoIterator<Item = TicketHandle>) {
        for handle in handles {
            self.settle(handle, State::Failed);
        }
    }

    fn settle(&mut self, handle: TicketHandle, state: State) {
        let Some(wanted) = self.tickets.get_mut(&handle) else {
            return;
        };
        if let State::Making = wanted.state {
            wanted.state = state;
            wanted.blobs = Vec::new();
        }
        if let Some(waiting) = self.waiting.get_mut(&wanted.slot) {
            waiting.remove(&handle);
            if waiting.is_empty() {
                self.waiting.remove(&wanted.slot);
            }
        }
    }

    fn record(&self, token: Token, asked: &Asked) -> RequestedTickets {
        let ticket = |handle: &TicketHandle| {
            let wanted = self.tickets.get(handle).filter(|it| it.token == token)?;
            Some(RequestedTicket {
                handle: *handle,
                slot: wanted.slot,
                blobs: wanted.blobs.clone(),
            })
        };
        RequestedTickets {
            group: self.group,
            token,
            digest: asked.digest,
            vehicle: asked.vehicle,
            generation: asked.generation,
            response_key: asked.response_key,
            members: asked.members.clone(),
            used: asked.used.clone(),
            tickets: asked.handles.iter().filter_map(ticket).collect(),
        }
    }

    /// What came of a request, as records.
    fn outcomes(&self, token: Token, asked: &Asked) -> Vec<Record> {
        let mut made: BTreeMap<u16, Vec<_>> = BTreeMap::new();
        let mut handles = Vec::new();
        for handle in &asked.handles {
            let wanted = self.tickets.get(handle).filter(|it| it.token == token);
            match wanted.map(|it| &it.state) {
                Some(State::Made { ticket, issuer }) => {
                    made.entry(*issuer).or_default().push((*handle, *ticket));
                }
                Some(State::Failed) => handles.push(*handle),
                Some(State::Making) | None => {}
            }
        }
        let group = self.group;
        let made = made.into_iter().map(|(issuer, tickets)| Record::Minted {
            group,
            issuer,
            tickets,
        });
        let failed = (!handles.is_empty()).then_some(Record::Failed { group, handles });
        made.chain(failed).collect()
    }

    /// The name of a vehicle before the other linkage authority.
    fn vehicle_handle(&self, vehicle: &VehicleId, generation: u32) -> VehicleHandle {
        let secret = self.chains.secret().as_bytes().as_slice();
        let digest = Digest::of(
            Purpose::EnrolmentHandle,
            &[secret, &encode(&(self.group, vehicle, generation))],
        );
        let (halves, _) = digest.as_bytes().as_chunks::<16>();
        let [half, _] = halves else {
            panic!("32 bytes are twice 16");
        };
        VehicleHandle::from_bytes(*half)
    }

    fn seal(
        &self,
        token: Token,
        response_key: [u8; 32],
        facts: &Facts,
        answer: Staged<Answer>,
    ) -> Option<Staged<SealedAnswer>> {
        let key = SealingKey::from_bytes(response_key);
        answer.try_map(|answer| SealedAnswer::seal(facts.chain, token, &key, &answer).ok())
    }
}

/// What of a set of handles is still being made.
pub(super) fn open_of(
    tickets: &BTreeMap<TicketHandle, Wanted>,
    handles: &BTreeSet<TicketHandle>,
) -> BTreeSet<TicketHandle> {
    let is_open = |handle: &&TicketHandle| tickets.get(handle).is_some_and(Wanted::is_open);
    handles.iter().filter(is_open).copied().collect()
}

/// How far the clocks of a car and the authority may be apart, and how long a request may travel.
pub const REQUEST_AGE_MAX: Duration = Duration::from_secs(300);
/// How long it takes to sign a batch, over real networks.
const SIGNING_TIME: Duration = Duration::from_secs(1);
/// A week of slots of five minutes, and room.
const SLOTS_WAITING_MAX: usize = 4_096;
/// About 4 GiB at worst; further requests are told to come later.
const TICKETS_MAX: usize = 4_000_000;
