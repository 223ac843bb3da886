use std::collections::BTreeMap;

use wayside::{
    id::{ActionId, StationId},
    message::{Hazard, Validity},
    pipeline::HazardReport,
    time::Timestamp,
};

/// What the operator has told, and when to say it again.
///
/// Reports hold for an hour or so, and whoever tells them renews them until they are over: vehicles that
/// lost the unit forget them in time.
///
/// An event keeps its name on the road only as long as the unit speaks under the ticket that it is named
/// after; then another event takes its place. Whose key an event is, its namesake alone can show to
/// somebody who did not hear the first report: under a later ticket the unit could not be told from
/// anybody who updates that event with a key of his own, and who is heard first would be believed.
#[derive(Debug, Default)]
pub(super) struct Roadworks {
    told: BTreeMap<String, Told>,
}

/// One hazard of the operator's.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    /// What the operator says, with its position.
    pub(super) report: HazardReport,
    /// When it is over by itself.
    pub(super) until: Option<Timestamp>,
    /// How it stands on the road; `None` before it was told, or if that is not known any more.
    pub(super) event: Option<Event>,
}

/// How a hazard stands on the road.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Event {
    /// Its name there.
    pub(super) action: ActionId,
    /// When it was told last.
    pub(super) told: Timestamp,
    /// When that report ends to hold.
    pub(super) expires: Timestamp,
}

/// What is to be done about a hazard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    /// To say the same again, under the same name.
    Renew(ActionId),
    /// To tell it under a new name, and end the old one, if there is one.
    Replace(Option<ActionId>),
    /// It is over.
    Forget,
}

impl Roadworks {
    /// A hazard by the operator's name for it.
    pub(super) fn get(&self, name: &str) -> Option<&Told> {
        self.told.get(name)
    }

    /// The names on the road of those that were told, each with the operator's, and when it is over.
    pub(super) fn events(&self) -> impl Iterator<Item = (ActionId, String, Option<Timestamp>)> {
        let told = self.told.iter();
        told.filter_map(|(name, told)| Some((told.event?.action, name.clone(), told.until)))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.told.len()
    }

    /// Notes what was told.
    pub(super) fn insert(&mut self, name: String, told: Told) {
        self.told.insert(name, told);
    }

    /// Forgets a hazard.
    pub(super) fn remove(&mut self, name: &str) {
        self.told.remove(name);
    }

    /// What is to be done now by a unit that speaks as `own`, in the order of the names.
    pub(super) fn due(&self, now: Timestamp, own: Option<StationId>) -> Vec<(String, Due)> {
        let told = self.told.iter();
        let due = told.filter_map(|(name, told)| Some((name.clone(), told.due(now, own)?)));
        due.collect()
    }
}

impl Told {
    /// What to say at a moment: nothing holds longer than it shall, nor beyond `latest`.
    pub(super) fn report_at(&self, now: Timestamp, latest: Timestamp) -> HazardReport {
        let until = self.until.map_or(latest, |until| until.min(latest));
        let validity = self.report.validity.duration().min(until.since(now));
        HazardReport {
            validity: Validity::saturating(validity),
            ..self.report.clone()
        }
    }

    fn due(&self, now: Timestamp, own: Option<StationId>) -> Option<Due> {
        if self.until.is_some_and(|until| until <= now) {
            return Some(Due::Forget);
        }
        let Some(event) = self.event else {
            return Some(Due::Replace(None));
        };
        if own.is_some_and(|own| own != event.action.station) {
            return Some(Due::Replace(Some(event.action)));
        }
        let is_last = self.until.is_some_and(|until| event.expires >= until);
        let is_due = !is_last && event.expires.since(now) <= event.expires.since(event.told) / 2;
        is_due.then_some(Due::Renew(event.action))
    }

    /// What is to be kept of it on disk, beside its last envelope.
    pub(super) fn to_bytes(&self, envelope: &[u8]) -> Vec<u8> {
        let until = self.until.map_or(u64::MAX, Timestamp::unix_ms);
        let validity = self.report.validity.ms();
        let fields = [&until.to_be_bytes()[..], &validity.to_be_bytes()];
        [fields.concat().as_slice(), envelope].concat()
    }
}

/// What [`Told::to_bytes`] wrote.
pub(super) struct KeptTold {
    until: Option<Timestamp>,
    validity: Validity,
    /// Its last envelope.
    pub(super) envelope: Vec<u8>,
}

impl KeptTold {
    /// Reads it; `None` for anything else.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (until, rest) = bytes.split_first_chunk::<8>()?;
        let (validity, envelope) = rest.split_first_chunk::<4>()?;
        let until = match u64::from_be_bytes(*until) {
            u64::MAX => None,
            ms => Some(Timestamp::from_unix_ms(ms)?),
        };
        Some(Self {
            until,
            validity: Validity::from_ms(u32::from_be_bytes(*validity))?,
            envelope: envelope.to_owned(),
        })
    }

    /// What was told, as its envelope says; `is_own`: the event can still be updated.
    pub(super) fn to_told(&self, hazard: &Hazard, is_own: bool) -> Told {
        Told {
            report: HazardReport {
                cause: hazard.cause,
                position: Some(hazard.position),
                altitude: hazard.altitude,
                heading: hazard.heading,
                speed: hazard.speed,
                relevance_radius: hazard.relevance_radius,
                relevance_direction: hazard.relevance_direction,
                validity: self.validity,
                quality: hazard.quality,
            },
            until: self.until,
            event: is_own.then(|| Event {
                action: hazard.action,
                told: hazard.detected,
                expires: hazard.expires(),
            }),
        }
    }
}
