//! What stands beside every statement of another station: its bytes, its times, and how far to
//! believe it.

use super::{
    time::{to_wire_duration, to_wire_time},
    types::v1 as wire,
};
use crate::{
    plausibility::{Bound, Finding, Verdict},
    security::{AdmittedTicket, Verified},
    time::Timestamp,
};

/// The original bytes, and the ticket that makes them verifiable by others.
pub(super) fn signed<M>(verified: &Verified<M>) -> wire::SignedMessage {
    signed_bytes(verified.bytes(), verified.ticket(), verified.sequence())
}

fn signed_bytes(
    envelope: &bytes::Bytes,
    ticket: &AdmittedTicket,
    sequence: u32,
) -> wire::SignedMessage {
    let signature_at = envelope.len().saturating_sub(SIGNATURE_LEN);
    wire::SignedMessage {
        envelope: envelope.clone(),
        signer_digest: ticket.station().as_bytes().to_vec().into(),
        ticket: ticket.ticket().as_bytes().to_vec().into(),
        signature: envelope.slice(signature_at..),
        sequence,
    }
}

/// That a message was verified, and when.
pub(super) fn verification<M>(verified: &Verified<M>) -> wire::Verification {
    wire::Verification {
        status: wire::VerificationStatus::Verified.into(),
        reason: String::new(),
        checked_at: Some(to_wire_time(verified.received().timestamp)),
        list_age: verified.revocation_age().map(to_wire_duration),
        clock_doubted: verified.clock_doubted(),
        list_stale: verified.revocation_stale(),
    }
}

/// When a message was said, heard and passed on.
pub(super) fn times<M>(verified: &Verified<M>, delivered: Timestamp) -> wire::Times {
    wire::Times {
        generated_at: Some(to_wire_time(verified.generated())),
        received_at: Some(to_wire_time(verified.received().timestamp)),
        delivered_at: Some(to_wire_time(delivered)),
    }
}

impl From<&Verdict> for wire::Verdict {
    fn from(verdict: &Verdict) -> Self {
        Self {
            level: match verdict {
                Verdict::NotJudged => wire::VerdictLevel::Unspecified,
                Verdict::Plausible => wire::VerdictLevel::Plausible,
                Verdict::Implausible(_) => wire::VerdictLevel::Implausible,
            }
            .into(),
            findings: verdict.findings().iter().map(Into::into).collect(),
        }
    }
}

impl From<&Finding> for wire::Finding {
    fn from(finding: &Finding) -> Self {
        let (unit, steps_per_unit) = si(finding.check.unit());
        #[expect(
            clippy::cast_precision_loss,
            reason = "for people to read; exact below 2^53"
        )]
        let scaled = |steps: i64| steps as f64 / steps_per_unit;
        Self {
            check: finding.check.name().to_owned(),
            value: scaled(finding.value),
            threshold: scaled(finding.threshold),
            margin: scaled(finding.margin()),
            unit: unit.to_owned(),
            level: wire::VerdictLevel::Implausible.into(),
            bound: match finding.bound {
                Bound::AtMost => wire::Bound::AtMost,
                Bound::AtLeast => wire::Bound::AtLeast,
            }
            .into(),
        }
    }
}

/// The SI unit of a check's integer unit, and how many steps make one of it.
fn si(unit: &'static str) -> (&'static str, f64) {
    match unit {
        "mm" => ("m", 1_000.0),
        "mm/s" => ("m/s", 1_000.0),
        "0.01 deg" => ("deg", 100.0),
        other => (other, 1.0),
    }
}

const SIGNATURE_LEN: usize = 64;
