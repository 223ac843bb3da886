use std::{collections::BTreeMap, time::Duration};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Facts, REQUEST_SLOTS_MAX, SealedAnswer, SealedRequest, Seat, TicketBlob, TicketRefusal, Token,
    answer::{Answer, Collected},
    encoding::encode,
    request::{MEMBERS_MAX, REQUEST_VERSION, TicketRequest, TicketWish, WantedTicket},
};
use crate::{
    crypto::{OpeningKey, Purpose, SealingKey, SigningKey, VerifyingKey, random_bytes},
    id::{ChainId, GroupId, VehicleId},
    security::{Credential, Slot},
    time::Timestamp,
};

/// A request for tickets that a car has made: nobody has it yet.
///
/// Write [`Self::secrets`] and the token down durably, and only then hand [`Self::sealed`] to a unit,
/// by preference of another operator; the same bytes may be sent again. Ask for the tickets by the
/// token.
pub struct DraftedRequest {
    /// The enrolment authority's process that it is for.
    pub to: Seat,
    /// By what its tickets are asked for.
    pub token: Token,
    /// The bytes to send, a [`SealedRequest`].
    pub sealed: Vec<u8>,
    /// The slots that tickets are wanted for, in order, and their keys.
    pub wanted: Vec<(Slot, VerifyingKey)>,
    /// What opens the answers.
    pub secrets: RequestSecrets,
}

/// From what the keys of all tickets of one request follow, and the keys to which they and the answers
/// are sealed; wiped when dropped.
pub struct RequestSecrets(SigningKey);

/// What an enrolment authority answers to a car.
pub enum CarAnswer {
    /// The tickets are being made. Ask for them after this long.
    Accepted {
        /// How long.
        ready_in: Duration,
        /// For these slots the vehicle has tickets already, and gets none.
        used: Vec<Slot>,
    },
    /// None will come of it.
    Refused(TicketRefusal),
    /// What is there.
    Collected {
        /// Tickets, each with its key. Whether a trust domain believes them is not checked.
        credentials: Vec<Credential>,
        /// How many are still being made.
        waiting: u16,
        /// For these slots none will come, or one came that does not belong to the request.
        failed: Vec<Slot>,
    },
}

/// Why no request can be made.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DraftError {
    /// The ledger names nobody who would give a ticket of a slot.
    #[error("nobody on the ledger issues tickets of slot {0}")]
    NoAuthority(u32),
    /// An operator that takes part has no issuing key now.
    #[error("operator {0} has no issuing key that counts")]
    NoKey(u16),
    /// More members than a request has room for.
    #[error("{0} members are more than {MEMBERS_MAX}")]
    TooManyMembers(usize),
}

/// Why an answer is of no use.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum AnswerError {
    /// It is no answer, or one to another request.
    #[error("not an answer to this request")]
    Malformed,
    /// It does not open: whoever carried it changed it.
    #[error("an answer that does not open")]
    Sealed,
    /// None of the tickets that came opens and belongs to the request; this slot's is one.
    #[error("a ticket of slot {0} that does not belong to the request")]
    BadTicket(u32),
}

/// Makes requests for tickets of some slots: one for each process that decides on some of them.
///
/// Costs a signature for each slot, and a sealing for each slot and member: some 400 µs a slot.
///
/// # Panics
///
/// If the operating system has no randomness to give.
pub fn draft_requests(
    (group, vehicle): (GroupId, VehicleId),
    enrolment_key: &SigningKey,
    slots: &[Slot],
    facts: &Facts,
    now: Timestamp,
) -> Result<Vec<DraftedRequest>, DraftError> {
    let mut wanted: BTreeMap<(Seat, &[u16], u16), Vec<Slot>> = BTreeMap::new();
    for slot in slots {
        let seat = facts.writer(group, &vehicle, *slot);
        let issuer = facts.issuer(group, *slot);
        let (Some(seat), Some(issuer)) = (seat, issuer) else {
            return Err(DraftError::NoAuthority(slot.number()));
        };
        let of_seat = wanted.entry((seat, issuer.members.as_slice(), issuer.threshold));
        of_seat.or_default().push(*slot);
    }
    let mut drafted = Vec::new();
    for ((seat, members, threshold), mut slots) in wanted {
        let members_keys = facts.first_keys(members, now);
        let missing = members
            .iter()
            .find(|it| members_keys.iter().all(|(with_key, _)| with_key != *it));
        if let Some(missing) = missing.filter(|_| members_keys.len() < threshold.into()) {
            return Err(DraftError::NoKey(*missing));
        }
        let members_keys: BTreeMap<_, _> = members_keys.into_iter().collect();
        slots.sort_unstable();
        slots.dedup();
        for slots in slots.chunks(REQUEST_SLOTS_MAX) {
            let of = (group, vehicle, enrolment_key);
            drafted.push(draft(
                of,
                (seat, members, &members_keys),
                slots,
                (facts, now),
            )?);
        }
    }
    Ok(drafted)
}

fn draft(
    (group, vehicle, enrolment_key): (GroupId, VehicleId, &SigningKey),
    (seat, members, members_keys): (Seat, &[u16], &BTreeMap<u16, SealingKey>),
    slots: &[Slot],
    (facts, now): (&Facts, Timestamp),
) -> Result<DraftedRequest, DraftError> {
    if members.len() > MEMBERS_MAX {
        return Err(DraftError::TooManyMembers(members.len()));
    }
    let chain = facts.chain;
    let to = facts.sealing_key(seat, now);
    let to = to.ok_or(DraftError::NoKey(seat.operator))?;
    let secrets = RequestSecrets(SigningKey::generate());
    let mut keys = Vec::new();
    let mut tickets = Vec::new();
    for slot in slots {
        let key = secrets.ticket_key(*slot);
        let response = secrets.response_key(Some(*slot)).sealing_key();
        let wish = TicketWish::sign((chain, group), *slot, &key, &response);
        let seal = |member: &u16| {
            let Some(key) = members_keys.get(member) else {
                return Ok(TicketBlob::left_out());
            };
            let blob = TicketBlob::seal(&wish, chain, group, (*member, key));
            blob.map_err(|_| DraftError::NoKey(*member))
        };
        let blobs = members.iter().map(seal);
        tickets.push(WantedTicket {
            slot: slot.number(),
            blobs: blobs.collect::<Result<_, _>>()?,
        });
        keys.push((*slot, key.verifying_key()));
    }
    let token = Token::from_bytes(random_bytes());
    let request = TicketRequest {
        version: REQUEST_VERSION,
        chain,
        group,
        to: seat,
        token,
        vehicle,
        time: now,
        response_key: *secrets.response_key(None).sealing_key().as_bytes(),
        members: members.to_vec(),
        wanted: tickets,
    };
    let sealed = SealedRequest::seal(request, enrolment_key, &to);
    let sealed = sealed.map_err(|_| DraftError::NoKey(seat.operator))?;
    Ok(DraftedRequest {
        to: seat,
        token,
        sealed: sealed.to_bytes(),
        wanted: keys,
        secrets,
    })
}

impl RequestSecrets {
    /// The bytes to store, as secret as a ticket's key.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([[VERSION].as_slice(), self.0.to_seed().as_slice()].concat())
    }

    /// Reads what [`Self::to_bytes`] writes; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, seed) = bytes.split_first()?;
        let seed = seed.try_into().ok()?;
        (*version == VERSION).then_some(Self(SigningKey::from_seed(seed)))
    }

    /// Opens an answer to the request with this token. Opening the same again does no harm.
    pub fn open(
        &self,
        chain: ChainId,
        token: Token,
        answer: &[u8],
    ) -> Result<CarAnswer, AnswerError> {
        let answer = SealedAnswer::from_bytes(answer).filter(|it| it.token == token);
        let answer = answer.ok_or(AnswerError::Malformed)?;
        let opened = answer.open(chain, &self.response_key(None));
        match opened.ok_or(AnswerError::Sealed)? {
            Answer::Accepted { ready_in_ms, used } => Ok(CarAnswer::Accepted {
                ready_in: Duration::from_millis(ready_in_ms.into()),
                used: slots(used),
            }),
            Answer::Refused(refusal) => Ok(CarAnswer::Refused(refusal)),
            Answer::Collected(collected) => self.collected(chain, collected),
        }
    }

    fn collected(&self, chain: ChainId, collected: Collected) -> Result<CarAnswer, AnswerError> {
        let mut credentials = Vec::with_capacity(collected.tickets.len());
        let mut failed = slots(collected.failed);
        let mut bad = None;
        for (number, sealed) in collected.tickets {
            let slot = Slot::from_number(number);
            let ticket = sealed.open(chain, slot, &self.response_key(Some(slot)));
            let credential = ticket.map(|it| Credential::new(it, self.ticket_key(slot)));
            match credential {
                Some(Ok(credential)) => credentials.push(credential),
                // Whoever signed it made it so that no car can use it; the others are none the worse.
                Some(Err(_)) | None => {
                    failed.push(slot);
                    bad = Some(number);
                }
            }
        }
        if let (Some(slot), true) = (bad, credentials.is_empty()) {
            return Err(AnswerError::BadTicket(slot));
        }
        Ok(CarAnswer::Collected {
            credentials,
            waiting: collected.waiting,
            failed,
        })
    }

    fn ticket_key(&self, slot: Slot) -> SigningKey {
        let number = slot.number().to_be_bytes();
        self.0.derive(Purpose::TicketKey, &[&number])
    }

    /// The key to which a slot's ticket is sealed, or else the answers to the whole request.
    fn response_key(&self, slot: Option<Slot>) -> OpeningKey {
        let slot = encode(&slot.map(Slot::number));
        OpeningKey::of(&self.0.derive(Purpose::TicketResponseKey, &[&slot]))
    }
}

fn slots(numbers: Vec<u32>) -> Vec<Slot> {
    numbers.into_iter().map(Slot::from_number).collect()
}

const VERSION: u8 = 1;
