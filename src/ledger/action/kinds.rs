use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{
    AppealRevocation, AttachRecord, BeginCustody, BelieveWitnesses, Birth, CertifyIssuingKey,
    ChangeCommittee, CommitTickets, ConfirmErasure, ConfirmTicketKey, Correct, DecideClaim,
    EndCustody, Enrol, EraseRecord, GrantAccess, GrantRole, ISSUING_RULES, InstallPart,
    IssuePolicy, IssueRecall, LiftBlock, LiftRevocation, MISBEHAVIOUR_RULES, MakePart, MovePart,
    NameHandle, OpenClaim, OrderRevocation, PlaceBlock, PostKeyPart, ReadReceipt, RecordBattery,
    RecordOdometer, RecordService, RecordTrip, RecordWear, RemedyRecall, RemovePart, RepairBattery,
    ReplaceOperatorKey, ReplaceWearPart, ReportMisbehaviour, ReportMisconduct, RetireVehicle,
    RevealSeed, RevokeAccess, RevokeRole, RotateKey, ScheduleRules, ScrapPart, SetEnrolment,
    SetGroup, SetOperator, SetShard, SetTicketPolicy, SettleClaim, ShipPart, Testify, Transfer,
    WithdrawClaim, WithdrawTicketKey,
};
use crate::{
    id::{ShardId, VehicleId},
    ledger::Header,
};

/// What a transaction does.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A vehicle comes into being.
    Birth(Birth),
    /// A vehicle signs with a new key.
    RotateKey(RotateKey),
    /// A vehicle goes off the road.
    RetireVehicle(RetireVehicle),
    /// A vehicle changes hands.
    Transfer(Transfer),
    /// Keeps a vehicle from being sold.
    PlaceBlock(PlaceBlock),
    /// Lets a vehicle be sold again.
    LiftBlock(LiftBlock),
    /// A vehicle is handed over.
    BeginCustody(BeginCustody),
    /// A vehicle is handed back.
    EndCustody(EndCustody),
    /// What an odometer showed.
    RecordOdometer(RecordOdometer),
    /// Puts an earlier record right.
    Correct(Correct),
    /// How thick a pad or tyre is.
    RecordWear(RecordWear),
    /// A new pad or tyre is fitted.
    ReplaceWearPart(ReplaceWearPart),
    /// How a traction battery is.
    RecordBattery(RecordBattery),
    /// A traction battery is repaired or changed.
    RepairBattery(RepairBattery),
    /// A part comes into being.
    MakePart(MakePart),
    /// A part goes to another holder.
    ShipPart(ShipPart),
    /// A part is fitted to a vehicle.
    InstallPart(InstallPart),
    /// A part is taken out of a vehicle.
    RemovePart(RemovePart),
    /// A part goes from one vehicle to another.
    MovePart(MovePart),
    /// A part is scrapped.
    ScrapPart(ScrapPart),
    /// A vehicle was served.
    RecordService(RecordService),
    /// A warranty is given.
    IssuePolicy(IssuePolicy),
    /// A fault is claimed under a warranty.
    OpenClaim(OpenClaim),
    /// A claim is taken back.
    WithdrawClaim(WithdrawClaim),
    /// A claim is accepted or rejected.
    DecideClaim(DecideClaim),
    /// An accepted claim is paid.
    SettleClaim(SettleClaim),
    /// A maker calls vehicles back.
    IssueRecall(IssueRecall),
    /// A recall is remedied on a vehicle.
    RemedyRecall(RemedyRecall),
    /// A vehicle made a trip.
    RecordTrip(RecordTrip),
    /// A payload off the ledger belongs to a vehicle.
    AttachRecord(AttachRecord),
    /// Somebody may read.
    GrantAccess(GrantAccess),
    /// Somebody may no longer read.
    RevokeAccess(RevokeAccess),
    /// Somebody is let read.
    ReadReceipt(ReadReceipt),
    /// A record shall be destroyed.
    EraseRecord(EraseRecord),
    /// A record was destroyed.
    ConfirmErasure(ConfirmErasure),
    /// An account gets a role.
    GrantRole(GrantRole),
    /// An account loses a role.
    RevokeRole(RevokeRole),
    /// Changes how an operator stands.
    SetOperator(SetOperator),
    /// Changes a shard's share of new vehicles.
    SetShard(SetShard),
    /// A shard follows another version of the rules.
    ScheduleRules(ScheduleRules),
    /// An operator voted for two things at once.
    ReportMisconduct(ReportMisconduct),
    /// Changes whose votes count.
    ChangeCommittee(ChangeCommittee),
    /// Says what tickets are like.
    SetTicketPolicy(SetTicketPolicy),
    /// Founds or changes an issuing group.
    SetGroup(SetGroup),
    /// An operator's replica speaks about tickets by a key.
    CertifyIssuingKey(CertifyIssuingKey),
    /// An operator gets another cold key.
    ReplaceOperatorKey(ReplaceOperatorKey),
    /// A part of a key that will sign tickets.
    PostKeyPart(PostKeyPart),
    /// A key signs tickets.
    ConfirmTicketKey(ConfirmTicketKey),
    /// Tickets under a key count no more.
    WithdrawTicketKey(WithdrawTicketKey),
    /// Tickets were signed.
    CommitTickets(CommitTickets),
    /// A vehicle gets its tickets from a group.
    Enrol(Enrol),
    /// Says whether a vehicle gets tickets.
    SetEnrolment(SetEnrolment),
    /// A vehicle's tickets shall count no more.
    OrderRevocation(OrderRevocation),
    /// Names the handle of an accused ticket.
    NameHandle(NameHandle),
    /// Reveals what links a vehicle's tickets.
    RevealSeed(RevealSeed),
    /// The accused says that it was wronged.
    AppealRevocation(AppealRevocation),
    /// Takes an order back.
    LiftRevocation(LiftRevocation),
    /// A station lied, as its own messages prove.
    ReportMisbehaviour(ReportMisbehaviour),
    /// A station speaks against another.
    Testify(Testify),
    /// An operator believes three who do.
    BelieveWitnesses(BelieveWitnesses),
}

impl Action {
    /// The kind's name, as in the text form.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Birth(_) => "birth",
            Self::RotateKey(_) => "rotate_key",
            Self::RetireVehicle(_) => "retire_vehicle",
            Self::Transfer(_) => "transfer",
            Self::PlaceBlock(_) => "place_block",
            Self::LiftBlock(_) => "lift_block",
            Self::BeginCustody(_) => "begin_custody",
            Self::EndCustody(_) => "end_custody",
            Self::RecordOdometer(_) => "record_odometer",
            Self::Correct(_) => "correct",
            Self::RecordWear(_) => "record_wear",
            Self::ReplaceWearPart(_) => "replace_wear_part",
            Self::RecordBattery(_) => "record_battery",
            Self::RepairBattery(_) => "repair_battery",
            Self::MakePart(_) => "make_part",
            Self::ShipPart(_) => "ship_part",
            Self::InstallPart(_) => "install_part",
            Self::RemovePart(_) => "remove_part",
            Self::MovePart(_) => "move_part",
            Self::ScrapPart(_) => "scrap_part",
            Self::RecordService(_) => "record_service",
            Self::IssuePolicy(_) => "issue_policy",
            Self::OpenClaim(_) => "open_claim",
            Self::WithdrawClaim(_) => "withdraw_claim",
            Self::DecideClaim(_) => "decide_claim",
            Self::SettleClaim(_) => "settle_claim",
            Self::IssueRecall(_) => "issue_recall",
            Self::RemedyRecall(_) => "remedy_recall",
            Self::RecordTrip(_) => "record_trip",
            Self::AttachRecord(_) => "attach_record",
            Self::GrantAccess(_) => "grant_access",
            Self::RevokeAccess(_) => "revoke_access",
            Self::ReadReceipt(_) => "read_receipt",
            Self::EraseRecord(_) => "erase_record",
            Self::ConfirmErasure(_) => "confirm_erasure",
            Self::GrantRole(_) => "grant_role",
            Self::RevokeRole(_) => "revoke_role",
            Self::SetOperator(_) => "set_operator",
            Self::SetShard(_) => "set_shard",
            Self::ScheduleRules(_) => "schedule_rules",
            Self::ReportMisconduct(_) => "report_misconduct",
            Self::ChangeCommittee(_) => "change_committee",
            Self::SetTicketPolicy(_) => "set_ticket_policy",
            Self::SetGroup(_) => "set_group",
            Self::CertifyIssuingKey(_) => "certify_issuing_key",
            Self::ReplaceOperatorKey(_) => "replace_operator_key",
            Self::PostKeyPart(_) => "post_key_part",
            Self::ConfirmTicketKey(_) => "confirm_ticket_key",
            Self::WithdrawTicketKey(_) => "withdraw_ticket_key",
            Self::CommitTickets(_) => "commit_tickets",
            Self::Enrol(_) => "enrol",
            Self::SetEnrolment(_) => "set_enrolment",
            Self::OrderRevocation(_) => "order_revocation",
            Self::NameHandle(_) => "name_handle",
            Self::RevealSeed(_) => "reveal_seed",
            Self::AppealRevocation(_) => "appeal_revocation",
            Self::LiftRevocation(_) => "lift_revocation",
            Self::ReportMisbehaviour(_) => "report_misbehaviour",
            Self::Testify(_) => "testify",
            Self::BelieveWitnesses(_) => "believe_witnesses",
        }
    }

    /// The vehicles whose records it makes: none, one or two.
    pub fn vehicles(&self) -> impl Iterator<Item = VehicleId> + use<> {
        let (one, other) = self.subjects();
        one.into_iter().chain(other)
    }

    /// The shard that it must be sent to; `None` if that is wherever the part is.
    pub fn shard(&self) -> Option<ShardId> {
        match self {
            Self::InstallPart(_) | Self::MakePart(_) | Self::ShipPart(_) | Self::ScrapPart(_) => {
                None
            }
            Self::IssueRecall(_)
            | Self::GrantRole(_)
            | Self::RevokeRole(_)
            | Self::SetOperator(_)
            | Self::SetShard(_)
            | Self::ScheduleRules(_)
            | Self::ReportMisconduct(_)
            | Self::ChangeCommittee(_)
            | Self::SetTicketPolicy(_)
            | Self::SetGroup(_)
            | Self::CertifyIssuingKey(_)
            | Self::ReplaceOperatorKey(_)
            | Self::PostKeyPart(_)
            | Self::ConfirmTicketKey(_)
            | Self::WithdrawTicketKey(_)
            | Self::CommitTickets(_)
            | Self::OrderRevocation(_)
            | Self::NameHandle(_)
            | Self::RevealSeed(_)
            | Self::AppealRevocation(_)
            | Self::LiftRevocation(_)
            | Self::ReportMisbehaviour(_)
            | Self::Testify(_)
            | Self::BelieveWitnesses(_) => Some(ShardId::GOVERNANCE),
            Self::Birth(_)
            | Self::RotateKey(_)
            | Self::RetireVehicle(_)
            | Self::Transfer(_)
            | Self::PlaceBlock(_)
            | Self::LiftBlock(_)
            | Self::BeginCustody(_)
            | Self::EndCustody(_)
            | Self::RecordOdometer(_)
            | Self::Correct(_)
            | Self::RecordWear(_)
            | Self::ReplaceWearPart(_)
            | Self::RecordBattery(_)
            | Self::RepairBattery(_)
            | Self::RemovePart(_)
            | Self::MovePart(_)
            | Self::RecordService(_)
            | Self::IssuePolicy(_)
            | Self::OpenClaim(_)
            | Self::WithdrawClaim(_)
            | Self::DecideClaim(_)
            | Self::SettleClaim(_)
            | Self::RemedyRecall(_)
            | Self::RecordTrip(_)
            | Self::AttachRecord(_)
            | Self::GrantAccess(_)
            | Self::RevokeAccess(_)
            | Self::ReadReceipt(_)
            | Self::EraseRecord(_)
            | Self::ConfirmErasure(_)
            | Self::Enrol(_)
            | Self::SetEnrolment(_) => self.subjects().0.map(|vehicle| vehicle.home),
        }
    }

    /// The first version of the rules that knows this kind.
    ///
    /// A program that knows only earlier ones cannot read it, so until then it has no place in a block.
    pub(in crate::ledger) fn rules(&self) -> u16 {
        match self {
            Self::Birth(_)
            | Self::RotateKey(_)
            | Self::RetireVehicle(_)
            | Self::Transfer(_)
            | Self::PlaceBlock(_)
            | Self::LiftBlock(_)
            | Self::BeginCustody(_)
            | Self::EndCustody(_)
            | Self::RecordOdometer(_)
            | Self::Correct(_)
            | Self::RecordWear(_)
            | Self::ReplaceWearPart(_)
            | Self::RecordBattery(_)
            | Self::RepairBattery(_)
            | Self::MakePart(_)
            | Self::ShipPart(_)
            | Self::InstallPart(_)
            | Self::RemovePart(_)
            | Self::MovePart(_)
            | Self::ScrapPart(_)
            | Self::RecordService(_)
            | Self::IssuePolicy(_)
            | Self::OpenClaim(_)
            | Self::WithdrawClaim(_)
            | Self::DecideClaim(_)
            | Self::SettleClaim(_)
            | Self::IssueRecall(_)
            | Self::RemedyRecall(_)
            | Self::RecordTrip(_)
            | Self::AttachRecord(_)
            | Self::GrantAccess(_)
            | Self::RevokeAccess(_)
            | Self::ReadReceipt(_)
            | Self::EraseRecord(_)
            | Self::ConfirmErasure(_)
            | Self::GrantRole(_)
            | Self::RevokeRole(_)
            | Self::SetOperator(_)
            | Self::SetShard(_)
            | Self::ScheduleRules(_)
            | Self::ReportMisconduct(_)
            | Self::ChangeCommittee(_) => Header::RULES_FIRST,
            Self::SetTicketPolicy(_)
            | Self::SetGroup(_)
            | Self::CertifyIssuingKey(_)
            | Self::ReplaceOperatorKey(_)
            | Self::PostKeyPart(_)
            | Self::ConfirmTicketKey(_)
            | Self::WithdrawTicketKey(_)
            | Self::CommitTickets(_)
            | Self::Enrol(_)
            | Self::SetEnrolment(_)
            | Self::OrderRevocation(_)
            | Self::NameHandle(_)
            | Self::RevealSeed(_)
            | Self::AppealRevocation(_)
            | Self::LiftRevocation(_) => ISSUING_RULES,
            Self::ReportMisbehaviour(_) | Self::Testify(_) | Self::BelieveWitnesses(_) => {
                MISBEHAVIOUR_RULES
            }
        }
    }

    fn subjects(&self) -> (Option<VehicleId>, Option<VehicleId>) {
        let one = match self {
            Self::Birth(it) => it.vehicle,
            Self::RotateKey(it) => it.vehicle,
            Self::RetireVehicle(it) => it.vehicle,
            Self::Transfer(it) => it.vehicle,
            Self::PlaceBlock(it) => it.vehicle,
            Self::LiftBlock(it) => it.vehicle,
            Self::BeginCustody(it) => it.vehicle,
            Self::EndCustody(it) => it.vehicle,
            Self::RecordOdometer(it) => it.vehicle,
            Self::Correct(it) => it.vehicle,
            Self::RecordWear(it) => it.vehicle,
            Self::ReplaceWearPart(it) => it.vehicle,
            Self::RecordBattery(it) => it.vehicle,
            Self::RepairBattery(it) => it.vehicle,
            Self::InstallPart(it) => it.vehicle,
            Self::RemovePart(it) => it.vehicle,
            Self::RecordService(it) => it.vehicle,
            Self::IssuePolicy(it) => it.vehicle,
            Self::OpenClaim(it) => it.vehicle,
            Self::WithdrawClaim(it) => it.vehicle,
            Self::DecideClaim(it) => it.vehicle,
            Self::SettleClaim(it) => it.vehicle,
            Self::RemedyRecall(it) => it.vehicle,
            Self::RecordTrip(it) => it.vehicle,
            Self::AttachRecord(it) => it.vehicle,
            Self::GrantAccess(it) => it.vehicle,
            Self::RevokeAccess(it) => it.vehicle,
            Self::ReadReceipt(it) => it.vehicle,
            Self::EraseRecord(it) => it.vehicle,
            Self::ConfirmErasure(it) => it.vehicle,
            Self::Enrol(it) => it.vehicle,
            Self::SetEnrolment(it) => it.vehicle,
            Self::MovePart(it) => return (Some(it.from), Some(it.to)),
            Self::MakePart(_)
            | Self::ShipPart(_)
            | Self::ScrapPart(_)
            | Self::IssueRecall(_)
            | Self::GrantRole(_)
            | Self::RevokeRole(_)
            | Self::SetOperator(_)
            | Self::SetShard(_)
            | Self::ScheduleRules(_)
            | Self::ReportMisconduct(_)
            | Self::ChangeCommittee(_)
            | Self::SetTicketPolicy(_)
            | Self::SetGroup(_)
            | Self::CertifyIssuingKey(_)
            | Self::ReplaceOperatorKey(_)
            | Self::PostKeyPart(_)
            | Self::ConfirmTicketKey(_)
            | Self::WithdrawTicketKey(_)
            | Self::CommitTickets(_)
            | Self::OrderRevocation(_)
            | Self::NameHandle(_)
            | Self::RevealSeed(_)
            | Self::AppealRevocation(_)
            | Self::LiftRevocation(_)
            | Self::ReportMisbehaviour(_)
            | Self::Testify(_)
            | Self::BelieveWitnesses(_) => return (None, None),
        };
        (Some(one), None)
    }
}

/// Makes each kind into an action.
macro_rules! into_action {
    ($($kind:ident)*) => {
        $(
            impl From<$kind> for Action {
                fn from(asked: $kind) -> Self {
                    Self::$kind(asked)
                }
            }
        )*
    };
}

into_action! {
    Birth RotateKey RetireVehicle Transfer PlaceBlock LiftBlock BeginCustody EndCustody RecordOdometer Correct RecordWear ReplaceWearPart RecordBattery RepairBattery MakePart ShipPart InstallPart RemovePart MovePart ScrapPart RecordService IssuePolicy OpenClaim WithdrawClaim DecideClaim SettleClaim IssueRecall RemedyRecall RecordTrip AttachRecord GrantAccess RevokeAccess ReadReceipt EraseRecord ConfirmErasure GrantRole RevokeRole SetOperator SetShard ScheduleRules ReportMisconduct ChangeCommittee SetTicketPolicy SetGroup CertifyIssuingKey ReplaceOperatorKey PostKeyPart ConfirmTicketKey WithdrawTicketKey CommitTickets Enrol SetEnrolment OrderRevocation NameHandle RevealSeed AppealRevocation LiftRevocation ReportMisbehaviour Testify BelieveWitnesses
}
