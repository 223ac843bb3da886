use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    admitted::AdmittedTicket,
    refusal::Refusal,
    slot::SlotClock,
    ticket::{Class, Ticket},
};
use crate::{
    crypto::{Context, Digest, KeyError, Purpose, VerifyingKey},
    id::DomainId,
    time::Timestamp,
};

/// Whose tickets count together: the issuers, and how long a slot is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustDomain {
    id: DomainId,
    slots: SlotClock,
    issuers: BTreeMap<u16, IssuerKey>,
    development: bool,
}

/// One key that signs tickets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IssuerKey {
    /// Its id in tickets.
    pub id: u16,
    /// The key.
    pub key: VerifyingKey,
    /// The first moment at which a slot that it signs for may begin.
    pub from: Timestamp,
    /// The last moment at which a slot that it signs for may begin.
    pub until: Timestamp,
}

/// A trust domain cannot take the place of another one in a running station.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum OtherDomainError {
    /// Tickets of one domain never count in another.
    #[error("domain {} is not domain {}", .found.0, .expected.0)]
    Id {
        /// The domain in use.
        expected: DomainId,
        /// The one that came.
        found: DomainId,
    },
    /// The length of slots is fixed for the life of a domain.
    #[error("slots of {found} s instead of {expected} s")]
    SlotLength {
        /// The length in use.
        expected: u32,
        /// The one that came.
        found: u32,
    },
}

/// Why issuers make no trust domain.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TrustDomainError {
    /// Without an issuer, no ticket would ever count.
    #[error("a trust domain needs an issuer key")]
    NoIssuer,
    /// More keys than a table may have.
    #[error("{0} issuer keys are more than {ISSUERS_MAX}")]
    TooMany(usize),
    /// Two keys have one id.
    #[error("two issuer keys have the id {0}")]
    Twice(u16),
    /// A key ends before it begins.
    #[error("issuer key {0} ends before it begins")]
    NeverValid(u16),
}

/// Why text does not describe a trust domain.
#[derive(Debug, Error)]
pub enum TrustDomainTextError {
    /// Not TOML, or not these fields.
    #[error("not a trust domain: {0}")]
    Syntax(#[from] toml::de::Error),
    /// Written by a version that this one does not know.
    #[error("unknown trust domain version {0}")]
    Version(u32),
    /// A slot lasts from 1 s to a day.
    #[error("slots of {0} s")]
    SlotLength(u32),
    /// A key is not 64 hexadecimal digits.
    #[error("issuer key {0} is not 64 hexadecimal digits")]
    NotHexadecimal(u16),
    /// A key may not be believed.
    #[error("issuer key {0}: {1}")]
    Key(u16, KeyError),
    /// A time is out of range.
    #[error("issuer key {0} has a time out of range")]
    Time(u16),
    /// The issuers make no trust domain.
    #[error(transparent)]
    Issuers(#[from] TrustDomainError),
}

impl TrustDomain {
    /// Makes a trust domain; `development` ones may have one operator in every role and say so
    /// everywhere.
    pub fn new(
        id: DomainId,
        slots: SlotClock,
        issuers: Vec<IssuerKey>,
        development: bool,
    ) -> Result<Self, TrustDomainError> {
        if issuers.is_empty() {
            return Err(TrustDomainError::NoIssuer);
        }
        if issuers.len() > ISSUERS_MAX {
            return Err(TrustDomainError::TooMany(issuers.len()));
        }
        let mut table = BTreeMap::new();
        for issuer in issuers {
            if issuer.until < issuer.from {
                return Err(TrustDomainError::NeverValid(issuer.id));
            }
            if table.insert(issuer.id, issuer).is_some() {
                return Err(TrustDomainError::Twice(issuer.id));
            }
        }
        Ok(Self {
            id,
            slots,
            issuers: table,
            development,
        })
    }

    /// Its id.
    pub fn id(&self) -> DomainId {
        self.id
    }

    /// Where its slots begin and end.
    pub fn slots(&self) -> SlotClock {
        self.slots
    }

    /// Its issuer keys, by their ids.
    pub fn issuers(&self) -> impl Iterator<Item = &IssuerKey> {
        self.issuers.values()
    }

    /// Whether it is for development only, so that its promises do not hold.
    pub fn is_development(&self) -> bool {
        self.development
    }

    /// Whether `newer` can take its place while stations run.
    pub fn check_successor(&self, newer: &Self) -> Result<(), OtherDomainError> {
        if newer.id != self.id {
            return Err(OtherDomainError::Id {
                expected: self.id,
                found: newer.id,
            });
        }
        if newer.slots != self.slots {
            return Err(OtherDomainError::SlotLength {
                expected: self.slots.length_s(),
                found: newer.slots.length_s(),
            });
        }
        Ok(())
    }

    /// Names it by all that it says.
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        bytes.extend(self.id.0.to_be_bytes());
        bytes.extend(self.slots.length_s().to_be_bytes());
        bytes.push(self.development.into());
        for issuer in self.issuers.values() {
            bytes.extend(issuer.id.to_be_bytes());
            bytes.extend(issuer.key.as_bytes());
            bytes.extend(issuer.from.unix_ms().to_be_bytes());
            bytes.extend(issuer.until.unix_ms().to_be_bytes());
        }
        Digest::of(Purpose::TrustDomain, &[&bytes])
    }

    /// Believes a vehicle's ticket, or says why not: its domain, its class, its issuer and that
    /// issuer's time, its key, and the signature. Whether it counts now is left to [`AdmittedTicket::is_valid_at`].
    ///
    /// Costs a signature check and a key check, 50 to 80 µs; keep the result.
    pub fn admit(&self, ticket: &Ticket) -> Result<Arc<AdmittedTicket>, Refusal> {
        if ticket.domain() != self.id {
            return Err(Refusal::ForeignDomain(ticket.domain()));
        }
        if ticket.class() == Class::RoadsideUnit {
            return Err(Refusal::NotAUnit);
        }
        let issuer = self
            .issuers
            .get(&ticket.issuer_key_id())
            .ok_or(Refusal::UnknownIssuer(ticket.issuer_key_id()))?;
        let start = self.slots.start(ticket.slot());
        if !(issuer.from..=issuer.until).contains(&start) {
            return Err(Refusal::IssuerOutOfDate(issuer.id));
        }
        issuer
            .key
            .verify(Context::Ticket, &[ticket.body()], &ticket.signature())
            .map_err(|_| Refusal::BadTicketSignature)?;
        let key = VerifyingKey::from_bytes(&ticket.key_bytes()).map_err(|_| Refusal::WeakKey)?;
        Ok(Arc::new(AdmittedTicket {
            ticket: ticket.clone(),
            unit: None,
            key,
            station: ticket.station(),
            valid_from: self.slots.valid_from(ticket.slot()),
            valid_until: self.slots.valid_until(ticket.slot()),
        }))
    }

    /// Whether some issuer key has the number that the ticket names.
    pub(super) fn knows_issuer_of(&self, ticket: &Ticket) -> bool {
        self.issuers.contains_key(&ticket.issuer_key_id())
    }

    /// Whether the ticket's issuer key is listed for the ticket's slot, as the same key that `other`
    /// lists.
    pub(crate) fn still_lists_issuer_of(&self, ticket: &Ticket, other: &Self) -> bool {
        let id = ticket.issuer_key_id();
        let start = self.slots.start(ticket.slot());
        let (own, other) = (self.issuers.get(&id), other.issuers.get(&id));
        own.is_some_and(|issuer| {
            (issuer.from..=issuer.until).contains(&start)
                && other.is_some_and(|other| other.key == issuer.key)
        })
    }

    /// Whether the ticket's issuer key is listed for the ticket's slot.
    pub fn lists_issuer_of(&self, ticket: &Ticket) -> bool {
        self.still_lists_issuer_of(ticket, self)
    }

    /// Writes it as text, for files and recordings.
    pub fn to_toml(&self) -> String {
        let text = Text {
            version: TEXT_VERSION,
            domain: self.id.0,
            slot_length_s: self.slots.length_s(),
            development: self.development,
            issuer: self.issuers.values().map(IssuerText::of).collect(),
        };
        toml::to_string(&text).expect("numbers, text and tables are TOML")
    }

    /// Reads what [`Self::to_toml`] writes.
    pub fn from_toml(text: &str) -> Result<Self, TrustDomainTextError> {
        let text: Text = toml::from_str(text)?;
        if text.version != TEXT_VERSION {
            return Err(TrustDomainTextError::Version(text.version));
        }
        let slots = SlotClock::from_length_s(text.slot_length_s)
            .ok_or(TrustDomainTextError::SlotLength(text.slot_length_s))?;
        let issuers = text
            .issuer
            .iter()
            .map(IssuerText::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self::new(
            DomainId(text.domain),
            slots,
            issuers,
            text.development,
        )?)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    domain: u16,
    slot_length_s: u32,
    development: bool,
    issuer: Vec<IssuerText>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct IssuerText {
    id: u16,
    key: String,
    from_unix_ms: u64,
    until_unix_ms: u64,
}

impl IssuerText {
    fn of(issuer: &IssuerKey) -> Self {
        Self {
            id: issuer.id,
            key: format!("{:?}", issuer.key),
            from_unix_ms: issuer.from.unix_ms(),
            until_unix_ms: issuer.until.unix_ms(),
        }
    }

    fn parse(&self) -> Result<IssuerKey, TrustDomainTextError> {
        let bytes = key_bytes(&self.key).ok_or(TrustDomainTextError::NotHexadecimal(self.id))?;
        let time =
            |unix_ms| Timestamp::from_unix_ms(unix_ms).ok_or(TrustDomainTextError::Time(self.id));
        Ok(IssuerKey {
            id: self.id,
            key: VerifyingKey::from_bytes(&bytes)
                .map_err(|error| TrustDomainTextError::Key(self.id, error))?,
            from: time(self.from_unix_ms)?,
            until: time(self.until_unix_ms)?,
        })
    }
}

/// Reads 64 hexadecimal digits.
fn key_bytes(digits: &str) -> Option<[u8; 32]> {
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = nibbles
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
        .collect();
    (digits.len() == 64)
        .then(|| bytes.try_into().ok())
        .flatten()
}

const TEXT_VERSION: u32 = 1;
/// Bounds the memory of a table that comes from outside.
const ISSUERS_MAX: usize = 256;
