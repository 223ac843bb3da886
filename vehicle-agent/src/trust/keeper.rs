use std::{collections::BTreeMap, time::Duration};

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use wayside::{
    crypto::VerifyingKey,
    id::{ChainId, DomainId, GroupId, VehicleId},
    ledger::{
        Committees, Enrolment, EnrolmentStatus, IssuingFacts, IssuingProof, IssuingProofError, Key,
        OperatorStatus, Proof, ProofError, Value,
    },
    security::{IssuerKey, Slot, TrustDomain, TrustDomainError},
    time::Timestamp,
    transport::door::UnitTrust,
};

use crate::tickets::Horizon;

/// What the ledger says about tickets, as far as the vehicle has heard.
///
/// Give what units show to [`Self::handle_issuing`] and [`Self::handle_enrolment`], and write
/// [`Self::kept`] down when either brought something new.
#[derive(Debug)]
pub struct TrustKeeper {
    vehicle: VehicleId,
    /// From the vehicle's owner.
    given: Option<TrustDomain>,
    issuing: Option<(IssuingFacts, Vec<u8>)>,
    enrolment: Option<Shown>,
}

/// What is remembered: proofs, to be checked again when they are read.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq)]
pub struct KeptTrust {
    issuing: Option<Vec<u8>>,
    enrolment: Option<Vec<u8>>,
}

/// What something that was shown brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum News {
    /// Something else than before.
    Changed,
    /// The same, and that it still holds.
    Same,
}

/// How the vehicle stands with those who issue tickets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Enrolled {
    /// Nothing was heard yet.
    #[default]
    Unknown,
    /// The ledger knows of no enrolment.
    No,
    /// It gets tickets.
    Active,
    /// It gets none, until then.
    Suspended(Timestamp),
    /// It gets none any more.
    Revoked,
}

/// Where an operator's unit is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Door {
    /// The operator, by its number.
    pub operator: u16,
    /// The unit's door, `host:port`.
    pub address: String,
}

/// Why something that was shown is not believed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum TrustError {
    /// No committee of the ledger says so.
    #[error("the proof of who issues tickets does not hold: {0}")]
    Issuing(#[from] IssuingProofError),
    /// No committee of the ledger says so.
    #[error("the proof of the enrolment does not hold: {0}")]
    Enrolment(#[from] ProofError),
    /// It proves something else than was asked.
    #[error("the proof is of something else")]
    Other,
    /// It was so before what is known.
    #[error("it is older than what is known")]
    Older,
    /// It was so once; what is shown now should be newer.
    #[error("it is {0:?} old")]
    Stale(Duration),
    /// The vehicle was told to belong to another trust domain.
    #[error(
        "the ledger's trust domain {} has slots of {ledger_slot_s} s, but the file's {} has slots of \
         {file_slot_s} s", .ledger.0, .file.0
    )]
    OtherDomain {
        /// The ledger's.
        ledger: DomainId,
        /// Its slots, in seconds.
        ledger_slot_s: u32,
        /// The file's.
        file: DomainId,
        /// Its slots, in seconds.
        file_slot_s: u32,
    },
}

#[derive(Debug)]
struct Shown {
    enrolment: Option<Enrolment>,
    as_of: Timestamp,
    bytes: Vec<u8>,
}

impl TrustKeeper {
    /// Knows what the vehicle's owner gave.
    pub fn new(vehicle: VehicleId, given: Option<TrustDomain>) -> Self {
        Self {
            vehicle,
            given,
            issuing: None,
            enrolment: None,
        }
    }

    /// Takes up what an earlier run remembered, as far as it still holds.
    pub fn restore(&mut self, kept: &KeptTrust, committees: &Committees) -> Result<(), TrustError> {
        if let Some(bytes) = &kept.issuing {
            self.take_issuing(bytes, committees, None)?;
        }
        if let Some(bytes) = &kept.enrolment {
            self.take_enrolment(bytes, committees, None)?;
        }
        Ok(())
    }

    /// What is to be written down.
    pub fn kept(&self) -> KeptTrust {
        KeptTrust {
            issuing: self.issuing.as_ref().map(|(_, bytes)| bytes.clone()),
            enrolment: self.enrolment.as_ref().map(|shown| shown.bytes.clone()),
        }
    }

    /// A unit showed who issues tickets.
    pub fn handle_issuing(
        &mut self,
        bytes: &[u8],
        committees: &Committees,
        now: Timestamp,
    ) -> Result<News, TrustError> {
        self.take_issuing(bytes, committees, Some(now))
    }

    /// A unit showed how the vehicle is enrolled.
    pub fn handle_enrolment(
        &mut self,
        bytes: &[u8],
        committees: &Committees,
        now: Timestamp,
    ) -> Result<News, TrustError> {
        self.take_enrolment(bytes, committees, Some(now))
    }

    /// The key in the state of the vehicle's home shard that its enrolment's proof is for.
    pub fn enrolment_key(&self) -> Vec<u8> {
        Key::Enrolment(self.vehicle).to_bytes()
    }

    /// Who issues tickets; `None` before anything was heard.
    pub fn facts(&self) -> Option<&IssuingFacts> {
        self.issuing.as_ref().map(|(facts, _)| facts)
    }

    /// When all this was so; `None` before anything was heard.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.facts().map(|facts| facts.as_of)
    }

    /// The group that issues the vehicle's tickets; `None` if it is enrolled with none, or that was
    /// not heard yet.
    pub fn group(&self) -> Option<GroupId> {
        let shown = self.enrolment.as_ref()?;
        Some(shown.enrolment?.group)
    }

    /// How the vehicle stood at a moment.
    pub fn enrolled_at(&self, time: Timestamp) -> Enrolled {
        match &self.enrolment {
            None => Enrolled::Unknown,
            Some(Shown {
                enrolment: None, ..
            }) => Enrolled::No,
            Some(Shown {
                enrolment: Some(enrolment),
                ..
            }) => match enrolment.status_at(time) {
                EnrolmentStatus::Active => Enrolled::Active,
                EnrolmentStatus::Suspended { until } => Enrolled::Suspended(until),
                EnrolmentStatus::Revoked => Enrolled::Revoked,
            },
        }
    }

    /// Whose tickets count: the ledger's, and in a development domain also those of the file. `None`
    /// if there is neither.
    pub fn domain(&self) -> Result<Option<TrustDomain>, TrustDomainError> {
        let Some(facts) = self.facts() else {
            return Ok(self.given.clone());
        };
        let given = self.given.as_ref();
        let mut issuers: BTreeMap<u16, IssuerKey> = BTreeMap::new();
        let is_development = facts.development && given.is_none_or(TrustDomain::is_development);
        if is_development {
            let keys = given.into_iter().flat_map(TrustDomain::issuers);
            issuers.extend(keys.map(|key| (key.id, *key)));
        }
        match facts.trust_domain() {
            Ok(domain) => issuers.extend(domain.issuers().map(|key| (key.id, *key))),
            // Nobody issues tickets yet.
            Err(TrustDomainError::NoIssuer) => {}
            Err(error) => return Err(error),
        }
        if issuers.is_empty() {
            return Ok(self.given.clone());
        }
        let issuers = issuers.into_values().collect();
        let (id, slots) = (facts.policy.domain, facts.policy.slots());
        TrustDomain::new(id, slots, issuers, facts.development).map(Some)
    }

    /// Which slots the vehicle may have tickets for; `None` if it is not known to be enrolled.
    pub fn horizon(&self) -> Option<Horizon> {
        let policy = &self.facts()?.policy;
        let enrolment = self.enrolment.as_ref()?.enrolment?;
        let first = policy.origin_slot.max(enrolment.first_slot);
        Some(Horizon {
            slots: policy.slots(),
            origin: Slot::from_number(first),
            preload_slots: policy.preload_slots,
        })
    }

    /// Which units are believed: those of `genesis`, the operators at the ledger's beginning, until
    /// it is known who is there now.
    pub fn units(&self, chain: ChainId, genesis: &BTreeMap<usize, VerifyingKey>) -> UnitTrust {
        let Some(facts) = self.facts() else {
            return UnitTrust {
                chain,
                operators: genesis.clone(),
            };
        };
        let operators = facts.operators.iter().filter_map(|(number, operator)| {
            let is_there = operator.status != OperatorStatus::Left;
            let key = is_there.then(|| operator.cold_key.admit().ok())??;
            Some((usize::from(*number), key))
        });
        UnitTrust {
            chain,
            operators: operators.collect(),
        }
    }

    /// The doors of those who take part in issuing, in order.
    pub fn doors(&self) -> Vec<Door> {
        let seats = self.facts().into_iter().flat_map(|facts| {
            let takes_part = |operator: u16| {
                let operator = facts.operators.get(&operator);
                operator.is_some_and(|it| it.status == OperatorStatus::Active)
            };
            let seats = facts.seats.iter();
            seats.filter(move |((operator, _), _)| takes_part(*operator))
        });
        let doors = seats.map(|((operator, _), seat)| Door {
            operator: *operator,
            address: seat.door.clone(),
        });
        doors.collect()
    }

    fn take_issuing(
        &mut self,
        bytes: &[u8],
        committees: &Committees,
        now: Option<Timestamp>,
    ) -> Result<News, TrustError> {
        let facts = IssuingProof::from_bytes(bytes)?.verify(committees)?;
        require_recent(facts.as_of, self.as_of(), now)?;
        if let Some(given) = &self.given {
            let (ledger, file) = (facts.policy.domain, given.id());
            let ledger_slot_s = facts.policy.slot_length_s;
            let file_slot_s = given.slots().length_s();
            if (ledger, ledger_slot_s) != (file, file_slot_s) {
                return Err(TrustError::OtherDomain {
                    ledger,
                    ledger_slot_s,
                    file,
                    file_slot_s,
                });
            }
        }
        let news = match &self.issuing {
            Some((known, _)) => {
                let same = IssuingFacts {
                    as_of: known.as_of,
                    ..facts.clone()
                };
                news(same == *known)
            }
            None => News::Changed,
        };
        self.issuing = Some((facts, bytes.to_vec()));
        Ok(news)
    }

    fn take_enrolment(
        &mut self,
        bytes: &[u8],
        committees: &Committees,
        now: Option<Timestamp>,
    ) -> Result<News, TrustError> {
        let Proof::State(state) = Proof::from_bytes(bytes)? else {
            return Err(TrustError::Other);
        };
        let header = state.verify(committees)?;
        if state.key != Key::Enrolment(self.vehicle) || header.shard != self.vehicle.home {
            return Err(TrustError::Other);
        }
        let as_of = header.time;
        let known = self.enrolment.as_ref();
        require_recent(as_of, known.map(|shown| shown.as_of), now)?;
        let enrolment = match &state.value {
            None => None,
            Some(Value::Enrolment(enrolment)) => Some(*enrolment),
            Some(_) => return Err(TrustError::Other),
        };
        let is_same = known.is_some_and(|known| known.enrolment == enrolment);
        self.enrolment = Some(Shown {
            enrolment,
            as_of,
            bytes: bytes.to_vec(),
        });
        Ok(news(is_same))
    }
}

impl TrustError {
    /// Whether it is not known yet whose votes count in the proof's epoch; a newer checkpoint says.
    pub fn is_of_unknown_epoch(&self) -> bool {
        match self {
            Self::Issuing(error) => error.is_of_unknown_epoch(),
            Self::Enrolment(error) => error.is_of_unknown_epoch(),
            Self::Other | Self::Older | Self::Stale(_) | Self::OtherDomain { .. } => false,
        }
    }
}

/// Refuses what was so before `known`, and what is too old to be shown `now`.
fn require_recent(
    as_of: Timestamp,
    known: Option<Timestamp>,
    now: Option<Timestamp>,
) -> Result<(), TrustError> {
    if known.is_some_and(|known| as_of < known) {
        return Err(TrustError::Older);
    }
    let age = now.map(|now| now.since(as_of)).unwrap_or_default();
    if age > AGE_MAX {
        return Err(TrustError::Stale(age));
    }
    Ok(())
}

fn news(is_same: bool) -> News {
    if is_same { News::Same } else { News::Changed }
}

/// How old it may be what a unit shows: who is held in the past believes keys that were withdrawn.
const AGE_MAX: Duration = Duration::from_secs(24 * 3_600);
