use std::time::Duration;

use super::step::Step;
use crate::{
    crypto::{Digest, Purpose},
    evidence::{Evidence, Lie},
    ledger::{
        AccusedStation, AccusedTicket, Key, Label, OrderKind, ReportMisbehaviour, Rule, StateView,
        TicketPolicy, Value,
    },
    security::Ticket,
};

/// Suspending liars by proof.
///
/// A report is executed like everything else, so that a quorum of operators has found the lie again
/// once it is final. A proof names one ticket; whose it is, only the authorities together can tell, by
/// the order that follows.
impl Step<'_, '_> {
    pub(super) fn report_misbehaviour(&mut self, report: &ReportMisbehaviour) -> Result<(), Rule> {
        self.require_accuser()?;
        let policy = self.ticket_policy()?;
        let evidence = Evidence::from_bytes(&report.evidence);
        let evidence = evidence.map_err(|_| Rule::MisbehaviourUnproven)?;
        let ticket = evidence.ticket();
        self.require_not_accused(ticket.into())?;
        self.require_recent(ticket, &policy)?;
        let (_, admitted) = self.issuer_of(ticket, &policy)?;
        let lie = evidence.prove(&admitted);
        let reason = label(lie.map_err(|_| Rule::MisbehaviourUnproven)?);
        let digest = Digest::of(Purpose::LedgerMisbehaviour, &[&report.evidence]);
        self.suspend(ticket, (reason, Some(digest)), &policy)
    }

    /// The operator by whose issuing key this was signed.
    pub(super) fn require_accuser(&self) -> Result<u16, Rule> {
        self.require_issuing_rules()?;
        self.require_governance()?;
        let speaker = self.speakers().next();
        speaker.ok_or(Rule::IssuingSignatureMissing)
    }

    pub(super) fn require_not_accused(&self, accused: AccusedStation) -> Result<(), Rule> {
        let is_known = self.overlay.accusation(accused).is_some();
        (!is_known).then_some(()).ok_or(Rule::AccusedAlready)
    }

    /// Holds that a ticket's slot is not over for long: what happened then may have been settled since.
    pub(super) fn require_recent(
        &self,
        ticket: &Ticket,
        policy: &TicketPolicy,
    ) -> Result<(), Rule> {
        let end = policy.slots().valid_until(ticket.slot());
        let is_recent = self.time() <= end.saturating_add(REPORT_AGE_MAX);
        is_recent.then_some(()).ok_or(Rule::TicketOutOfTime)
    }

    /// Orders that the tickets of a ticket's vehicle count no more for a day.
    pub(super) fn suspend(
        &mut self,
        ticket: &Ticket,
        (reason, evidence): (Label, Option<Digest>),
        policy: &TicketPolicy,
    ) -> Result<(), Rule> {
        let (issuer, _) = self.issuer_of(ticket, policy)?;
        let until = self.time().saturating_add(SUSPENSION);
        let why = (OrderKind::Suspend { until }, reason);
        let mut order = self.new_order(AccusedTicket::from(ticket), issuer, why, policy)?;
        order.evidence = evidence;
        let number = self.give_order(order, policy);
        let accused = AccusedStation::from(ticket);
        self.put(Key::Accusation(accused), Value::Accusation(number));
        Ok(())
    }
}

/// What a lie is called in an order.
fn label(lie: Lie) -> Label {
    let name = lie.name().parse();
    name.expect("names of lies are short words")
}

/// How long a liar is suspended.
const SUSPENSION: Duration = Duration::from_secs(86_400);
/// How long after a ticket's slot its holder may be accused.
pub(super) const REPORT_AGE_MAX: Duration = Duration::from_secs(3_600);
