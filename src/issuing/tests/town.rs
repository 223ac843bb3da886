//! The operators of one issuing group and their cars, in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::{
    crypto::{Digest, KeySeed, Purpose, SigningKey},
    id::{ChainId, DomainId, GroupId, ShardId, VehicleId},
    issuing::{
        Body, CarAnswer, CeremonyOf, Desk, DraftedRequest, Enrolment, EnrolmentAuthority,
        EnrolmentStatus, Escrow, Facts, IssuingGroup, IssuingKeys, KeyCeremony, LinkageOffice,
        LinkageSecret, Mailbox, Record, RequestSecrets, SealedRequest, Seat, SeatKey, SeatKeys,
        Staged, TicketIssuer, TicketKey, TicketMember, Token, draft_requests,
    },
    security::{Credential, IssuerKey, Slot, SlotClock, TrustDomain},
    time::{Instant, Now, Timestamp},
};

pub(super) const GROUP: GroupId = GroupId(0);
const ENROLMENT: u16 = 0;
const LINKAGE: u16 = 1;
const ISSUER: u16 = 0;

/// How a town is set up.
pub(super) struct Plan {
    pub(super) replicas: u16,
    pub(super) members: u16,
    pub(super) threshold: u16,
    pub(super) batch_vehicles_min: u32,
    pub(super) batch_wait: Duration,
}

pub(super) struct Town {
    pub(super) facts: Facts,
    pub(super) now: Now,
    pub(super) desks: BTreeMap<Seat, Desk>,
    /// What each process wrote down, as bytes.
    pub(super) journals: BTreeMap<Seat, Vec<Vec<u8>>>,
    /// Every message that each process could read, opened.
    pub(super) seen: BTreeMap<Seat, Vec<Vec<u8>>>,
    pub(super) enrolments: BTreeMap<VehicleId, Enrolment>,
    pub(super) cars: Vec<Car>,
    /// Operators that nobody reaches.
    pub(super) down: BTreeSet<u16>,
    /// How often tickets were committed to.
    pub(super) committed: u32,
    /// Members that were found to have given false shares.
    pub(super) culprits: BTreeSet<u16>,
    /// Changes what is delivered: the receiver, and the body that comes back from it.
    pub(super) meddle: Option<fn(Seat, &mut Body)>,
    /// Restarts a process after every so many deliveries.
    pub(super) restarts: bool,
    pub(super) random: ChaCha8Rng,
    shares: BTreeMap<u16, Vec<u8>>,
}

pub(super) struct Car {
    pub(super) vehicle: VehicleId,
    pub(super) key: SigningKey,
    pub(super) pending: Vec<(Seat, Token, Vec<u8>)>,
    pub(super) tickets: Vec<Credential>,
    pub(super) used: Vec<Slot>,
    pub(super) failed: Vec<Slot>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            replicas: 1,
            members: 3,
            threshold: 2,
            batch_vehicles_min: 1,
            batch_wait: Duration::ZERO,
        }
    }
}

/// A key that follows from its name.
pub(super) fn key(name: &str, number: u16) -> SigningKey {
    let parts: &[&[u8]] = &[name.as_bytes(), &number.to_be_bytes()];
    SigningKey::from_seed(Digest::of(Purpose::SimulationSeed, parts).as_bytes())
}

fn issuing_key(seat: Seat) -> SigningKey {
    key("issuing", seat.operator * 16 + seat.replica)
}

pub(super) fn issuing_keys(seat: Seat) -> IssuingKeys {
    IssuingKeys::new(issuing_key(seat), Vec::new())
}

fn chain() -> ChainId {
    ChainId::from_bytes([7; 32])
}

impl Town {
    pub(super) fn new(plan: &Plan) -> Self {
        let slots = SlotClock::from_length_s(300).unwrap();
        let timestamp = Timestamp::from_unix_ms(1_800_000_100_000).unwrap();
        let now = Now {
            instant: Instant::from_origin(Duration::from_secs(1_000)),
            timestamp,
        };
        let members: Vec<u16> = (2..2 + plan.members).collect();
        let replicas = (0..plan.replicas).map(|replica| Seat {
            operator: ENROLMENT,
            replica,
        });
        let seats: Vec<Seat> = replicas
            .chain([Seat::first(LINKAGE)])
            .chain(members.iter().map(|it| Seat::first(*it)))
            .collect();
        let until = timestamp.saturating_add(Duration::from_secs(1 << 30));
        let seat_keys = |seat: &Seat| {
            let key = issuing_key(*seat).verifying_key();
            let from = Timestamp::EPOCH;
            (*seat, SeatKeys(vec![SeatKey { key, from, until }]))
        };
        let group = IssuingGroup {
            enrolment: ENROLMENT,
            linkage: LINKAGE,
            replicas: vec![(Slot::from_number(0), plan.replicas)],
        };
        let mut facts = Facts {
            chain: chain(),
            domain: DomainId(7),
            slots,
            origin: Slot::from_number(slots.slot_at(timestamp).number() - 20),
            preload_slots: 288,
            batch_vehicles_min: plan.batch_vehicles_min,
            batch_wait: plan.batch_wait,
            groups: [(GROUP, group)].into(),
            seats: seats.iter().map(seat_keys).collect(),
            issuers: Vec::new(),
        };
        let keys = make_key(&facts, &members, plan.threshold, timestamp);
        let first = keys.first_key_value().unwrap().1;
        facts.issuers.push(TicketIssuer {
            id: ISSUER,
            group: GROUP,
            key: first.verifying_key(),
            from: Timestamp::EPOCH,
            until,
            members,
            threshold: plan.threshold,
        });
        let shares = keys.iter().map(|(it, key)| (*it, key.to_bytes().to_vec()));
        let mut town = Self {
            shares: shares.collect(),
            facts,
            now,
            desks: BTreeMap::new(),
            journals: seats.iter().map(|seat| (*seat, Vec::new())).collect(),
            seen: seats.iter().map(|seat| (*seat, Vec::new())).collect(),
            enrolments: BTreeMap::new(),
            cars: Vec::new(),
            down: BTreeSet::new(),
            committed: 0,
            culprits: BTreeSet::new(),
            meddle: None,
            restarts: false,
            random: ChaCha8Rng::seed_from_u64(7),
        };
        seats.iter().for_each(|seat| town.restart(*seat));
        town
    }

    pub(super) fn with_cars(mut self, count: u16) -> Self {
        for number in 0..count {
            self.add_car(number);
        }
        self
    }

    fn add_car(&mut self, number: u16) {
        let key = key("car", number);
        let vin = format!("WVSTEST{number:010}");
        let vehicle = VehicleId::commit(ShardId(1), &[3; 32], &vin);
        let enrolment = Enrolment {
            key: key.verifying_key(),
            group: GROUP,
            status: EnrolmentStatus::Active,
            first_slot: Slot::from_number(0),
            generation: 0,
        };
        self.enrolments.insert(vehicle, enrolment);
        self.cars.push(Car {
            vehicle,
            key,
            pending: Vec::new(),
            tickets: Vec::new(),
            used: Vec::new(),
            failed: Vec::new(),
        });
    }

    pub(super) fn records(&self, seat: Seat) -> Vec<Record> {
        let journal = self.journals.get(&seat).unwrap();
        journal
            .iter()
            .map(|bytes| Record::from_bytes(bytes).unwrap())
            .collect()
    }

    /// Builds a process from its journal alone.
    pub(super) fn restart(&mut self, seat: Seat) {
        let records = self.records(seat);
        let mailbox = Mailbox::new(chain(), seat, issuing_keys(seat));
        let mut desk = Desk::new(mailbox, Escrow::new(seat, &records));
        if seat.operator == ENROLMENT {
            let secret = LinkageSecret::from_bytes([1; 32]);
            let authority = EnrolmentAuthority::new(seat, GROUP, secret, &records, self.now);
            desk.add_enrolment(GROUP, authority);
        } else if seat.operator == LINKAGE {
            let secret = LinkageSecret::from_bytes([2; 32]);
            let office = LinkageOffice::new(seat, GROUP, secret, &records);
            desk.add_linkage(GROUP, office);
        } else {
            let share = self.shares.get(&seat.operator).unwrap();
            let share = TicketKey::from_bytes(share).unwrap();
            let keys = [(ISSUER, share)].into();
            desk.add_member(GROUP, TicketMember::new(seat, GROUP, keys, &records));
        }
        self.desks.insert(seat, desk);
    }

    /// Writes down what an answer needs, and takes it.
    pub(super) fn keep<T>(&mut self, seat: Seat, staged: Staged<T>) -> T {
        let journal = self.journals.get_mut(&seat).unwrap();
        for record in staged.records() {
            journal.push(record.to_bytes().to_vec());
        }
        staged.recorded()
    }

    pub(super) fn slot(&self, ahead: u32) -> Slot {
        let current = self.facts.slots.slot_at(self.now.timestamp);
        Slot::from_number(current.number() + ahead)
    }

    pub(super) fn draft(&self, car: usize, slots: &[Slot]) -> Vec<DraftedRequest> {
        let car = self.cars.get(car).unwrap();
        let of = (GROUP, car.vehicle);
        draft_requests(of, &car.key, slots, &self.facts, self.now.timestamp).unwrap()
    }

    /// A car asks for tickets of some slots.
    pub(super) fn ask(&mut self, car: usize, slots: &[Slot]) {
        for draft in self.draft(car, slots) {
            let answer = self.request(draft.to, &draft.sealed).unwrap();
            let kept = draft.secrets.to_bytes();
            let secrets = RequestSecrets::from_bytes(&kept).unwrap();
            let car = self.cars.get_mut(car).unwrap();
            match secrets.open(chain(), draft.token, &answer).unwrap() {
                CarAnswer::Accepted { used, .. } => {
                    car.used.extend(used);
                    car.pending.push((draft.to, draft.token, kept.to_vec()));
                }
                CarAnswer::Refused(refusal) => panic!("{refusal}"),
                CarAnswer::Collected { .. } => panic!("nothing was collected"),
            }
        }
    }

    /// Hands a request to a process, and gives its answer.
    pub(super) fn request(&mut self, to: Seat, sealed: &[u8]) -> Option<Vec<u8>> {
        let sealed = SealedRequest::from_bytes(sealed).ok()?;
        let desk = self.desks.get_mut(&to)?;
        let opened = sealed.open(chain(), desk.keys()).ok()?;
        let enrolment = self.enrolments.get(&opened.vehicle()).copied();
        let authority = desk.enrolment(GROUP)?;
        let (facts, now) = (&self.facts, self.now);
        let staged = authority.handle_request(&opened, enrolment.as_ref(), facts, now)?;
        Some(self.keep(to, staged).to_bytes())
    }

    /// All cars take what there is for them.
    pub(super) fn collect(&mut self) {
        let domain = self.domain();
        for index in 0..self.cars.len() {
            let pending = std::mem::take(&mut self.cars.get_mut(index).unwrap().pending);
            for (seat, token, secrets) in pending {
                let desk = self.desks.get_mut(&seat).unwrap();
                let authority = desk.enrolment(GROUP).unwrap();
                let staged = authority.handle_collect(token, &self.facts).unwrap();
                let answer = self.keep(seat, staged).to_bytes();
                let opened = RequestSecrets::from_bytes(&secrets).unwrap();
                let opened = opened.open(chain(), token, &answer).unwrap();
                let CarAnswer::Collected {
                    credentials,
                    waiting,
                    failed,
                } = opened
                else {
                    panic!("tickets were collected");
                };
                let car = self.cars.get_mut(index).unwrap();
                if waiting > 0 {
                    car.pending.push((seat, token, secrets));
                    continue;
                }
                for credential in &credentials {
                    domain.admit(credential.ticket()).unwrap();
                }
                car.tickets.extend(credentials);
                car.failed.extend(failed);
            }
        }
    }

    pub(super) fn domain(&self) -> TrustDomain {
        let issuers = self.facts.issuers.iter().map(|it| IssuerKey {
            id: it.id,
            key: it.key,
            from: it.from,
            until: it.until,
        });
        let (id, slots) = (self.facts.domain, self.facts.slots);
        TrustDomain::new(id, slots, issuers.collect(), false).unwrap()
    }

    /// The members get another key, which signs from now on.
    pub(super) fn add_issuer(&mut self) {
        let next = TicketIssuer {
            id: ISSUER + 1,
            ..self.facts.issuers[0].clone()
        };
        for (member, share) in &self.shares {
            let desk = self.desks.get_mut(&Seat::first(*member)).unwrap();
            let key = TicketKey::from_bytes(share).unwrap();
            desk.member(GROUP).unwrap().handle_key(next.id, key);
        }
        self.facts.issuers.push(next);
    }

    /// Carries messages until nobody has any, and time passes until nothing waits for the next seconds.
    pub(super) fn run(&mut self, patience: Duration) {
        let end = self.now.instant + patience;
        loop {
            while self.step() {}
            let up = self
                .desks
                .iter()
                .filter(|(it, _)| !self.down.contains(&it.operator));
            let timeouts = up.filter_map(|(_, it)| it.poll_timeout(&self.facts));
            let next: Option<Instant> = timeouts.min();
            match next.filter(|next| *next <= end) {
                Some(next) => {
                    assert!(next > self.now.instant, "what is due was polled for");
                    self.now = self.now.after(next.since(self.now.instant));
                }
                None => return,
            }
        }
    }

    /// Carries one message from a process drawn at random; `false` if there is none.
    pub(super) fn step(&mut self) -> bool {
        let mut seats: Vec<Seat> = self.desks.keys().copied().collect();
        while !seats.is_empty() {
            let place = self.draw(seats.len());
            let from = seats.swap_remove(place);
            if self.down.contains(&from.operator) {
                continue;
            }
            let desk = self.desks.get_mut(&from).unwrap();
            if let Some(transmit) = desk.poll_transmit(&self.facts, self.now) {
                let answer = self.deliver(transmit.to, &transmit.bytes);
                if let Some(answer) = &answer {
                    self.spy(from, answer);
                }
                let desk = self.desks.get_mut(&from).unwrap();
                let staged =
                    desk.handle_answer(transmit.nonce, answer.as_deref(), &self.facts, self.now);
                self.keep(from, staged);
                self.take_commitments(from);
                self.perhaps_restart();
                return true;
            }
        }
        false
    }

    pub(super) fn draw(&mut self, below: usize) -> usize {
        let below = u64::try_from(below).unwrap();
        usize::try_from(self.random.next_u64() % below).unwrap()
    }

    fn deliver(&mut self, to: Seat, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.down.contains(&to.operator) {
            return None;
        }
        self.spy(to, bytes);
        let desk = self.desks.get_mut(&to)?;
        let staged = desk.handle_message(bytes, &self.facts, self.now).unwrap();
        let answer = self.keep(to, staged)?;
        self.take_commitments(to);
        self.meddled(to, answer)
    }

    /// Lets a process that does not keep to the rules answer something else.
    fn meddled(&mut self, by: Seat, answer: Vec<u8>) -> Option<Vec<u8>> {
        let Some(meddle) = self.meddle else {
            return Some(answer);
        };
        for (seat, _) in self.seen.clone() {
            let mut reader = Mailbox::new(chain(), seat, issuing_keys(seat));
            if let Ok(mut opened) = reader.read(&answer, &self.facts, self.now.timestamp) {
                meddle(by, &mut opened.body);
                let writer = Mailbox::new(chain(), by, issuing_keys(by));
                let time = (&self.facts, self.now.timestamp);
                let written = writer.write(seat, opened.answers, &opened.body, time);
                return written.map(|(bytes, _)| bytes);
            }
        }
        Some(answer)
    }

    fn take_commitments(&mut self, seat: Seat) {
        let desk = self.desks.get_mut(&seat).unwrap();
        while let Some((_, culprits)) = desk.poll_commitment() {
            self.committed += 1;
            self.culprits.extend(culprits);
        }
    }

    /// Writes down all that a process can read of a message.
    fn spy(&mut self, seat: Seat, bytes: &[u8]) {
        let mut reader = Mailbox::new(chain(), seat, issuing_keys(seat));
        let opened = reader.read(bytes, &self.facts, self.now.timestamp);
        let log = self.seen.get_mut(&seat).unwrap();
        if let Ok(opened) = opened {
            log.push(borsh::to_vec(&opened.body).unwrap());
        }
    }

    fn perhaps_restart(&mut self) {
        if self.restarts && self.draw(3) == 0 {
            let seats: Vec<Seat> = self.desks.keys().copied().collect();
            let place = self.draw(seats.len());
            self.restart(*seats.get(place).unwrap());
        }
    }
}

/// Makes the ticket authority's key by a ceremony of all members.
pub(super) fn make_key(
    facts: &Facts,
    members: &[u16],
    threshold: u16,
    now: Timestamp,
) -> BTreeMap<u16, TicketKey> {
    if let [member] = members {
        let key = Box::new(key("issuer", *member));
        return [(
            *member,
            TicketKey::Single {
                member: *member,
                key,
            },
        )]
        .into();
    }
    let of = CeremonyOf {
        chain: chain(),
        group: GROUP,
        ceremony: 0,
        members: members.to_vec(),
        threshold,
    };
    let begin = |member: &u16| {
        let seed = KeySeed::from_bytes(*key("seed", *member).to_seed());
        KeyCeremony::new(of.clone(), *member, &seed).unwrap()
    };
    let mut all: Vec<_> = members.iter().map(|it| (*it, begin(it))).collect();
    let firsts: Vec<_> = all
        .iter()
        .map(|(it, own)| (*it, own.first_part()))
        .collect();
    for (_, ceremony) in &mut all {
        for (member, part) in &firsts {
            ceremony.handle_part(*member, 1, part).unwrap();
        }
    }
    let second = |(member, own): &(u16, KeyCeremony)| {
        (*member, own.second_part(facts, now).unwrap().unwrap())
    };
    let seconds: Vec<_> = all.iter().map(second).collect();
    for (_, ceremony) in &mut all {
        for (member, part) in &seconds {
            ceremony.handle_part(*member, 2, part).unwrap();
        }
    }
    let finish = |(member, own): &(u16, KeyCeremony)| {
        let keys = issuing_keys(Seat::first(*member));
        (*member, own.finish(&keys).unwrap().unwrap())
    };
    all.iter().map(finish).collect()
}
