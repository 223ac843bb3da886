use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Event, Station, counters::count};
use crate::{
    id::{PeerId, StationId},
    link::ControlFrame,
    relay::{
        CAUSES_MAX, HALF_WIDTH_MAX_M, HEARD_MAX, Interest, InterestArea, LoadConfig, LoadMonitor,
        MOVING_REACH_MAX_M, Notice, Relay, ShedReason,
    },
    time::{Instant, Now, Recent, RecentBounds},
};

/// What a car wants to be told by roadside units.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoadsideConfig {
    /// From so near in every direction, in metres; 0 for no such area. Capped at 5 000.
    pub around_m: u32,
    /// From so far ahead, in metres; 0 for no such area. Capped at 5 000.
    pub ahead_m: u32,
    /// To either side of the way ahead, in metres. Capped at 500.
    pub ahead_half_width_m: u32,
    /// Whether telemetry is wanted.
    pub telemetry: bool,
    /// Whether hazards are wanted.
    pub hazards: bool,
    /// Cause codes of the hazards that are wanted; empty for all. The first 32 count.
    pub causes: Vec<u8>,
    /// At least so long between two messages of one signer; 0 for all of them.
    #[serde(with = "humantime_serde")]
    pub telemetry_interval_min: Duration,
    /// How often units are told at most who is heard directly.
    #[serde(with = "humantime_serde")]
    pub heard_interval: Duration,
}

/// A station's part in what goes on at the road: what a car asks of units, or what a unit does for
/// others.
#[derive(Debug)]
pub(super) struct Roadside {
    /// A unit's; `None` in a car.
    pub(super) relay: Option<Box<Relay>>,
    pub(super) load: LoadMonitor,
    /// Telemetry dropped unverified, of which nobody was told yet.
    pub(super) shed: BTreeMap<ShedReason, u64>,
    pub(super) next_losses: Instant,
    /// Telemetry that each peer's link could not take, as far as the peer was told.
    pub(super) lost: BTreeMap<PeerId, (u64, u64)>,
    listen_port: Option<u16>,
    /// Whose telemetry came from itself, of late.
    heard: Recent<StationId>,
    /// What each unit was told that we want, and when.
    told: BTreeMap<PeerId, (Interest, Instant)>,
}

impl Default for RoadsideConfig {
    fn default() -> Self {
        Self {
            around_m: 500,
            ahead_m: 2_000,
            ahead_half_width_m: 100,
            telemetry: true,
            hazards: true,
            causes: Vec::new(),
            telemetry_interval_min: Duration::ZERO,
            heard_interval: Duration::from_secs(5),
        }
    }
}

impl RoadsideConfig {
    fn interest(&self) -> Interest {
        let mut areas = Vec::new();
        if self.around_m > 0 {
            areas.push(InterestArea::Around {
                radius_m: self.around_m.min(MOVING_REACH_MAX_M),
            });
        }
        if self.ahead_m > 0 {
            areas.push(InterestArea::Ahead {
                length_m: self.ahead_m.min(MOVING_REACH_MAX_M),
                half_width_m: self.ahead_half_width_m.clamp(1, HALF_WIDTH_MAX_M),
            });
        }
        let causes = self.causes.iter().copied().filter(|code| *code != 0);
        let interval_ms = self.telemetry_interval_min.as_millis();
        Interest {
            areas,
            telemetry: self.telemetry,
            hazards: self.hazards,
            causes: causes.take(CAUSES_MAX).collect(),
            telemetry_interval_min_ms: u16::try_from(interval_ms).unwrap_or(u16::MAX),
            ..Interest::default()
        }
    }
}

impl Roadside {
    pub(super) fn new(load: LoadConfig, now: Now) -> Self {
        Self {
            relay: None,
            load: LoadMonitor::new(load, now.instant),
            shed: BTreeMap::new(),
            next_losses: now.instant,
            lost: BTreeMap::new(),
            listen_port: None,
            heard: Recent::new(RecentBounds {
                len_max: HEARD_KEPT_MAX,
                age_max: HEARD_FOR,
            }),
            told: BTreeMap::new(),
        }
    }

    /// Notes telemetry that came from its signer itself.
    pub(super) fn note_heard(&mut self, station: StationId, now: Now) {
        self.heard.note(station, now.instant);
    }

    /// Forgets what would tie the next name to the one before.
    pub(super) fn forget_name(&mut self) {
        self.listen_port = None;
        self.heard.clear();
        self.told.clear();
    }

    pub(super) fn forget_peer(&mut self, peer: PeerId) {
        self.told.remove(&peer);
        self.lost.remove(&peer);
        if let Some(relay) = &mut self.relay {
            relay.handle_left(peer);
        }
    }

    /// Those of late, the latest first where they are too many.
    fn heard_now(&mut self, now: Now) -> Vec<StationId> {
        self.heard.forget(now.instant);
        let mut stations: Vec<_> = self.heard.newest_first().take(HEARD_MAX).collect();
        stations.sort_unstable();
        stations
    }
}

impl Station {
    /// Takes in at which port others may call this car; units tell it to cars nearby, and introduce
    /// those to this one. `None`, as at first: neither.
    pub fn handle_reachable(&mut self, port: Option<u16>, now: Now) {
        self.roadside.listen_port = port.filter(|port| *port != 0);
        self.tell_interests(now);
    }

    /// Takes a notice of a peer.
    pub(super) fn handle_roadside(&mut self, peer: PeerId, bytes: &Bytes, now: Now) {
        let notice = match Notice::decode(bytes) {
            Ok(Some(notice)) => notice,
            Ok(None) => return count(&mut self.counters.not_taken, NOTICE),
            Err(_) => {
                count(&mut self.counters.refused, NOTICE);
                return self.note_offence(peer, now);
            }
        };
        let is_unit = self.peer_is_unit(peer) == Some(true);
        match (notice, &mut self.roadside.relay) {
            (Notice::Interest(interest), Some(relay)) => relay.handle_interest(peer, interest),
            (Notice::Units(units), Some(relay)) if is_unit => relay.handle_units(peer, &units),
            (Notice::Units(units), None) if is_unit => self.raise(Event::UnitsTold { peer, units }),
            (Notice::Introduction(neighbours), None) if is_unit => {
                self.raise(Event::Introduced { peer, neighbours });
            }
            (Notice::Sheds(shed), None) if is_unit => self.raise(Event::Shed { peer, shed }),
            (Notice::Evidence(evidence), Some(_)) => self.handle_evidence(peer, &evidence, now),
            (Notice::Testimony(testimony), Some(_)) => {
                self.handle_testimony(peer, &testimony, now);
            }
            (
                Notice::Interest(_)
                | Notice::Introduction(_)
                | Notice::Units(_)
                | Notice::Sheds(_)
                | Notice::Evidence(_)
                | Notice::Testimony(_),
                _,
            ) => {
                count(&mut self.counters.not_taken, NOTICE);
            }
        }
        self.drain_relay(now);
    }

    /// Tells a unit that just said hello what we want.
    pub(super) fn tell_interest(&mut self, peer: PeerId, now: Now) {
        // A connection made under another name is told nothing more.
        if self.peers.get(peer).map(|it| it.own) != self.station() {
            return;
        }
        let mut interest = self.interest(now);
        self.roadside
            .told
            .insert(peer, (interest.clone(), now.instant));
        let own = self.own.as_ref();
        interest.place = own.map(|(state, _)| state.telemetry.position);
        self.queue_notice(peer, &Notice::Interest(interest));
    }

    /// Tells units what we want where that changed.
    pub(super) fn tell_interests(&mut self, now: Now) {
        if self.roadside.told.is_empty() {
            return;
        }
        let interest = self.interest(now);
        let heard_interval = self.config.roadside.heard_interval;
        let due: Vec<_> = self
            .roadside
            .told
            .iter()
            .filter(|(_, (told, at))| {
                let may_tell_heard = now.instant.since(*at) >= heard_interval;
                *told != interest && (may_tell_heard || told.listen_port != interest.listen_port)
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in due {
            self.tell_interest(peer, now);
        }
    }

    pub(super) fn queue_notice(&mut self, peer: PeerId, notice: &Notice) {
        if let Some(touched) = self.peers.touch(peer) {
            let frame = ControlFrame::Roadside(notice.encode());
            touched.link.queue_control(&frame);
        }
    }

    fn interest(&mut self, now: Now) -> Interest {
        Interest {
            heard: self.roadside.heard_now(now),
            listen_port: self.roadside.listen_port,
            ..self.config.roadside.interest()
        }
    }
}

const NOTICE: &str = "notice";
/// Whoever was not heard for so long is not heard directly any more.
const HEARD_FOR: Duration = Duration::from_secs(3);
/// Those remembered; more than are connected by default.
const HEARD_KEPT_MAX: usize = 512;
