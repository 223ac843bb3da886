use std::{fmt, time::Duration};

use bytes::Bytes;
use prost::Message as _;

use super::{
    error::{DecodeError, optional, required},
    telemetry::{heading, position},
    wire,
};
use crate::{
    geo::Position,
    id::{ActionId, StationId},
    time::Timestamp,
    units::{Altitude, Heading, Speed},
};

/// One report of an event, with the meaning of EN 302 637-3 (DENM).
#[derive(Clone, Debug, PartialEq)]
pub struct Hazard {
    /// Which event.
    pub action: ActionId,
    /// Counts the reports of one event from 0; a higher one replaces a lower one.
    pub update: u16,
    /// What it is.
    pub cause: Cause,
    /// When the event, or its change, was detected (`referenceTime`).
    pub detected: Timestamp,
    /// Where the event is.
    pub position: Position,
    /// Height of the event.
    pub altitude: Option<Altitude>,
    /// Direction of the traffic or object of the event.
    pub heading: Option<Heading>,
    /// Speed of the event, for instance of a slow vehicle.
    pub speed: Option<Speed>,
    /// Whom it concerns, by distance.
    pub relevance_radius: RelevanceRadius,
    /// Whom it concerns, by direction of travel; `None` is all traffic.
    pub relevance_direction: Option<RelevanceDirection>,
    /// How long from [`Self::detected`] it holds.
    pub validity: Validity,
    /// How it ended; `None` while it lasts.
    pub termination: Option<Termination>,
    /// How good the originator's knowledge is.
    pub quality: InformationQuality,
    /// Who may update or cancel; `None` on a negation only.
    pub update_key: Option<UpdateKey>,
}

/// A hazard as its envelope carries it: the body's own bytes, and the signature that an update
/// needs.
///
/// Whether [`Self::update_signature`] is right is for `security` to say.
#[derive(Clone, Debug, PartialEq)]
pub struct HazardStatement {
    /// The decoded body.
    pub hazard: Hazard,
    /// The body's bytes, which the update signature covers.
    pub body: Bytes,
    /// Ed25519 by the private half of [`Hazard::update_key`]; required on every update but the
    /// first.
    pub update_signature: Option<[u8; 64]>,
}

/// What an event is: cause and sub-cause code of ETSI TS 102 894-2 (`CauseCode`).
///
/// Codes that this version has no name for are kept: a newer station may know more.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Cause {
    code: u8,
    sub_code: u8,
}

impl Cause {
    /// Emergency electronic brake light.
    pub const EMERGENCY_BRAKE_LIGHT: Self = Self::known(99, 1);
    /// A vehicle that broke down and stands.
    pub const STATIONARY_VEHICLE_BREAKDOWN: Self = Self::known(94, 2);
    /// The end of a queue, where it is dangerous.
    pub const END_OF_QUEUE: Self = Self::known(27, 0);
    /// A vehicle that is slower than the others.
    pub const SLOW_VEHICLE: Self = Self::known(26, 0);
    /// A vehicle that drives against the direction of its carriageway.
    pub const WRONG_WAY: Self = Self::known(14, 2);
    /// A road on which wheels lose their grip.
    pub const SLIPPERY_ROAD: Self = Self::known(6, 0);
    /// A vehicle that crashed.
    pub const POST_CRASH: Self = Self::known(92, 0);

    /// The cause with these codes, or `None` for code 0, which the standard reserves.
    pub fn from_codes(code: u8, sub_code: u8) -> Option<Self> {
        (code != 0).then_some(Self { code, sub_code })
    }

    const fn known(code: u8, sub_code: u8) -> Self {
        Self { code, sub_code }
    }

    /// The cause code, 1 to 255.
    pub fn code(self) -> u8 {
        self.code
    }

    /// The sub-cause code; 0 is "not specified".
    pub fn sub_code(self) -> u8 {
        self.sub_code
    }

    /// The standard's name of the cause code, or `None` if this version knows none.
    pub fn name(self) -> Option<&'static str> {
        CAUSE_NAMES
            .iter()
            .find(|(code, _)| *code == self.code)
            .map(|(_, name)| *name)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({}/{})", self.code, self.sub_code),
            None => write!(f, "{}/{}", self.code, self.sub_code),
        }
    }
}

/// A distance from an event, 1 m to 100 km.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RelevanceRadius {
    m: u32,
}

impl RelevanceRadius {
    /// 1 000 m.
    pub const KILOMETRE: Self = Self { m: 1_000 };

    /// Returns the radius, or `None` outside 1 to 100 000 m.
    pub fn from_m(m: u32) -> Option<Self> {
        (1..=RELEVANCE_RADIUS_MAX_M)
            .contains(&m)
            .then_some(Self { m })
    }

    /// Metres.
    pub fn m(self) -> u32 {
        self.m
    }
}

/// How long a report holds, 1 ms to 24 h (ETSI TS 102 894-2, `ValidityDuration`).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Validity {
    ms: u32,
}

impl Validity {
    /// 600 s (EN 302 637-3, `defaultValidity`).
    pub const DEFAULT: Self = Self { ms: 600_000 };

    /// The nearest validity to a duration, in whole milliseconds.
    pub fn saturating(duration: Duration) -> Self {
        let ms = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        Self {
            ms: ms.clamp(1, VALIDITY_MAX_MS),
        }
    }

    /// Returns the validity, or `None` outside 1 to 86 400 000 ms.
    pub fn from_ms(ms: u32) -> Option<Self> {
        (1..=VALIDITY_MAX_MS).contains(&ms).then_some(Self { ms })
    }

    /// Milliseconds.
    pub fn ms(self) -> u32 {
        self.ms
    }

    /// The same as a duration.
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.ms.into())
    }
}

/// How good the originator's knowledge is, 0 (unavailable) to 7 (highest)
/// (ETSI TS 102 894-2, `InformationQuality`).
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct InformationQuality(u8);

impl InformationQuality {
    /// Returns the level, or `None` above 7.
    pub fn from_level(level: u8) -> Option<Self> {
        (level <= INFORMATION_QUALITY_MAX).then_some(Self(level))
    }

    /// The level.
    pub fn level(self) -> u8 {
        self.0
    }
}

/// Which traffic an event concerns (ETSI TS 102 894-2, `RelevanceTrafficDirection`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RelevanceDirection {
    /// Traffic that drives towards the event.
    Upstream,
    /// Traffic that has passed it.
    Downstream,
    /// Oncoming traffic.
    Opposite,
}

/// How an event ended (ETSI TS 102 894-2, `Termination`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Termination {
    /// Its originator says that it is over.
    Cancellation,
    /// Another station saw that it is over.
    Negation,
}

/// The public half of an event's one-time Ed25519 key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UpdateKey(pub [u8; 32]);

impl Hazard {
    /// The last moment at which the report holds.
    pub fn expires(&self) -> Timestamp {
        self.detected.saturating_add(self.validity.duration())
    }

    /// Its bytes (`wayside.message.v1.Hazard`).
    pub fn encode(&self) -> Bytes {
        wire::Hazard {
            originating_station: Bytes::copy_from_slice(self.action.station.as_bytes()),
            action_sequence: Some(self.action.sequence.into()),
            update: Some(self.update.into()),
            cause_code: Some(self.cause.code.into()),
            sub_cause_code: self.cause.sub_code.into(),
            detected_at_unix_ms: Some(self.detected.unix_ms()),
            latitude_e7: Some(self.position.latitude_e7()),
            longitude_e7: Some(self.position.longitude_e7()),
            altitude_mm: self.altitude.map(Altitude::mm),
            heading_centideg: self.heading.map(|heading| heading.centideg().into()),
            speed_mm_per_s: self.speed.map(Speed::mm_per_s),
            relevance_radius_m: Some(self.relevance_radius.m),
            relevance_direction: match self.relevance_direction {
                None => wire::RelevanceDirection::Unspecified,
                Some(RelevanceDirection::Upstream) => wire::RelevanceDirection::Upstream,
                Some(RelevanceDirection::Downstream) => wire::RelevanceDirection::Downstream,
                Some(RelevanceDirection::Opposite) => wire::RelevanceDirection::Opposite,
            }
            .into(),
            validity_ms: Some(self.validity.ms),
            termination: match self.termination {
                None => wire::Termination::Unspecified,
                Some(Termination::Cancellation) => wire::Termination::Cancellation,
                Some(Termination::Negation) => wire::Termination::Negation,
            }
            .into(),
            information_quality: self.quality.0.into(),
            update_key: self
                .update_key
                .map_or_else(Bytes::new, |key| Bytes::copy_from_slice(&key.0)),
        }
        .encode_to_vec()
        .into()
    }

    /// Decodes its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let raw = wire::Hazard::decode(bytes)?;
        let station = <[u8; 8]>::try_from(raw.originating_station.as_ref())
            .map_err(|_| DecodeError::OutOfRange("originating_station"))?;
        let termination = termination(raw.termination)?;
        let sub_code = u8::try_from(raw.sub_cause_code)
            .map_err(|_| DecodeError::OutOfRange("sub_cause_code"))?;
        Ok(Self {
            action: ActionId {
                station: StationId::from_bytes(station),
                sequence: required(
                    raw.action_sequence,
                    |raw| raw.try_into().ok(),
                    "action_sequence",
                )?,
            },
            update: required(raw.update, |raw| raw.try_into().ok(), "update")?,
            cause: required(
                raw.cause_code,
                |raw| Cause::from_codes(raw.try_into().ok()?, sub_code),
                "cause_code",
            )?,
            detected: required(
                raw.detected_at_unix_ms,
                Timestamp::from_unix_ms,
                "detected_at_unix_ms",
            )?,
            position: position(raw.latitude_e7, raw.longitude_e7)?,
            altitude: optional(raw.altitude_mm, Altitude::from_mm, "altitude_mm")?,
            heading: heading(raw.heading_centideg, "heading_centideg")?,
            speed: optional(raw.speed_mm_per_s, Speed::from_mm_per_s, "speed_mm_per_s")?,
            relevance_radius: required(
                raw.relevance_radius_m,
                RelevanceRadius::from_m,
                "relevance_radius_m",
            )?,
            relevance_direction: relevance_direction(raw.relevance_direction)?,
            validity: required(raw.validity_ms, Validity::from_ms, "validity_ms")?,
            termination,
            quality: u8::try_from(raw.information_quality)
                .ok()
                .and_then(InformationQuality::from_level)
                .ok_or(DecodeError::OutOfRange("information_quality"))?,
            update_key: update_key(&raw.update_key, termination)?,
        })
    }
}

impl HazardStatement {
    /// Wraps a first report, which needs no update signature, or a negation.
    pub fn unsigned(hazard: Hazard) -> Self {
        Self {
            body: hazard.encode(),
            hazard,
            update_signature: None,
        }
    }

    /// Its bytes (`wayside.message.v1.HazardStatement`).
    pub fn encode(&self) -> Bytes {
        wire::HazardStatement {
            body: self.body.clone(),
            update_signature: self
                .update_signature
                .map_or_else(Bytes::new, |signature| Bytes::copy_from_slice(&signature)),
        }
        .encode_to_vec()
        .into()
    }

    /// Decodes its bytes; the body shares them.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        let raw = wire::HazardStatement::decode(bytes.clone())?;
        if raw.body.is_empty() {
            return Err(DecodeError::Missing("body"));
        }
        let update_signature = match raw.update_signature.as_ref() {
            [] => None,
            signature => Some(
                signature
                    .try_into()
                    .map_err(|_| DecodeError::OutOfRange("update_signature"))?,
            ),
        };
        Ok(Self {
            hazard: Hazard::decode(&raw.body)?,
            body: raw.body,
            update_signature,
        })
    }
}

fn relevance_direction(raw: i32) -> Result<Option<RelevanceDirection>, DecodeError> {
    match wire::RelevanceDirection::try_from(raw) {
        Ok(wire::RelevanceDirection::Unspecified) => Ok(None),
        Ok(wire::RelevanceDirection::Upstream) => Ok(Some(RelevanceDirection::Upstream)),
        Ok(wire::RelevanceDirection::Downstream) => Ok(Some(RelevanceDirection::Downstream)),
        Ok(wire::RelevanceDirection::Opposite) => Ok(Some(RelevanceDirection::Opposite)),
        Err(_) => Err(DecodeError::OutOfRange("relevance_direction")),
    }
}

fn termination(raw: i32) -> Result<Option<Termination>, DecodeError> {
    match wire::Termination::try_from(raw) {
        Ok(wire::Termination::Unspecified) => Ok(None),
        Ok(wire::Termination::Cancellation) => Ok(Some(Termination::Cancellation)),
        Ok(wire::Termination::Negation) => Ok(Some(Termination::Negation)),
        Err(_) => Err(DecodeError::OutOfRange("termination")),
    }
}

/// A negation speaks of somebody else's event and has no key of its own.
fn update_key(
    raw: &[u8],
    termination: Option<Termination>,
) -> Result<Option<UpdateKey>, DecodeError> {
    let negation = termination == Some(Termination::Negation);
    match (raw, negation) {
        ([], true) => Ok(None),
        ([], false) => Err(DecodeError::Missing("update_key")),
        (_, true) => Err(DecodeError::OutOfRange("update_key")),
        (key, false) => key
            .try_into()
            .map(|key| Some(UpdateKey(key)))
            .map_err(|_| DecodeError::OutOfRange("update_key")),
    }
}

/// ETSI TS 102 894-2, `CauseCodeType`.
const CAUSE_NAMES: &[(u8, &str)] = &[
    (1, "traffic condition"),
    (2, "accident"),
    (3, "roadworks"),
    (5, "impassability"),
    (6, "adhesion"),
    (7, "aquaplaning"),
    (9, "hazardous surface"),
    (10, "obstacle on the road"),
    (11, "animal on the road"),
    (12, "human presence on the road"),
    (14, "wrong way driving"),
    (15, "rescue and recovery"),
    (17, "extreme weather"),
    (18, "visibility"),
    (19, "precipitation"),
    (26, "slow vehicle"),
    (27, "dangerous end of queue"),
    (91, "vehicle breakdown"),
    (92, "post crash"),
    (93, "human problem"),
    (94, "stationary vehicle"),
    (95, "emergency vehicle approaching"),
    (96, "dangerous curve"),
    (97, "collision risk"),
    (98, "signal violation"),
    (99, "dangerous situation"),
];

const RELEVANCE_RADIUS_MAX_M: u32 = 100_000;
const VALIDITY_MAX_MS: u32 = 86_400_000;
const INFORMATION_QUALITY_MAX: u8 = 7;
