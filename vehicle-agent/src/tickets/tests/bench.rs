//! A car with a disk and an operator, in one place.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use wayside::{
    crypto::SigningKey,
    id::DomainId,
    security::{
        Class, Credential, Issuer, IssuerKey, Permissions, Slot, SlotClock, Ticket, TicketOrder,
        TrustDomain,
    },
    time::{Instant, Now, Timestamp},
};
use zeroize::Zeroizing;

use crate::tickets::{
    Answer, Errand, Horizon, Preloader, Refused, Seat, TicketRequest, TicketsConfig, Token, Write,
    Written,
};

pub(super) const SLOT: Duration = Duration::from_secs(300);
/// The slot in which every bench begins.
pub(super) const FIRST: u32 = 1_000;

pub(super) struct Bench {
    pub(super) config: TicketsConfig,
    pub(super) preloader: Preloader,
    pub(super) now: Now,
    pub(super) disk: Disk,
    pub(super) office: Office,
    pub(super) is_disk_full: bool,
    drafted: u8,
    /// Tickets that the car would use: each was on disk before.
    pub(super) used: Vec<Slot>,
}

#[derive(Default)]
pub(super) struct Disk {
    pub(super) requests: BTreeMap<Token, Vec<u8>>,
    pub(super) tickets: BTreeMap<Slot, Vec<u8>>,
}

/// An operator that gives one ticket for a slot, and the same answer to the same request.
pub(super) struct Office {
    pub(super) domain: Arc<TrustDomain>,
    issuer: Issuer,
    pub(super) requests: BTreeSet<Token>,
    pub(super) given: BTreeMap<Slot, Token>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(TicketsConfig {
            batch_max: 13.try_into().unwrap(),
            ..TicketsConfig::default()
        })
    }

    pub(super) fn with(config: TicketsConfig) -> Self {
        let start = Now {
            instant: Instant::from_origin(Duration::from_secs(1)),
            timestamp: SlotClock::default().start(Slot::from_number(FIRST)),
        };
        let office = Office::new();
        let mut bench = Self {
            preloader: Preloader::new(config.clone(), Vec::new(), BTreeSet::new(), start),
            config,
            now: start,
            disk: Disk::default(),
            office,
            is_disk_full: false,
            drafted: 0,
            used: Vec::new(),
        };
        bench.tell_issuing();
        bench
    }

    pub(super) fn tell_issuing(&mut self) {
        let horizon = Horizon {
            slots: SlotClock::default(),
            origin: Slot::from_number(0),
            preload_slots: 288,
        };
        let domain = Arc::clone(&self.office.domain);
        self.preloader.handle_issuing(horizon, domain);
    }

    pub(super) fn drive(&mut self) {
        self.preloader.handle_driving(Duration::ZERO, self.now);
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// Drafts and writes until there is nothing to draft or write; how many steps that took.
    pub(super) fn settle(&mut self) -> usize {
        let mut steps = 0;
        while self.write() || self.draft() {
            steps += 1;
            assert!(steps < 1_000, "it never comes to rest");
        }
        steps
    }

    pub(super) fn draft(&mut self) -> bool {
        let Some(slots) = self.preloader.poll_draft(self.now) else {
            return false;
        };
        let request = self.request(&slots);
        self.preloader.handle_draft(vec![request], self.now);
        true
    }

    pub(super) fn request(&mut self, slots: &[Slot]) -> TicketRequest {
        self.drafted += 1;
        let token = Token([self.drafted; 16]);
        TicketRequest::new(
            (token, SEAT),
            self.now.timestamp,
            slots,
            vec![self.drafted; 10],
            &Zeroizing::new(vec![self.drafted; 32]),
        )
    }

    pub(super) fn write(&mut self) -> bool {
        let Some(write) = self.preloader.poll_write(self.now) else {
            return false;
        };
        if self.is_disk_full && !matches!(write, Write::Forget(_) | Write::Remove(_)) {
            let reason = "no space left".to_owned();
            self.preloader.handle_write_failed(write, reason, self.now);
            return true;
        }
        let written = self.disk.write(&write);
        if let Written::Tickets(_, slots) = &written {
            self.used.extend(slots);
        }
        self.preloader.handle_written(written, self.now);
        true
    }

    /// Runs errands at a unit until none is due; how many there were.
    pub(super) fn visit(&mut self) -> usize {
        let mut errands = 0;
        while let Some(errand) = self.preloader.poll_errand(self.now) {
            let (token, answer) = self.office.answer(&errand);
            assert!(
                self.disk.requests.contains_key(&token),
                "a request is on disk before it is sent"
            );
            self.preloader.handle_answer(token, answer, self.now);
            self.settle();
            errands += 1;
            assert!(errands < 1_000, "it never comes to rest");
        }
        errands
    }

    /// Goes on for a while with a unit always in reach.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now.instant + time;
        while self.now.instant < end {
            self.settle();
            self.visit();
            let next = self.preloader.poll_timeout(self.now).min(end);
            self.pass(next.since(self.now.instant).max(Duration::from_millis(1)));
        }
        self.settle();
    }

    /// Forgets what is not on disk.
    pub(super) fn restart(&mut self) {
        let requests = self.disk.requests.values();
        let requests = requests.map(|bytes| TicketRequest::from_bytes(bytes).unwrap());
        let held = self.disk.tickets.keys().copied().collect();
        self.preloader = Preloader::new(self.config.clone(), requests.collect(), held, self.now);
        self.tell_issuing();
    }

    pub(super) fn held(&self) -> Vec<u32> {
        self.disk.tickets.keys().map(|slot| slot.number()).collect()
    }
}

impl Disk {
    pub(super) fn write(&mut self, write: &Write) -> Written {
        match write {
            Write::Keep(request) => {
                let bytes = request.to_bytes().to_vec();
                self.requests.insert(request.token, bytes);
                Written::Kept(request.token)
            }
            Write::Tickets(token, credentials) => {
                for credential in credentials {
                    let ticket = credential.ticket();
                    let bytes = ticket.as_bytes().to_vec();
                    self.tickets.insert(ticket.slot(), bytes);
                }
                let slots = credentials.iter().map(|it| it.ticket().slot());
                Written::Tickets(*token, slots.collect())
            }
            Write::Forget(token) => {
                self.requests.remove(token);
                Written::Forgotten(*token)
            }
            Write::Remove(slots) => {
                self.tickets.retain(|slot, _| !slots.contains(slot));
                Written::Removed
            }
        }
    }
}

impl Office {
    fn new() -> Self {
        let key = SigningKey::from_seed(&[9; 32]);
        let issuer = IssuerKey {
            id: 1,
            key: key.verifying_key(),
            from: Timestamp::EPOCH,
            until: Timestamp::EPOCH.saturating_add(Duration::from_secs(1 << 32)),
        };
        let domain = TrustDomain::new(DomainId(1), SlotClock::default(), vec![issuer], true);
        let domain = domain.unwrap();
        Self {
            issuer: Issuer::new(key, 1, &domain),
            domain: Arc::new(domain),
            requests: BTreeSet::new(),
            given: BTreeMap::new(),
        }
    }

    /// Answers an errand as an honest operator does.
    pub(super) fn answer(&mut self, errand: &Errand) -> (Token, Answer) {
        match errand {
            Errand::Send(request) => {
                let token = request.token;
                let owner = |slot: Slot| self.given.get(&slot).copied();
                let is_used = |slot: &Slot| owner(*slot).is_some_and(|it| it != token);
                let (used, new): (Vec<_>, Vec<_>) = request.slots().partition(is_used);
                if new.is_empty() {
                    return (token, Answer::Refused(Refused::Used));
                }
                self.given.extend(new.into_iter().map(|slot| (slot, token)));
                self.requests.insert(token);
                let ready_in = Duration::ZERO;
                (token, Answer::Accepted { ready_in, used })
            }
            Errand::Collect(request) => {
                let token = request.token;
                let answer = if self.requests.contains(&token) {
                    collected(self.tickets(request))
                } else {
                    Answer::Unknown(SEAT.operator.into())
                };
                (token, answer)
            }
        }
    }

    pub(super) fn tickets(&self, request: &TicketRequest) -> Vec<Credential> {
        let is_given = |slot: &Slot| self.given.get(slot) == Some(&request.token);
        let slots = request.slots().filter(is_given);
        let tickets = slots.map(|slot| self.credential(request.token, slot));
        tickets.collect()
    }

    pub(super) fn credential(&self, token: Token, slot: Slot) -> Credential {
        let key = key_of(token, slot);
        Credential::new(self.ticket(slot, &key), key).unwrap()
    }

    fn ticket(&self, slot: Slot, key: &SigningKey) -> Ticket {
        self.issuer.issue(&TicketOrder {
            class: Class::Car,
            permissions: Permissions::TELEMETRY,
            slot,
            linkage: [0; 12],
            key: key.verifying_key(),
        })
    }
}

pub(super) fn collected(tickets: Vec<Credential>) -> Answer {
    let failed = Vec::new();
    Answer::Collected { tickets, failed }
}

pub(super) fn accepted(ready_in: Duration) -> Answer {
    let used = Vec::new();
    Answer::Accepted { ready_in, used }
}

fn key_of(token: Token, slot: Slot) -> SigningKey {
    let mut seed = [token.0[0]; 32];
    seed[..4].copy_from_slice(&slot.number().to_be_bytes());
    SigningKey::from_seed(&seed)
}

pub(super) const SEAT: Seat = Seat {
    operator: 3,
    replica: 0,
};
