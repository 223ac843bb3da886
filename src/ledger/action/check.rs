use thiserror::Error;

use super::{
    Action, ChangeCommittee, KEY_PART_BYTES_MAX, SEATS_MAX, SLOTS_MAX, SeatChange, TagCertificate,
};
use crate::{
    crypto::{Context, KeyError},
    evidence::{EVIDENCE_LEN_MAX, TESTIMONY_LEN_MAX},
    id::ChainId,
    ledger::{AccountKey, COVERED_MAX, Genesis, KeyCache, MisconductError, STOPS_MAX},
    security::TicketError,
};

/// Why what a transaction asks for has no place in any block, whatever the state.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ActionError {
    /// A list is longer than its bound.
    #[error("{0} items are more than this list may have")]
    ListTooLong(usize),
    /// Nobody may sign with this key.
    #[error("key {0}: {1}")]
    Key(AccountKey, KeyError),
    /// The tag issuer's signature does not fit its certificate, or is for another ledger.
    #[error("the tag's certificate was not signed by its issuer for this ledger")]
    BadTagSignature,
    /// No unit can be reached there.
    #[error("{0:?} is not an address of the form host:port")]
    Address(String),
    /// What is accused is no ticket.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The votes prove nothing.
    #[error(transparent)]
    Misconduct(#[from] MisconductError),
}

impl Action {
    /// Everything about it that depends neither on state nor on who signs: lengths of lists, keys
    /// that are named, and signatures within it.
    pub(in crate::ledger) fn check(
        &self,
        genesis: &Genesis,
        keys: &mut KeyCache,
    ) -> Result<(), ActionError> {
        match self {
            Self::Birth(it) => check_certificate(&it.vin, genesis.chain(), keys),
            Self::MakePart(it) => check_certificate(&it.certificate, genesis.chain(), keys),
            Self::IssuePolicy(it) => check_length(it.covered.len(), COVERED_MAX),
            Self::RecordTrip(it) => check_length(it.stops.len(), STOPS_MAX),
            Self::GrantRole(it) => check_key(it.key, keys),
            // Who was in a later committee is in the state.
            Self::ReportMisconduct(it) if it.misconduct.epoch() == genesis.committee().epoch() => {
                it.misconduct.verify(genesis.committee(), genesis.chain())?;
                Ok(())
            }
            Self::ReportMisconduct(it) => Ok(it.misconduct.check_votes()?),
            Self::ChangeCommittee(it) => check_seats(it, keys),
            Self::GrantAccess(it) => check_key(it.reader, keys),
            Self::SetGroup(it) => check_length(it.members.len(), MEMBERS_MAX),
            Self::CertifyIssuingKey(it) => {
                check_key(it.key, keys)?;
                check_address(&it.door)
            }
            Self::ReplaceOperatorKey(it) => check_key(it.cold_key, keys),
            Self::PostKeyPart(it) => check_length(it.part.len(), KEY_PART_BYTES_MAX),
            Self::ConfirmTicketKey(it) => check_key(it.key, keys),
            Self::CommitTickets(it) => check_length(it.slots.len(), SLOTS_MAX),
            Self::OrderRevocation(it) => Ok(it.ticket.ticket().map(drop)?),
            Self::ReportMisbehaviour(it) => check_length(it.evidence.len(), EVIDENCE_LEN_MAX),
            Self::Testify(it) => check_length(it.testimony.len(), TESTIMONY_LEN_MAX),
            Self::RotateKey(_)
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
            | Self::ShipPart(_)
            | Self::InstallPart(_)
            | Self::RemovePart(_)
            | Self::MovePart(_)
            | Self::ScrapPart(_)
            | Self::RecordService(_)
            | Self::OpenClaim(_)
            | Self::WithdrawClaim(_)
            | Self::DecideClaim(_)
            | Self::SettleClaim(_)
            | Self::IssueRecall(_)
            | Self::RemedyRecall(_)
            | Self::AttachRecord(_)
            | Self::RevokeAccess(_)
            | Self::ReadReceipt(_)
            | Self::EraseRecord(_)
            | Self::ConfirmErasure(_)
            | Self::RevokeRole(_)
            | Self::SetOperator(_)
            | Self::SetShard(_)
            | Self::ScheduleRules(_)
            | Self::SetTicketPolicy(_)
            | Self::WithdrawTicketKey(_)
            | Self::Enrol(_)
            | Self::SetEnrolment(_)
            | Self::NameHandle(_)
            | Self::RevealSeed(_)
            | Self::AppealRevocation(_)
            | Self::LiftRevocation(_)
            | Self::BelieveWitnesses(_) => Ok(()),
        }
    }
}

fn check_seats(change: &ChangeCommittee, keys: &mut KeyCache) -> Result<(), ActionError> {
    check_length(change.seats.len(), SEATS_MAX)?;
    for seat in &change.seats {
        match seat {
            SeatChange::Add(it) => {
                check_key(it.cold_key, keys)?;
                check_key(it.vote_key, keys)?;
                check_address(&it.address)?;
            }
            SeatChange::Replace(it) => {
                it.vote_key.map_or(Ok(()), |key| check_key(key, keys))?;
                it.address.as_deref().map_or(Ok(()), check_address)?;
            }
            SeatChange::Remove(_) => {}
        }
    }
    Ok(())
}

fn check_address(address: &str) -> Result<(), ActionError> {
    let is_host = |host: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        !host.is_empty() && host.bytes().all(is_allowed)
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port != 0);
    let parts = address.rsplit_once(':');
    let is_address = address.len() <= ADDRESS_BYTES_MAX
        && parts.is_some_and(|(host, port)| is_host(host) && is_port(port));
    let wrong = || ActionError::Address(address.to_owned());
    is_address.then_some(()).ok_or_else(wrong)
}

fn check_certificate(
    certificate: &TagCertificate,
    chain: ChainId,
    keys: &mut KeyCache,
) -> Result<(), ActionError> {
    let issuer = certificate.issuer;
    keys.admit(issuer)
        .map_err(|error| ActionError::Key(issuer, error))?
        .verify(
            Context::LedgerTag,
            &[&certificate.signed_bytes(chain)],
            &certificate.signature,
        )
        .map_err(|_| ActionError::BadTagSignature)
}

fn check_key(key: AccountKey, keys: &mut KeyCache) -> Result<(), ActionError> {
    let admitted = keys.admit(key);
    admitted
        .map(drop)
        .map_err(|error| ActionError::Key(key, error))
}

fn check_length(length: usize, max: usize) -> Result<(), ActionError> {
    let fits = length <= max;
    fits.then_some(()).ok_or(ActionError::ListTooLong(length))
}

/// As many as a committee has members.
const MEMBERS_MAX: usize = 64;
/// A host name has at most 253 characters.
const ADDRESS_BYTES_MAX: usize = 260;
