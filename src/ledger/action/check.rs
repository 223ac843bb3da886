use thiserror::Error;

use super::{Action, TagCertificate};
use crate::{
    crypto::{Context, KeyError},
    id::ChainId,
    ledger::{AccountKey, COVERED_MAX, Genesis, KeyCache, MisconductError, STOPS_MAX},
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
            Self::ReportMisconduct(it) => {
                it.misconduct.verify(genesis.committee(), genesis.chain())?;
                Ok(())
            }
            Self::GrantAccess(it) => check_key(it.reader, keys),
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
            | Self::ScheduleRules(_) => Ok(()),
        }
    }
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
