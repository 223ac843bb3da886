use std::time::Duration;

use bytes::{BufMut as _, Bytes};

use super::{
    EvidenceError,
    stretch::{Said, contradicted, follows},
};
use crate::{
    plausibility::Check,
    security::{AdmittedTicket, Envelope, Equivocation, TICKET_LEN, Ticket},
};

/// Messages that a station signed and that contradict each other.
///
/// Big-endian: version 1; kind, 1 for an equivocation and 2 for three stretches; the ticket, 120; for
/// each list (one of two messages, or three) the number of its messages and each of them as
/// [`Envelope::to_unnamed`] writes it. At most [`EVIDENCE_LEN_MAX`] bytes. It need not be true:
/// [`Self::prove`] says.
#[derive(Clone, Debug)]
pub struct Evidence {
    ticket: Ticket,
    kind: Kind,
    lists: Vec<Vec<Envelope>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Equivocation,
    Implausible,
}

/// What a station is convicted of by its own words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lie {
    /// It signed two different messages with one sequence.
    Equivocation,
    /// What it said cannot have been true, again and again; by the check of the last time.
    Implausible(Check),
}

impl Lie {
    /// Its name on the ledger and in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Equivocation => "equivocation",
            Self::Implausible(check) => check.name(),
        }
    }
}

impl Evidence {
    /// Two messages with one sequence; `None` if they are too long to be handed in.
    pub fn of_equivocation(found: &Equivocation) -> Option<Self> {
        let envelopes = [&found.first, &found.second].map(|bytes| Envelope::parse(bytes.clone()));
        let [Ok(first), Ok(second)] = envelopes else {
            return None;
        };
        Self {
            ticket: found.ticket.ticket().clone(),
            kind: Kind::Equivocation,
            lists: vec![vec![first, second]],
        }
        .if_short()
    }

    /// Three stretches of messages that were all signed with one ticket; `None` if they are too long.
    pub(super) fn of_stretches(ticket: &Ticket, stretches: &[Vec<Said>]) -> Option<Self> {
        let parse = |said: &Said| Envelope::parse(said.bytes.clone()).ok();
        let lists = stretches
            .iter()
            .map(|stretch| stretch.iter().map(parse).collect());
        Self {
            ticket: ticket.clone(),
            kind: Kind::Implausible,
            lists: lists.collect::<Option<_>>()?,
        }
        .if_short()
    }

    fn if_short(self) -> Option<Self> {
        (self.to_bytes().len() <= EVIDENCE_LEN_MAX).then_some(self)
    }

    /// Reads what [`Self::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let length = || EvidenceError::Length(bytes.len());
        if bytes.len() > EVIDENCE_LEN_MAX {
            return Err(length());
        }
        let (&[version, kind], rest) = bytes.split_first_chunk().ok_or_else(length)?;
        let (kind, lists_len) = match (version, kind) {
            (VERSION, EQUIVOCATION) => (Kind::Equivocation, 1),
            (VERSION, IMPLAUSIBLE) => (Kind::Implausible, STRETCHES),
            _ => return Err(EvidenceError::Unknown),
        };
        let (ticket, mut rest) = rest.split_at_checked(TICKET_LEN).ok_or_else(length)?;
        let ticket = Ticket::from_bytes(ticket)?;
        let lists = (0..lists_len).map(|_| take_list(&mut rest, &ticket));
        let lists = lists.collect::<Result<_, _>>()?;
        if !rest.is_empty() {
            return Err(length());
        }
        Ok(Self {
            ticket,
            kind,
            lists,
        })
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = vec![
            VERSION,
            match self.kind {
                Kind::Equivocation => EQUIVOCATION,
                Kind::Implausible => IMPLAUSIBLE,
            },
        ];
        bytes.put_slice(self.ticket.as_bytes());
        for list in &self.lists {
            bytes.put_u8(u8::try_from(list.len()).unwrap_or(u8::MAX));
            list.iter()
                .for_each(|envelope| bytes.put_slice(&envelope.to_unnamed()));
        }
        bytes.into()
    }

    /// Whom it accuses.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Finds the lie in it, by nothing but itself. `ticket` is its own, with the issuer checked.
    ///
    /// Costs up to some thirty signatures, or next to nothing where the words alone are no lie.
    pub fn prove(&self, ticket: &AdmittedTicket) -> Result<Lie, EvidenceError> {
        if *ticket.ticket() != self.ticket {
            return Err(EvidenceError::OtherTicket);
        }
        let lie = match self.kind {
            Kind::Equivocation => self.equivocation()?,
            Kind::Implausible => Lie::Implausible(self.implausible()?),
        };
        let mut said = self.lists.iter().flatten();
        let is_signed = said.all(|envelope| envelope.is_signed_with(ticket));
        is_signed.then_some(lie).ok_or(EvidenceError::NotSigned)
    }

    fn equivocation(&self) -> Result<Lie, EvidenceError> {
        let both = self.lists.first().map(Vec::as_slice);
        let Some([first, second]) = both else {
            return Err(EvidenceError::NoEquivocation);
        };
        let place = |it: &Envelope| (it.kind(), it.sequence());
        // One statement can have been sent with its ticket and without.
        let is_other =
            first.generated() != second.generated() || first.payload() != second.payload();
        let contradicts = place(first) == place(second) && is_other;
        let lie = contradicts.then_some(Lie::Equivocation);
        lie.ok_or(EvidenceError::NoEquivocation)
    }

    fn implausible(&self) -> Result<Check, EvidenceError> {
        let read = |list: &Vec<Envelope>| list.iter().map(Said::of).collect();
        let stretches: Vec<Vec<Said>> = self.lists.iter().map(read).collect::<Result<_, _>>()?;
        if !are_stretches(&stretches) {
            return Err(EvidenceError::BadStretches);
        }
        let station = self.ticket.station();
        let mut last = None;
        for stretch in &stretches {
            last = Some(contradicted(station, stretch).ok_or(EvidenceError::Plausible)?);
        }
        last.ok_or(EvidenceError::BadStretches)
    }
}

/// Whether these are stretches of one drive that share no message and last long enough.
pub(super) fn are_stretches(stretches: &[Vec<Said>]) -> bool {
    let has_length = |stretch: &Vec<Said>| (MESSAGES_MIN..=MESSAGES_MAX).contains(&stretch.len());
    let is_whole = |stretch: &Vec<Said>| {
        let mut steps = stretch.iter().zip(stretch.iter().skip(1));
        steps.all(|(earlier, later)| follows(earlier, later))
    };
    let mut borders = stretches.iter().zip(stretches.iter().skip(1));
    let are_apart = borders.all(|(earlier, later)| {
        let border = earlier.last().zip(later.first());
        border.is_some_and(|(last, first)| {
            last.generated < first.generated && last.sequence < first.sequence
        })
    });
    let begin = stretches.first().and_then(|stretch| stretch.first());
    let end = stretches.last().and_then(|stretch| stretch.last());
    let lasts = begin
        .zip(end)
        .is_some_and(|(begin, end)| end.generated.since(begin.generated) >= LASTS_MIN);
    stretches.len() == STRETCHES
        && stretches.iter().all(has_length)
        && stretches.iter().all(is_whole)
        && are_apart
        && lasts
}

fn take_list(bytes: &mut &[u8], ticket: &Ticket) -> Result<Vec<Envelope>, EvidenceError> {
    let (&count, rest) = bytes.split_first().ok_or(EvidenceError::Length(0))?;
    *bytes = rest;
    if usize::from(count) > MESSAGES_MAX {
        return Err(EvidenceError::BadStretches);
    }
    let envelopes = (0..count).map(|_| Envelope::take_unnamed(bytes, ticket));
    Ok(envelopes.collect::<Result<_, _>>()?)
}

/// Most bytes of evidence: with what is around it, it fits one control frame between a vehicle and a
/// unit.
pub const EVIDENCE_LEN_MAX: usize = 4_000;
/// So often a station has to contradict itself, each time apart from the others.
pub const STRETCHES: usize = 3;
/// Fewer messages in a row show no motion.
const MESSAGES_MIN: usize = 3;
/// Bounds what a proof costs.
pub(super) const MESSAGES_MAX: usize = 16;
/// So long the evidence lasts at least: a receiver that loses its satellites has them again by then.
const LASTS_MIN: Duration = Duration::from_secs(6);
const VERSION: u8 = 1;
const EQUIVOCATION: u8 = 1;
const IMPLAUSIBLE: u8 = 2;
