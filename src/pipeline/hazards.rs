use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use crate::{
    geo::Position,
    id::{ActionId, StationId},
    message::{
        Cause, Hazard, InformationQuality, RelevanceDirection, RelevanceRadius, Termination,
        Validity,
    },
    time::{Instant, Timestamp},
    units::{Altitude, Heading, Speed},
};

/// What a driving stack says of a danger.
#[derive(Clone, Debug, PartialEq)]
pub struct HazardReport {
    /// What it is.
    pub cause: Cause,
    /// Where it is; the own position if `None`.
    pub position: Option<Position>,
    /// Its height.
    pub altitude: Option<Altitude>,
    /// Direction of the traffic or object of the event; the own heading if both this and the
    /// position are `None`.
    pub heading: Option<Heading>,
    /// Its speed.
    pub speed: Option<Speed>,
    /// Whom it concerns, by distance.
    pub relevance_radius: RelevanceRadius,
    /// Whom it concerns, by direction of travel; `None` is all traffic.
    pub relevance_direction: Option<RelevanceDirection>,
    /// How long it holds without an update.
    pub validity: Validity,
    /// How good the stack's knowledge is.
    pub quality: InformationQuality,
}

impl HazardReport {
    /// A report of something at the own position, relevant within 1 000 m, that holds 600 s
    /// (the default of EN 302 637-3, `validityDuration`).
    pub fn of(cause: Cause) -> Self {
        Self {
            cause,
            position: None,
            altitude: None,
            heading: None,
            speed: None,
            relevance_radius: RelevanceRadius::KILOMETRE,
            relevance_direction: None,
            validity: Validity::DEFAULT,
            quality: InformationQuality::default(),
        }
    }
}

/// A hazard that this station reported, or another's of which it said that it is over, as it was last
/// signed.
#[derive(Clone, Debug)]
pub struct OwnHazard {
    /// Its latest report.
    pub hazard: Hazard,
    /// That report's envelope.
    pub bytes: Bytes,
    /// As whom it was signed.
    pub signer: StationId,
}

/// This station's hazards that still hold, and what it said of the end of its own and of others': who
/// comes later must learn of the end too, as long as the ticket that signed it is in use.
#[derive(Debug, Default)]
pub(super) struct OwnHazards {
    live: BTreeMap<ActionId, OwnHazard>,
}

impl OwnHazards {
    pub(super) fn get(&self, action: ActionId) -> Option<&OwnHazard> {
        self.live
            .get(&action)
            .filter(|own| own.hazard.termination.is_none())
    }

    pub(super) fn open(&self) -> impl DoubleEndedIterator<Item = &OwnHazard> {
        self.live
            .values()
            .filter(|own| own.hazard.termination.is_none())
    }

    /// What somebody is told who comes while we are `own`. What is open is told under any ticket,
    /// although it ties two of them; an end is not worth that.
    pub(super) fn told_as(&self, own: StationId) -> impl Iterator<Item = &OwnHazard> {
        let is_told = move |it: &&OwnHazard| it.hazard.termination.is_none() || it.signer == own;
        self.live.values().filter(is_told)
    }

    /// Whether one more may be kept; forgets an end for it where need be.
    pub(super) fn make_room(&mut self, len_max: usize) -> bool {
        if self.live.len() < len_max {
            return true;
        }
        let ended = self
            .live
            .iter()
            .filter(|(_, own)| own.hazard.termination.is_some())
            .min_by_key(|(_, own)| own.hazard.expires())
            .map(|(action, _)| *action);
        ended.is_some_and(|action| self.live.remove(&action).is_some())
    }

    pub(super) fn insert(&mut self, own: OwnHazard) {
        self.live.insert(own.hazard.action, own);
    }

    /// Keeps that another station's hazard is over, unless what is open needs all room; an end that was
    /// said before counts no more.
    pub(super) fn insert_negation(&mut self, own: OwnHazard, len_max: usize) {
        if self.live.contains_key(&own.hazard.action) || self.make_room(len_max) {
            self.insert(own);
        }
    }

    pub(super) fn forget_expired(&mut self, now: Timestamp) {
        self.live.retain(|_, own| own.hazard.expires() > now);
    }
}

/// The report after `before`, with what the stack says now.
pub(super) fn updated(before: &Hazard, report: &HazardReport, detected: Timestamp) -> Hazard {
    Hazard {
        update: before.update.saturating_add(1),
        cause: report.cause,
        detected,
        position: report.position.unwrap_or(before.position),
        altitude: report.altitude.or(before.altitude),
        heading: report.heading.or(before.heading),
        speed: report.speed,
        relevance_radius: report.relevance_radius,
        relevance_direction: report.relevance_direction,
        validity: report.validity,
        quality: report.quality,
        ..before.clone()
    }
}

/// The report that ends `before`. It holds as long as the one it ends would have, so that nobody
/// who heard that can miss it.
pub(super) fn cancelled(before: &Hazard, detected: Timestamp) -> Hazard {
    let rest = before.expires().since(detected) + CANCELLATION_MARGIN;
    Hazard {
        update: before.update.saturating_add(1),
        detected,
        validity: Validity::saturating(rest),
        termination: Some(Termination::Cancellation),
        ..before.clone()
    }
}

/// The statement that `seen`, another station's event, is over.
pub(super) fn negated(seen: &Hazard, detected: Timestamp) -> Hazard {
    Hazard {
        termination: Some(Termination::Negation),
        update_key: None,
        ..cancelled(seen, detected)
    }
}

/// How long a hazard that expires at `expires` may wait in a queue.
pub(super) fn queue_until(expires: Timestamp, now: crate::time::Now) -> Instant {
    now.instant + expires.since(now.timestamp)
}

const CANCELLATION_MARGIN: Duration = Duration::from_secs(1);
