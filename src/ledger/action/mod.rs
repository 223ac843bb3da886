//! What a transaction asks for: one file for each family of records.
//!
//! The layouts are frozen, in bytes ([`borsh`]) and as text for people (JSON and TOML, an object
//! whose `action` names the kind). Times are said by whoever signs; the rules hold them against the
//! block's time. What could tie a vehicle to a person is a commitment, never plain text.

mod access;
mod battery;
mod canonical_text;
mod check;
mod committee;
mod enrolment;
mod governance;
mod hexadecimal;
mod issuing;
mod kinds;
mod misbehaviour;
mod odometer;
mod ownership;
mod part;
mod recall;
mod revocation;
mod tag;
mod trip;
mod vehicle;
mod warranty;
mod wear;

pub use access::{
    AttachRecord, ConfirmErasure, EraseRecord, GrantAccess, ReadReceipt, RecordClass, RevokeAccess,
};
pub use battery::{BatteryFigures, BatteryStatus, RecordBattery, RepairBattery};
pub use check::ActionError;
pub use committee::{
    AddOperator, ChangeCommittee, RemoveOperator, ReplaceSeat, SEATS_MAX, SeatChange,
};
pub use enrolment::{Enrol, EnrolmentStatus, SetEnrolment};
pub use governance::{
    GrantRole, OperatorStatus, ReportMisconduct, RevokeRole, ScheduleRules, SetOperator, SetShard,
};
pub(super) use issuing::ISSUING_RULES;
pub use issuing::{
    CertifyIssuingKey, CommitTickets, ConfirmTicketKey, KEY_PART_BYTES_MAX, KEY_ROUNDS_MAX,
    PostKeyPart, ReplaceOperatorKey, SLOTS_MAX, SetGroup, SetTicketPolicy, SlotCount,
    WithdrawTicketKey,
};
pub use kinds::Action;
pub(super) use misbehaviour::MISBEHAVIOUR_RULES;
pub use misbehaviour::{BelieveWitnesses, ReportMisbehaviour, Testify};
pub use odometer::{Correct, Correction, OdometerSource, RecordOdometer};
pub use ownership::{
    BeginCustody, CustodyPurpose, EndCustody, LiftBlock, PlaceBlock, SaleBlock, Transfer,
};
pub use part::{InstallPart, MakePart, MovePart, RemovePart, ScrapPart, ShipPart};
pub use recall::{IssueRecall, RecallCriteria, RemedyRecall};
pub use revocation::{
    AppealRevocation, LiftRevocation, NameHandle, OrderKind, OrderRevocation, RevealSeed,
};
pub use tag::{TagCertificate, TagKind};
pub use trip::{RecordTrip, STOPS_MAX, Stop};
pub use vehicle::{Birth, RetireVehicle, RotateKey};
pub use warranty::{
    COVERED_MAX, DecideClaim, IssuePolicy, OpenClaim, RecordService, SettleClaim, WithdrawClaim,
};
pub use wear::{Method, RecordWear, ReplaceWearPart, WHEELS_MAX, WearKind, WearSlot};

#[cfg(test)]
mod tests;
