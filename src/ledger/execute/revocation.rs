use std::{sync::Arc, time::Duration};

use super::step::Step;
use crate::{
    ledger::{
        AccountKey, AccusedStation, AccusedTicket, AgreedHandle, AppealRevocation, Failure,
        GivenSeed, IssuerEntry, Key, Label, LiftRevocation, NameHandle, NamedHandle, Order,
        OrderFailure, OrderKind, OrderRevocation, OrderState, RevealSeed, RevealedSeed,
        RevocationEntry, Rule, StateView, TicketPolicy, Value,
    },
    security::{AdmittedTicket, IssuerKey, LinkageAuthority, Ticket, TrustDomain},
};

/// Orders to revoke tickets, and the list of those that are revoked.
///
/// Whoever gives a false seed loses: all are kept until two of them give the linkage value of the
/// accused ticket, which names everybody who gave another. Two operators that choose both seeds
/// together could search for a false pair that fits this one ticket, which takes some 2^48 digests.
impl Step<'_, '_> {
    pub(super) fn order_revocation(&mut self, asked: &OrderRevocation) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        self.require_governance()?;
        self.require_operators()?;
        let policy = self.ticket_policy()?;
        let ticket = asked.ticket.ticket();
        let ticket = ticket.map_err(|_| Rule::TicketNotIssued)?;
        let (issuer, _) = self.issuer_of(&ticket, &policy)?;
        let reason = asked.reason.clone();
        let mut order = self.new_order(asked.ticket, issuer, (asked.kind, reason), &policy)?;
        order.evidence = asked.evidence;
        self.give_order(order, &policy);
        Ok(())
    }

    /// An order against the vehicle that has a ticket, if there may be one now.
    pub(super) fn new_order(
        &self,
        accused: AccusedTicket,
        issuer: IssuerEntry,
        (kind, reason): (OrderKind, Label),
        policy: &TicketPolicy,
    ) -> Result<Order, Rule> {
        let ticket = accused.ticket().map_err(|_| Rule::TicketNotIssued)?;
        let last_slot = ticket.slot().number();
        let last_slot = last_slot
            .saturating_add(policy.preload_slots)
            .saturating_add(1);
        let now = self.time();
        let has_begun = policy.slots().valid_from(ticket.slot()) <= now;
        if !has_begun || last_slot < policy.slot_at(now).number() {
            return Err(Rule::TicketOutOfTime);
        }
        if let OrderKind::Suspend { until } = kind
            && (until <= now || SUSPENSION_MAX < until.since(now))
        {
            return Err(Rule::SuspensionInvalid);
        }
        Ok(Order {
            ticket: accused,
            group: issuer.group,
            members: issuer.members,
            threshold: issuer.threshold,
            kind,
            reason,
            evidence: None,
            ordered: now,
            named: Vec::new(),
            handle: None,
            seeds: Vec::new(),
            appeal: None,
            state: OrderState::Open,
            failures: Vec::new(),
            last_slot,
        })
    }

    /// Writes an order down; returns its number.
    pub(super) fn give_order(&mut self, order: Order, policy: &TicketPolicy) -> u64 {
        self.forget_orders(policy);
        let mut numbers = self.overlay.order_numbers().copied().unwrap_or_default();
        let number = numbers.next;
        self.put_order(number, order);
        numbers.next += 1;
        self.put(Key::Orders, Value::Orders(numbers));
        number
    }

    pub(super) fn name_handle(&mut self, named: &NameHandle) -> Result<(), Rule> {
        let mut order = self.open_order(named.order)?;
        let operator = self.speaker_among(&order.members)?;
        let has_named = order.named.iter().any(|it| it.operator == operator);
        if has_named || order.handle.is_some() {
            return Err(Rule::HandleNamed);
        }
        order.named.push(NamedHandle {
            operator,
            handle: named.handle,
        });
        let same = order.named.iter().filter(|it| it.handle == named.handle);
        if same.count() >= usize::from(order.threshold) {
            order.handle = Some(AgreedHandle {
                handle: named.handle,
                at: self.time(),
            });
        }
        self.put_order(named.order, order);
        Ok(())
    }

    pub(super) fn reveal_seed(&mut self, revealed: &RevealSeed) -> Result<(), Rule> {
        let mut order = self.open_order(revealed.order)?;
        let operator = self.revealer(&order, revealed.authority)?;
        let given = order.seeds.iter();
        let mut own = given.filter(|it| it.operator == operator);
        if own.any(|it| it.authority == revealed.authority) {
            return Err(Rule::SeedGiven);
        }
        order.seeds.push(GivenSeed {
            authority: revealed.authority,
            operator,
            seed: revealed.seed,
        });
        if let Some(seeds) = fitting(&order, revealed) {
            self.list(&mut order, seeds)?;
        }
        self.put_order(revealed.order, order);
        Ok(())
    }

    pub(super) fn appeal_revocation(&mut self, appeal: &AppealRevocation) -> Result<(), Rule> {
        let mut order = self.order(appeal.order)?;
        let ticket = order.ticket.ticket();
        let key = ticket.map_err(|_| Rule::TicketNotIssued)?.key_bytes();
        let key = AccountKey::from_bytes(key);
        self.require_signed(key, Rule::AccusedSignatureMissing)?;
        if matches!(order.state, OrderState::Lifted { .. }) {
            return Err(Rule::OrderClosed);
        }
        if order.appeal.is_some() {
            return Err(Rule::AppealMade);
        }
        order.appeal = Some(appeal.statement);
        self.put_order(appeal.order, order);
        Ok(())
    }

    pub(super) fn lift_revocation(&mut self, lifted: &LiftRevocation) -> Result<(), Rule> {
        let mut order = self.order(lifted.order)?;
        self.require_operators()?;
        let entry = match order.state {
            OrderState::Open => None,
            OrderState::Listed { entry } => {
                let policy = self.ticket_policy()?;
                Some(self.append(RevocationEntry::Lift { number: entry }, &policy))
            }
            OrderState::Lifted { .. } => return Err(Rule::OrderClosed),
        };
        order.state = OrderState::Lifted { entry };
        self.put_order(lifted.order, order);
        Ok(())
    }

    /// The issuer that signed a ticket, and the ticket with that checked.
    pub(super) fn issuer_of(
        &self,
        ticket: &Ticket,
        policy: &TicketPolicy,
    ) -> Result<(IssuerEntry, Arc<AdmittedTicket>), Rule> {
        let issuers = self.overlay.issuers().map(|issuers| &issuers.entries);
        let mut issuers = issuers.into_iter().flatten();
        let issuer = issuers.find(|issuer| issuer.id == ticket.issuer_key_id());
        let issuer = issuer.ok_or(Rule::TicketNotIssued)?.clone();
        let key = issuer.key.admit().map_err(|_| Rule::TicketNotIssued)?;
        let key = IssuerKey {
            id: issuer.id,
            key,
            from: issuer.from,
            until: issuer.until,
        };
        let development = self.context.genesis.development;
        let domain = TrustDomain::new(policy.domain, policy.slots(), vec![key], development);
        let domain = domain.map_err(|_| Rule::TicketNotIssued)?;
        let admitted = domain.admit(ticket).map_err(|_| Rule::TicketNotIssued)?;
        Ok((issuer, admitted))
    }

    /// Who reveals a seed: the authority whose it is, or, once that is late, anybody.
    fn revealer(&self, order: &Order, authority: LinkageAuthority) -> Result<u16, Rule> {
        let own = self.authority_of(order, authority)?;
        let speaker = self.speakers().find(|operator| *operator == own);
        let speaker = speaker.or_else(|| self.speakers().next());
        let speaker = speaker.ok_or(Rule::IssuingSignatureMissing)?;
        let agreed = order.handle.ok_or(Rule::HandleMissing)?;
        let is_late = agreed.at.saturating_add(REVEAL_TIME) <= self.time();
        let may = speaker == own || is_late;
        may.then_some(speaker).ok_or(Rule::SeedEarly)
    }

    fn authority_of(&self, order: &Order, authority: LinkageAuthority) -> Result<u16, Rule> {
        let group = self.group(order.group)?;
        Ok(match authority {
            LinkageAuthority::First => group.enrolment,
            LinkageAuthority::Second => group.linkage,
        })
    }

    /// Lists the accused vehicle's tickets, and names whoever kept that from happening.
    fn list(&mut self, order: &mut Order, seeds: [RevealedSeed; 2]) -> Result<(), Rule> {
        let policy = self.ticket_policy()?;
        let ticket = order.ticket.ticket();
        let slot_from = ticket.map_err(|_| Rule::TicketNotIssued)?.slot().number();
        let slot_until = match order.kind {
            OrderKind::Revoke => policy.horizon(self.time()).number().saturating_add(1),
            OrderKind::Suspend { until } => policy.slot_at(until).number(),
        };
        let slot_until = slot_until.max(slot_from);
        let entry = RevocationEntry::Revoke {
            slot_from,
            slot_until,
            seeds,
        };
        let entry = self.append(entry, &policy);
        let mut failures = other_handles(order);
        for (authority, right) in LinkageAuthority::BOTH.into_iter().zip(seeds) {
            let own = self.authority_of(order, authority)?;
            failures.extend(other_seeds(order, authority, right, own));
        }
        order.failures = failures;
        order.state = OrderState::Listed { entry };
        order.last_slot = slot_until;
        Ok(())
    }

    /// Appends an entry to the list, and forgets some that are over; returns its number.
    fn append(&mut self, entry: RevocationEntry, policy: &TicketPolicy) -> u64 {
        let mut head = self.overlay.revocation_head().cloned().unwrap_or_default();
        assert_eq!(head.peaks.count(), head.next, "no entry is left out");
        let number = head.next;
        self.put(Key::Revocation(number), Value::Revocation(entry));
        head.peaks.append(entry.leaf());
        head.next += 1;
        let current = policy.slot_at(self.time()).number();
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some(oldest) = self.overlay.revocation(head.first).copied() else {
                break;
            };
            let is_over = match oldest {
                RevocationEntry::Revoke { slot_until, .. } => {
                    slot_until < current.saturating_sub(1)
                }
                RevocationEntry::Lift { number } => number < head.first,
            };
            if !is_over {
                break;
            }
            self.remove(Key::Revocation(head.first));
            head.first_peaks.append(oldest.leaf());
            head.first += 1;
        }
        self.put(Key::RevocationHead, Value::RevocationHead(head));
        number
    }

    /// Forgets some orders that mean nothing any more.
    fn forget_orders(&mut self, policy: &TicketPolicy) {
        let mut numbers = self.overlay.order_numbers().copied().unwrap_or_default();
        for _ in 0..FORGOTTEN_AT_ONCE {
            let oldest = self.overlay.order(numbers.first);
            let Some(oldest) = oldest.filter(|order| self.is_past(order, policy)) else {
                break;
            };
            if let Ok(ticket) = oldest.ticket.ticket() {
                let accused = AccusedStation::from(&ticket);
                if self.overlay.accusation(accused) == Some(&numbers.first) {
                    self.remove(Key::Accusation(accused));
                }
            }
            self.remove(Key::Order(numbers.first));
            numbers.first += 1;
        }
        self.put(Key::Orders, Value::Orders(numbers));
    }

    fn is_past(&self, order: &Order, policy: &TicketPolicy) -> bool {
        order.last_slot < policy.slot_at(self.time()).number().saturating_sub(1)
    }

    /// An order that means something still.
    fn order(&self, number: u64) -> Result<Order, Rule> {
        self.require_issuing_rules()?;
        self.require_governance()?;
        let policy = self.ticket_policy()?;
        let order = self.overlay.order(number);
        let order = order.filter(|order| !self.is_past(order, &policy));
        order.map(|it| (**it).clone()).ok_or(Rule::OrderUnknown)
    }

    /// An order that nothing came of yet.
    fn open_order(&self, number: u64) -> Result<Order, Rule> {
        let order = self.order(number)?;
        let is_open = order.state == OrderState::Open;
        is_open.then_some(order).ok_or(Rule::OrderClosed)
    }

    fn put_order(&mut self, number: u64, order: Order) {
        self.put(Key::Order(number), Value::Order(Box::new(order)));
    }
}

/// The seeds of both authorities, if one that was just given and one of the other authority give the
/// accused ticket's linkage value.
fn fitting(order: &Order, revealed: &RevealSeed) -> Option<[RevealedSeed; 2]> {
    let ticket = order.ticket.ticket().ok()?;
    let share = |authority, seed: &RevealedSeed| seed.seed().share(authority, ticket.slot());
    let new = share(revealed.authority, &revealed.seed);
    let mut others = order
        .seeds
        .iter()
        .filter(|it| it.authority != revealed.authority);
    let other = others.find(|it| new.join(&share(it.authority, &it.seed)) == ticket.linkage())?;
    Some(match revealed.authority {
        LinkageAuthority::First => [revealed.seed, other.seed],
        LinkageAuthority::Second => [other.seed, revealed.seed],
    })
}

fn other_handles(order: &Order) -> Vec<OrderFailure> {
    let others = order.named.iter().filter(|it| {
        order
            .handle
            .is_some_and(|agreed| agreed.handle != it.handle)
    });
    others
        .map(|it| OrderFailure {
            operator: it.operator,
            failure: Failure::OtherHandle,
        })
        .collect()
}

/// Who gave another seed of an authority than the one that fits, and whether the authority gave none.
fn other_seeds(
    order: &Order,
    authority: LinkageAuthority,
    right: RevealedSeed,
    own: u16,
) -> Vec<OrderFailure> {
    let given = || order.seeds.iter().filter(|it| it.authority == authority);
    let others = given().filter(|it| it.seed != right);
    let mut failures: Vec<_> = others
        .map(|it| OrderFailure {
            operator: it.operator,
            failure: Failure::OtherSeed { authority },
        })
        .collect();
    if !given().any(|it| it.operator == own) {
        failures.push(OrderFailure {
            operator: own,
            failure: Failure::Late { authority },
        });
    }
    failures
}

/// How long an authority has to reveal its own seed.
const REVEAL_TIME: Duration = Duration::from_secs(60);
const SUSPENSION_MAX: Duration = Duration::from_secs(7 * 86_400);
/// More than one entry or order at a time can add.
const FORGOTTEN_AT_ONCE: usize = 4;
