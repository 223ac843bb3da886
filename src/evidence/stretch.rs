use bytes::Bytes;

use super::EvidenceError;
use crate::{
    id::StationId,
    message::{Message, Telemetry},
    plausibility::{Check, Claim, Verdict, judge_evidence},
    security::Envelope,
    time::Timestamp,
};

/// A message of a stretch.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) telemetry: Telemetry,
    pub(super) generated: Timestamp,
    pub(super) sequence: u32,
    /// The whole envelope.
    pub(super) bytes: Bytes,
}

impl Said {
    pub(super) fn of(envelope: &Envelope) -> Result<Self, EvidenceError> {
        let message = Message::decode(envelope.kind(), envelope.payload());
        match message.map_err(|error| EvidenceError::Message(error.into()))? {
            Message::Telemetry(telemetry) => Ok(Self {
                telemetry,
                generated: envelope.generated(),
                sequence: envelope.sequence(),
                bytes: envelope.bytes().clone(),
            }),
            Message::Hazard(_) => Err(EvidenceError::BadStretches),
        }
    }
}

/// What messages of a station that follow each other contradict, judged from nothing else.
pub(super) fn contradicted(station: StationId, said: &[Said]) -> Option<Check> {
    let claims = said.iter().map(|said| Claim {
        station,
        telemetry: &said.telemetry,
        generated: said.generated,
        age: None,
    });
    let verdicts = judge_evidence(claims);
    let mut findings = verdicts.iter().flat_map(Verdict::findings);
    let proof = findings.find(|finding| finding.check.is_proof());
    proof.map(|finding| finding.check)
}

/// Whether a message comes after another of its sender, without too many left out between them.
pub(super) fn follows(earlier: &Said, later: &Said) -> bool {
    let skipped = later.sequence.checked_sub(earlier.sequence);
    earlier.generated < later.generated && skipped.is_some_and(|it| (1..=STEP_MAX).contains(&it))
}

/// Every twentieth message of a station that speaks ten times a second is one in two seconds, which is
/// as seldom as the checks can judge.
const STEP_MAX: u32 = 20;
