use super::{step::Step, tag::raise_alarm_here};
use crate::ledger::{Action, Rule, TagKind};

impl Step<'_, '_> {
    /// Does what a transaction asks for, or names the rule that stops it; what was begun is
    /// forgotten then.
    ///
    /// Who may ask is settled first: a rule about content is named only to those who were entitled.
    pub(super) fn act(&mut self, action: &Action) -> Result<(), Rule> {
        match action {
            Action::Birth(it) => self.birth(it),
            Action::RotateKey(it) => self.rotate_key(it),
            Action::RetireVehicle(it) => self.retire_vehicle(it),
            Action::Transfer(it) => self.transfer(it),
            Action::PlaceBlock(it) => self.place_block(it),
            Action::LiftBlock(it) => self.lift_block(it),
            Action::BeginCustody(it) => self.begin_custody(it),
            Action::EndCustody(it) => self.end_custody(it),
            Action::RecordOdometer(it) => self.record_odometer(it),
            Action::Correct(it) => self.correct(it),
            Action::RecordWear(it) => self.record_wear(it),
            Action::ReplaceWearPart(it) => self.replace_wear_part(it),
            Action::RecordBattery(it) => self.record_battery(it),
            Action::RepairBattery(it) => self.repair_battery(it),
            Action::MakePart(it) => self.make_part(it),
            Action::ShipPart(it) => self.ship_part(it),
            Action::InstallPart(it) => self.install_part(it),
            Action::RemovePart(it) => self.remove_part(it),
            Action::MovePart(it) => self.move_part(it),
            Action::ScrapPart(it) => self.scrap_part(it),
            Action::RecordService(it) => self.record_service(it),
            Action::IssuePolicy(it) => self.issue_policy(it),
            Action::OpenClaim(it) => self.open_claim(it),
            Action::WithdrawClaim(it) => self.withdraw_claim(it),
            Action::DecideClaim(it) => self.decide_claim(it),
            Action::SettleClaim(it) => self.settle_claim(it),
            Action::IssueRecall(it) => self.issue_recall(it),
            Action::RemedyRecall(it) => self.remedy_recall(it),
            Action::RecordTrip(it) => self.record_trip(it),
            Action::AttachRecord(it) => self.attach_record(it),
            Action::GrantAccess(it) => self.grant_access(it),
            Action::RevokeAccess(it) => self.revoke_access(it),
            Action::ReadReceipt(it) => self.read_receipt(it),
            Action::EraseRecord(it) => self.erase_record(it),
            Action::ConfirmErasure(it) => self.confirm_erasure(it),
            Action::GrantRole(it) => self.grant_role(it),
            Action::RevokeRole(it) => self.revoke_role(it),
            Action::SetOperator(it) => self.set_operator(it),
            Action::SetShard(it) => self.set_shard(it),
            Action::ScheduleRules(it) => self.schedule_rules(it),
            Action::ReportMisconduct(it) => self.report_misconduct(it),
            Action::ChangeCommittee(it) => self.change_committee(it),
            Action::SetTicketPolicy(it) => self.set_ticket_policy(it),
            Action::SetGroup(it) => self.set_group(it),
            Action::CertifyIssuingKey(it) => self.certify_issuing_key(it),
            Action::ReplaceOperatorKey(it) => self.replace_operator_key(it),
            Action::PostKeyPart(it) => self.post_key_part(it),
            Action::ConfirmTicketKey(it) => self.confirm_ticket_key(it),
            Action::WithdrawTicketKey(it) => self.withdraw_ticket_key(it),
            Action::CommitTickets(it) => self.commit_tickets(it),
            Action::Enrol(it) => self.enrol_vehicle(it),
            Action::SetEnrolment(it) => self.set_enrolment(it),
            Action::OrderRevocation(it) => self.order_revocation(it),
            Action::NameHandle(it) => self.name_handle(it),
            Action::RevealSeed(it) => self.reveal_seed(it),
            Action::AppealRevocation(it) => self.appeal_revocation(it),
            Action::LiftRevocation(it) => self.lift_revocation(it),
            Action::ReportMisbehaviour(it) => self.report_misbehaviour(it),
            Action::Testify(it) => self.testify(it),
            Action::BelieveWitnesses(it) => self.believe_witnesses(it),
        }
    }

    /// Keeps the one thing that a refused transaction leaves beside its nonce and its outcome: that
    /// a tag was claimed twice, by whom.
    pub(super) fn after_refusal(&mut self, action: &Action, rule: Rule) {
        match (action, rule) {
            (Action::Birth(it), Rule::VinTagTaken) => {
                raise_alarm_here(self, TagKind::Vehicle, &it.vin.tag);
            }
            (Action::MakePart(it), Rule::PartTagTaken) => {
                raise_alarm_here(self, TagKind::Part, &it.certificate.tag);
            }
            _ => {}
        }
    }
}
