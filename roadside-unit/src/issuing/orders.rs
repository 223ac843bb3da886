use std::time::Duration;

use wayside::{
    id::{ShardId, VehicleId},
    issuing::{ReleaseOrder, SeedRecovery},
    ledger::{
        Action, AgreedHandle, Enrolment, EnrolmentStatus, EnrolmentVoice, NameHandle, Order,
        OrderKind, OrderState, RevealSeed, RevealedSeed, SetEnrolment, StateView as _,
        TicketHandle,
    },
    security::{LinkageAuthority, LinkageSeed, Ticket},
    time::{Instant, Timestamp},
};

use super::{
    offices::Offices,
    out::{About, View},
};

/// An order's seeds, while they are put together from what custodians release.
pub(super) struct Recovery {
    handle: TicketHandle,
    recovery: SeedRecovery,
    asked: Option<Instant>,
}

/// What the operator owes to orders of revocation: the handle, its seed, and, for authorities that owe
/// theirs too long, seeds put together from what everybody keeps in escrow.
impl Offices {
    /// Looks through all orders; says what is due, once more where it was lost.
    pub(super) fn look_at_orders(&mut self, view: &View<'_>) {
        for (number, order) in view.state.orders() {
            match order.state {
                OrderState::Open => self.serve(number, order, view),
                OrderState::Listed { .. } => {
                    self.settle_enrolment(number, order, ordered(order.kind), view);
                }
                OrderState::Lifted { entry: Some(_) } if !self.lifted.contains(&number) => {
                    self.settle_enrolment(number, order, EnrolmentStatus::Active, view);
                }
                // It never held, or the vehicle has had back what it took.
                OrderState::Lifted { .. } => {}
            }
        }
        let releases = view
            .state
            .orders()
            .flat_map(|(_, order)| released(order, view));
        self.desk.handle_orders(releases.collect());
        let is_open = |number: &u64| {
            let order = view.state.order(*number);
            order.is_some_and(|order| order.state == OrderState::Open)
        };
        self.recoveries.retain(|number, _| is_open(number));
        self.lifted
            .retain(|number| view.state.order(*number).is_some());
    }

    /// Takes the shares that custodians released.
    pub(super) fn take_released(&mut self) {
        while let Some((custodian, released)) = self.desk.poll_released() {
            let recoveries = self.recoveries.values_mut();
            for it in recoveries.filter(|it| it.handle == released.order.handle) {
                it.recovery.handle_released(custodian, &released);
            }
        }
    }

    fn serve(&mut self, number: u64, order: &Order, view: &View<'_>) {
        let Ok(ticket) = Ticket::from_bytes(order.ticket.as_bytes()) else {
            return;
        };
        let Some(agreed) = order.handle else {
            return self.name(number, order, &ticket);
        };
        self.reveal(number, order, &agreed, view);
        // One after the other, so that not all ask everybody.
        let operators = view.facts.operators();
        let own = self.seat.operator;
        let rank = operators.iter().position(|it| *it == own);
        let wait = rank.and_then(|rank| RECOVERY_TURN.checked_mul(u32::try_from(rank).ok()?));
        if let Some(wait) = wait
            && self.seat.replica == 0
            && is_overdue(&agreed, wait, view)
        {
            self.recover(number, order, (&ticket, &agreed), view);
        }
    }

    /// Names the handle under which the accused ticket was signed.
    fn name(&mut self, number: u64, order: &Order, ticket: &Ticket) {
        let own = self.seat.operator;
        let has_named = order.named.iter().any(|named| named.operator == own);
        if has_named || !order.members.contains(&own) {
            return;
        }
        let member = self.desk.member(order.group);
        let Some(handle) = member.and_then(|member| member.handle_of(ticket)) else {
            return;
        };
        let action = Action::NameHandle(NameHandle {
            order: number,
            handle,
        });
        self.say(ShardId::GOVERNANCE, action, About::Handle(number));
    }

    /// Reveals the seeds that this operator's own authorities owe.
    fn reveal(&mut self, number: u64, order: &Order, agreed: &AgreedHandle, view: &View<'_>) {
        let (handle, now) = (agreed.handle, view.now.timestamp);
        let first = self.desk.enrolment(order.group);
        let first = first.and_then(|it| it.seed_of(handle, view.facts, now));
        let first = first.map(|(_, _, seed)| seed);
        let second = self.desk.linkage(order.group);
        let second = second.and_then(|it| it.seed_of(handle, view.facts, now));
        let second = second.map(|(_, seed)| seed);
        for (authority, seed) in [
            (LinkageAuthority::First, first),
            (LinkageAuthority::Second, second),
        ] {
            if let Some(seed) = seed {
                self.give_seed(number, order, authority, &seed);
            }
        }
    }

    /// Puts the seeds together from what custodians keep, and reveals them.
    fn recover(
        &mut self,
        number: u64,
        order: &Order,
        (ticket, agreed): (&Ticket, &AgreedHandle),
        view: &View<'_>,
    ) {
        let found = self
            .recoveries
            .get(&number)
            .and_then(|it| it.recovery.find());
        if let Some([first, second]) = found {
            self.give_seed(number, order, LinkageAuthority::First, &first);
            self.give_seed(number, order, LinkageAuthority::Second, &second);
            return;
        }
        let recovery = self.recoveries.entry(number).or_insert_with(|| {
            let revealed = [LinkageAuthority::First, LinkageAuthority::Second].map(|authority| {
                let given = order.seeds.iter().find(|it| it.authority == authority)?;
                Some(LinkageSeed::from_bytes(*given.seed.as_bytes()))
            });
            Recovery {
                handle: agreed.handle,
                recovery: SeedRecovery::new(ticket, revealed),
                asked: None,
            }
        });
        let now = view.now.instant;
        if recovery.asked.is_some_and(|at| now.since(at) < ASK_EVERY) {
            return;
        }
        recovery.asked = Some(now);
        for is_second in [false, true] {
            let handle = agreed.handle;
            let order = ReleaseOrder { handle, is_second };
            self.desk.ask_release(order, view.facts);
        }
    }

    fn give_seed(
        &mut self,
        number: u64,
        order: &Order,
        authority: LinkageAuthority,
        seed: &LinkageSeed,
    ) {
        let seed = RevealedSeed::from_bytes(*seed.to_bytes());
        let own = self.seat.operator;
        let is_given = order
            .seeds
            .iter()
            .any(|it| it.authority == authority && (it.operator == own || it.seed == seed));
        if is_given {
            return;
        }
        let action = Action::RevealSeed(RevealSeed {
            order: number,
            authority,
            seed,
        });
        let is_second = authority == LinkageAuthority::Second;
        self.say(ShardId::GOVERNANCE, action, About::Seed(number, is_second));
    }

    /// Lets the accused vehicle have no more tickets, or again.
    fn settle_enrolment(
        &mut self,
        number: u64,
        order: &Order,
        status: EnrolmentStatus,
        view: &View<'_>,
    ) {
        let (Some(vehicle), Some(agreed)) = (self.accused(order, view), order.handle) else {
            return;
        };
        let home = (view.home)(vehicle.home);
        let enrolment = home.and_then(|state| state.enrolment(vehicle).copied());
        let now = view.now.timestamp;
        let Some(enrolment) = enrolment.filter(|it| it.group == order.group) else {
            return;
        };
        let before = enrolment.status_at(now);
        let is_due = match (status, before) {
            (EnrolmentStatus::Active, EnrolmentStatus::Active) => {
                if agreed.at < enrolment.since {
                    self.lifted.insert(number);
                }
                false
            }
            (EnrolmentStatus::Active, _) => {
                let is_followed = follows(&enrolment, order.kind, agreed.at);
                is_followed && !self.is_accused_otherwise(number, vehicle, view)
            }
            (EnrolmentStatus::Suspended { .. } | EnrolmentStatus::Revoked, _) => {
                tightens(before, status, now)
            }
        };
        if is_due {
            let action = Action::SetEnrolment(SetEnrolment { vehicle, status });
            self.say(vehicle.home, action, About::Enrolment(number));
        }
    }

    /// Whose ticket an order is about, if this process enrols it.
    fn accused(&mut self, order: &Order, view: &View<'_>) -> Option<VehicleId> {
        let agreed = order.handle?;
        let authority = self.desk.enrolment(order.group)?;
        let found = authority.seed_of(agreed.handle, view.facts, view.now.timestamp)?;
        Some(found.0)
    }

    /// Whether another order that holds is about the same vehicle.
    fn is_accused_otherwise(&mut self, number: u64, vehicle: VehicleId, view: &View<'_>) -> bool {
        view.state.orders().any(|(other, order)| {
            let holds = matches!(order.state, OrderState::Listed { .. });
            other != number && holds && self.accused(order, view) == Some(vehicle)
        })
    }
}

/// How an order wants the vehicle's enrolment to stand.
fn ordered(kind: OrderKind) -> EnrolmentStatus {
    match kind {
        OrderKind::Revoke => EnrolmentStatus::Revoked,
        OrderKind::Suspend { until } => EnrolmentStatus::Suspended { until },
    }
}

/// Whether a vehicle gets tickets later, or not any more, by what an order says after what was said
/// before.
pub(super) fn tightens(before: EnrolmentStatus, after: EnrolmentStatus, now: Timestamp) -> bool {
    match (before, after) {
        (_, EnrolmentStatus::Active) | (EnrolmentStatus::Revoked, _) => false,
        (EnrolmentStatus::Active | EnrolmentStatus::Suspended { .. }, EnrolmentStatus::Revoked) => {
            true
        }
        (EnrolmentStatus::Active, EnrolmentStatus::Suspended { until }) => now < until,
        (EnrolmentStatus::Suspended { until: before }, EnrolmentStatus::Suspended { until }) => {
            before < until
        }
    }
}

/// Whether an enrolment stands as it does since an order was followed whose handle was agreed then, and
/// not for a reason of the operator's own, which lifting the order says nothing about.
pub(super) fn follows(enrolment: &Enrolment, kind: OrderKind, agreed: Timestamp) -> bool {
    let latest = agreed.saturating_add(FOLLOWED_WITHIN);
    enrolment.by == EnrolmentVoice::Operator
        && enrolment.status == ordered(kind)
        && (agreed..=latest).contains(&enrolment.since)
}

/// Which shares the ledger lets custodians release for an order: its ticket is settled, it is open, and
/// the authorities have let their time pass.
fn released(order: &Order, view: &View<'_>) -> Vec<ReleaseOrder> {
    let agreed = order.handle.filter(|agreed| {
        order.state == OrderState::Open && is_overdue(agreed, Duration::ZERO, view)
    });
    let both = agreed.into_iter().flat_map(|AgreedHandle { handle, .. }| {
        [false, true].map(|is_second| ReleaseOrder { handle, is_second })
    });
    both.collect()
}

/// Whether authorities had their time, and `more` besides.
fn is_overdue(agreed: &AgreedHandle, more: Duration, view: &View<'_>) -> bool {
    let due = agreed.at.saturating_add(RECOVERY_AFTER + more);
    due <= view.now.timestamp
}

/// How long it may take until an order is listed and followed. What was said of an enrolment later has
/// to be taken back by whoever said it.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(3600);
/// How often custodians are asked while too few have answered.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// How long an authority has to reveal its seed by itself, as the ledger's rules have it.
const RECOVERY_AFTER: Duration = Duration::from_secs(60);
/// How much later each further operator begins to put seeds together.
const RECOVERY_TURN: Duration = Duration::from_secs(10);
