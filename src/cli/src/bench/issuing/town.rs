use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail, ensure};
use wayside::{
    crypto::{KeySeed, SigningKey},
    id::{ChainId, DomainId, GroupId, ShardId, VehicleId},
    issuing::{
        CeremonyOf, Desk, EnrolmentAuthority, Escrow, Facts, IssuingGroup, IssuingKeys,
        KeyCeremony, LinkageOffice, LinkageSecret, Mailbox, Seat, SeatKey, SeatKeys, TicketIssuer,
        TicketKey, TicketMember,
    },
    security::{IssuerKey, Slot, SlotClock, TrustDomain},
    time::{Instant, Now, Timestamp},
};

use crate::bench::meter::thread_cpu;

/// Five operators that issue tickets, in one process and in virtual time.
pub(super) struct Town {
    pub(super) facts: Facts,
    pub(super) domain: TrustDomain,
    pub(super) desks: Vec<Desk>,
    pub(super) now: Now,
    pub(super) spent: Spent,
}

/// What each part had to do.
#[derive(Default)]
pub(super) struct Spent {
    cpu: BTreeMap<&'static str, Duration>,
    bytes: BTreeMap<&'static str, usize>,
    stored: BTreeMap<&'static str, usize>,
}

impl Spent {
    /// Runs work on somebody's account.
    pub(super) fn on<R>(&mut self, who: &'static str, work: impl FnOnce() -> R) -> R {
        let before = thread_cpu();
        let result = work();
        *self.cpu.entry(who).or_default() += thread_cpu().saturating_sub(before);
        result
    }

    /// Bytes that somebody sent.
    pub(super) fn sent(&mut self, who: &'static str, bytes: usize) {
        *self.bytes.entry(who).or_default() += bytes;
    }

    /// Bytes that somebody wrote down.
    pub(super) fn stored(&mut self, who: &'static str, bytes: usize) {
        *self.stored.entry(who).or_default() += bytes;
    }

    /// Processor time, bytes sent and bytes stored of somebody.
    pub(super) fn of(&self, who: &str) -> (Duration, usize, usize) {
        let cpu = self.cpu.get(who).copied().unwrap_or_default();
        let bytes = self.bytes.get(who).copied().unwrap_or_default();
        (
            cpu,
            bytes,
            self.stored.get(who).copied().unwrap_or_default(),
        )
    }
}

impl Town {
    /// Sets the operators up, with a key that two of three have to sign with.
    pub(super) fn new(batch_vehicles_min: u32) -> anyhow::Result<Self> {
        let now = Now {
            instant: Instant::from_origin(Duration::from_secs(1_000)),
            timestamp: Timestamp::from_unix_ms(START_UNIX_MS).context("a moment in range")?,
        };
        let keys: Vec<SigningKey> = OPERATORS.map(|_| SigningKey::generate()).into();
        let mut facts = facts(&keys, batch_vehicles_min, now.timestamp)?;
        let shares = make_key(&facts, &keys, now.timestamp)?;
        let key = shares.first().context("members")?.verifying_key();
        facts.issuers.push(TicketIssuer {
            id: ISSUER,
            group: GROUP,
            key,
            from: Timestamp::EPOCH,
            until: facts.slots.start(Slot::from_number(u32::MAX)),
            members: MEMBERS.to_vec(),
            threshold: THRESHOLD,
        });
        let issuer = IssuerKey {
            id: ISSUER,
            key,
            from: Timestamp::EPOCH,
            until: facts.slots.start(Slot::from_number(u32::MAX)),
        };
        let domain = TrustDomain::new(facts.domain, facts.slots, vec![issuer], true)?;
        let mut desks: Vec<Desk> = (0..)
            .zip(&keys)
            .map(|(operator, key)| {
                let seat = Seat::first(operator);
                let keys = IssuingKeys::new(SigningKey::from_seed(&key.to_seed()), Vec::new());
                Desk::new(
                    Mailbox::new(facts.chain, seat, keys),
                    Escrow::new(seat, &[]),
                )
            })
            .collect();
        let secret = |byte| LinkageSecret::from_bytes([byte; 32]);
        if let [first, second, ..] = desks.as_mut_slice() {
            let authority = EnrolmentAuthority::new(Seat::first(0), GROUP, secret(1), &[], now);
            first.add_enrolment(GROUP, authority);
            let office = LinkageOffice::new(Seat::first(1), GROUP, secret(2), &[]);
            second.add_linkage(GROUP, office);
        }
        for (member, share) in MEMBERS.into_iter().zip(shares) {
            let keys = BTreeMap::from([(ISSUER, share)]);
            let member_office = TicketMember::new(Seat::first(member), GROUP, keys, &[]);
            let desk = desks.get_mut(usize::from(member)).context("a member")?;
            desk.add_member(GROUP, member_office);
        }
        Ok(Self {
            facts,
            domain,
            desks,
            now,
            spent: Spent::default(),
        })
    }

    /// A vehicle's name on the ledger.
    pub(super) fn vehicle(number: u16) -> VehicleId {
        let mut commitment = [7; 32];
        let [first, second, ..] = &mut commitment;
        [*first, *second] = number.to_be_bytes();
        VehicleId {
            home: ShardId::GOVERNANCE,
            commitment,
        }
    }

    /// Lets the operators speak with each other until there is nothing left to say.
    pub(super) fn settle(&mut self) -> anyhow::Result<()> {
        for _ in 0..TURNS_MAX {
            if self.turn()? {
                continue;
            }
            let timeouts = self.desks.iter().map(|it| it.poll_timeout(&self.facts));
            match timeouts.flatten().min() {
                None => return Ok(()),
                Some(next) => self.now = self.now.after(next.since(self.now.instant).max(TICK)),
            }
        }
        bail!("the operators do not come to an end")
    }

    /// Whether anybody had something to say.
    fn turn(&mut self) -> anyhow::Result<bool> {
        let mut has_spoken = false;
        for index in 0..self.desks.len() {
            while let Some(transmit) = self.poll(index)? {
                has_spoken = true;
                let to = usize::from(transmit.to.operator);
                self.spent.sent(role(index), transmit.bytes.len());
                let desk = self.desks.get_mut(to).context("an operator")?;
                let (facts, now) = (&self.facts, self.now);
                let taken = self.spent.on(role(to), || {
                    desk.handle_message(&transmit.bytes, facts, now)
                })?;
                self.spent.stored(role(to), stored(taken.records()));
                let answer = taken.recorded();
                self.spent
                    .sent(role(to), answer.as_ref().map_or(0, Vec::len));
                let desk = self.desks.get_mut(index).context("an operator")?;
                let staged = self.spent.on(role(index), || {
                    desk.handle_answer(transmit.nonce, answer.as_deref(), facts, now)
                });
                self.spent.stored(role(index), stored(staged.records()));
                staged.recorded();
            }
        }
        Ok(has_spoken)
    }

    fn poll(&mut self, index: usize) -> anyhow::Result<Option<wayside::issuing::Transmit>> {
        let desk = self.desks.get_mut(index).context("an operator")?;
        let (facts, now) = (&self.facts, self.now);
        Ok(self
            .spent
            .on(role(index), || desk.poll_transmit(facts, now)))
    }
}

/// What an operator is, by its number.
fn role(operator: usize) -> &'static str {
    match operator {
        0 => ENROLMENT,
        1 => LINKAGE,
        _ => TICKET,
    }
}

/// How many bytes records take.
pub(super) fn stored(records: &[wayside::issuing::Record]) -> usize {
    records.iter().map(|record| record.to_bytes().len()).sum()
}

fn facts(keys: &[SigningKey], batch_vehicles_min: u32, now: Timestamp) -> anyhow::Result<Facts> {
    let slots = SlotClock::from_length_s(SLOT_S).context("slots have a length")?;
    let seats = (0..).zip(keys).map(|(operator, key)| {
        let key = SeatKey {
            key: key.verifying_key(),
            from: Timestamp::EPOCH,
            until: now.saturating_add(Duration::from_secs(86_400)),
        };
        (Seat::first(operator), SeatKeys(vec![key]))
    });
    let group = IssuingGroup {
        enrolment: 0,
        linkage: 1,
        replicas: vec![(Slot::from_number(0), 1)],
    };
    Ok(Facts {
        chain: ChainId::from_bytes([3; 32]),
        domain: DomainId(1),
        slots,
        origin: slots.slot_at(now),
        preload_slots: DAY_SLOTS,
        batch_vehicles_min,
        batch_wait: Duration::from_secs(60),
        groups: BTreeMap::from([(GROUP, group)]),
        seats: seats.collect(),
        issuers: Vec::new(),
    })
}

/// Has the members make their key; each gets its share.
fn make_key(facts: &Facts, keys: &[SigningKey], now: Timestamp) -> anyhow::Result<Vec<TicketKey>> {
    let of = CeremonyOf {
        chain: facts.chain,
        group: GROUP,
        ceremony: 0,
        members: MEMBERS.to_vec(),
        threshold: THRESHOLD,
    };
    let mut ceremonies = Vec::new();
    for member in MEMBERS {
        ceremonies.push(KeyCeremony::new(of.clone(), member, &KeySeed::generate())?);
    }
    let firsts: Vec<_> = ceremonies.iter().map(KeyCeremony::first_part).collect();
    hear(&mut ceremonies, 1, &firsts)?;
    let mut seconds = Vec::new();
    for ceremony in &ceremonies {
        let part = ceremony.second_part(facts, now)?;
        seconds.push(part.context("all posted their first part")?);
    }
    hear(&mut ceremonies, 2, &seconds)?;
    let mut shares = Vec::new();
    for (member, ceremony) in MEMBERS.into_iter().zip(&ceremonies) {
        let key = keys.get(usize::from(member)).context("a member")?;
        let keys = IssuingKeys::new(SigningKey::from_seed(&key.to_seed()), Vec::new());
        let share = ceremony.finish(&keys)?;
        shares.push(share.context("all posted their second part")?);
    }
    ensure!(shares.len() == MEMBERS.len(), "a share is missing");
    Ok(shares)
}

fn hear(ceremonies: &mut [KeyCeremony], round: u8, parts: &[Vec<u8>]) -> anyhow::Result<()> {
    for ceremony in ceremonies {
        for (member, part) in MEMBERS.into_iter().zip(parts) {
            ceremony.handle_part(member, round, part)?;
        }
    }
    Ok(())
}

pub(super) const ENROLMENT: &str = "enrolment";
pub(super) const GROUP: GroupId = GroupId(0);
pub(super) const LINKAGE: &str = "linkage";
pub(super) const TICKET: &str = "ticket";
pub(super) const DAY_SLOTS: u32 = 288;
const ISSUER: u16 = 0;
const MEMBERS: [u16; 3] = [2, 3, 4];
const OPERATORS: [(); 5] = [(); 5];
const SLOT_S: u32 = 300;
const START_UNIX_MS: u64 = 1_790_000_000_000;
const THRESHOLD: u16 = 2;
const TICK: Duration = Duration::from_millis(1);
const TURNS_MAX: usize = 100_000;
