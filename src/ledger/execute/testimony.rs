use super::{misbehaviour::REPORT_AGE_MAX, step::Step};
use crate::{
    evidence::Testimony,
    ledger::{BelieveWitnesses, Cases, Key, Rule, StateView, Testify, TicketPolicy, Value},
    security::Slot,
};

/// Suspending by witnesses, where nothing proves a lie.
///
/// Three vehicles that agree can be wrong, in league, or cars that do not exist and that an operator had
/// tickets made for; so it takes operators besides whose own units saw as much, one more than
/// may be false. Where all of those are wrong, an
/// honest car is suspended for a day: that is what an appeal is for.
impl Step<'_, '_> {
    pub(super) fn testify(&mut self, told: &Testify) -> Result<(), Rule> {
        self.require_accuser()?;
        let policy = self.ticket_policy()?;
        let testimony = Testimony::from_bytes(&told.testimony);
        let testimony = testimony.map_err(|_| Rule::MisbehaviourUnproven)?;
        let accused = testimony.accused();
        self.require_not_accused(accused.into())?;
        self.require_recent(accused, &policy)?;
        let (_, witness) = self.issuer_of(testimony.witness(), &policy)?;
        let (_, admitted) = self.issuer_of(accused, &policy)?;
        let verified = testimony.verify(&witness, &admitted);
        verified.map_err(|_| Rule::MisbehaviourUnproven)?;
        let mut cases = self.recent_cases(&policy);
        cases.add(&testimony)?;
        self.put(Key::Cases, Value::Cases(cases));
        Ok(())
    }

    pub(super) fn believe_witnesses(&mut self, asked: &BelieveWitnesses) -> Result<(), Rule> {
        let speaker = self.require_accuser()?;
        let policy = self.ticket_policy()?;
        self.require_not_accused(asked.accused)?;
        let mut cases = self.recent_cases(&policy);
        let case = cases.of_mut(asked.accused).filter(|case| case.is_ripe());
        let case = case.ok_or(Rule::WitnessesMissing)?;
        if case.believed_by.contains(&speaker) {
            return Err(Rule::WitnessesBelieved);
        }
        case.believed_by.push(speaker);
        let false_max = self.active().count().saturating_sub(self.quorum());
        if case.believed_by.len() > false_max {
            let (ticket, reason) = (case.ticket.ticket(), case.reason.clone());
            let ticket = ticket.map_err(|_| Rule::TicketNotIssued)?;
            cases.remove(asked.accused);
            self.suspend(&ticket, (reason, None), &policy)?;
        }
        self.put(Key::Cases, Value::Cases(cases));
        Ok(())
    }

    /// The cases about slots that are not over for long.
    fn recent_cases(&self, policy: &TicketPolicy) -> Cases {
        let mut cases = self.overlay.cases().cloned().unwrap_or_default();
        let (slots, now) = (policy.slots(), self.time());
        cases.0.retain(|case| {
            let end = slots.valid_until(Slot::from_number(case.slot));
            now <= end.saturating_add(REPORT_AGE_MAX)
        });
        cases
    }
}
