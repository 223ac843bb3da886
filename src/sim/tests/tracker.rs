//! How well somebody who listens follows vehicles across a change of tickets, with all that messages
//! say and with places and times alone.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    geo::{LocalFrame, Offset},
    hazards,
    id::StationId,
    message::{Message, Telemetry},
    pipeline::{Config, Event, OwnState, Station},
    replay::{Drive, Options, import},
    security::{Envelope, EnvelopeSigner, SlotClock, Ticket},
    sim::{Action, Cast, Script, Seed},
    time::{Instant, Now, Timestamp},
};

/// One message, as it is heard.
struct Sighting {
    /// The truth, which only counts the hits.
    vehicle: usize,
    at: Timestamp,
    station: StationId,
    telemetry: Telemetry,
    /// What could name the vehicle, by its kind.
    names: BTreeMap<&'static str, Vec<u8>>,
}

/// What a tracker goes by beside places, speeds, headings and times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Names {
    None,
    /// All that messages carry.
    Carried,
    /// If the station's id stayed with its vehicle besides.
    Kept,
}

/// How many vehicles were followed, and how many changed.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    followed: u32,
    changed: u32,
}

impl Score {
    fn rate(self) -> f64 {
        f64::from(self.followed) / f64::from(self.changed)
    }
}

/// All that is said on a drive that begins `shift` later.
fn listen(drive: &Drive, shift: Duration) -> Vec<Sighting> {
    let script = Script::of(drive, None, None);
    let slots = SlotClock::from_length_s(SLOT_S).unwrap();
    let later = |at: Timestamp| at.saturating_add(shift);
    let cast = Cast::new(Seed(3), slots, later(script.start), later(script.end));
    let now_at = |at: Timestamp| Now {
        instant: Instant::from_origin(at.since(script.start)),
        timestamp: later(at),
    };
    let mut stations: BTreeMap<usize, Station> = BTreeMap::new();
    let mut tickets: BTreeMap<StationId, Ticket> = BTreeMap::new();
    let mut sightings = Vec::new();
    for step in &script.steps {
        let now = now_at(step.at);
        for (vehicle, action) in &step.actions {
            let Action::State(telemetry) = action else {
                continue;
            };
            let station = stations.entry(*vehicle).or_insert_with(|| {
                let (name, class) = (&script.vehicles[*vehicle], script.classes[*vehicle]);
                let wallet = cast.wallet(name, class);
                let mut station = Station::new(quiet(), cast.domain(), wallet, &[], now);
                drain(&mut station);
                station
            });
            let state = OwnState {
                telemetry: telemetry.clone(),
                measured: now.timestamp,
            };
            station.handle_timeout(now);
            drain(station);
            station.handle_state(state, now).unwrap();
            for bytes in drain(station) {
                let envelope = Envelope::parse(bytes).unwrap();
                if let EnvelopeSigner::Ticket(ticket) = envelope.signer() {
                    tickets.insert(envelope.station(), (**ticket).clone());
                }
                sightings.push(sight(*vehicle, &envelope, &tickets[&envelope.station()]));
            }
        }
    }
    sightings
}

/// Telemetry alone: who tells of a danger keeps its name for as long as that holds.
fn quiet() -> Config {
    Config {
        hazards: hazards::Config {
            enabled: false,
            ..hazards::Config::default()
        },
        ..Config::default()
    }
}

/// Writes down what the station wants; returns what it said.
fn drain(station: &mut Station) -> Vec<bytes::Bytes> {
    let mut said = Vec::new();
    while let Some(event) = station.poll_event() {
        if let Event::Reserve(reservation) = event {
            station.handle_reserved(reservation);
        } else if let Event::Published { bytes, .. } = event {
            said.push(bytes);
        }
    }
    said
}

fn sight(vehicle: usize, envelope: &Envelope, ticket: &Ticket) -> Sighting {
    let Ok(Message::Telemetry(telemetry)) = Message::decode(envelope.kind(), envelope.payload())
    else {
        panic!("telemetry");
    };
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}").into_bytes();
    let names = BTreeMap::from([
        ("station", envelope.station().as_bytes().to_vec()),
        ("key", ticket.key_bytes().to_vec()),
        ("linkage", ticket.linkage().to_vec()),
        ("issuer", ticket.issuer_key_id().to_be_bytes().to_vec()),
        (
            "permissions",
            ticket.permissions().bits().to_be_bytes().to_vec(),
        ),
        ("class", text(&ticket.class())),
        ("length", text(&telemetry.length)),
        ("width", text(&telemetry.width)),
        ("type", text(&telemetry.station_type)),
        ("accuracy", text(&telemetry.position_accuracy)),
        ("sequence", envelope.sequence().to_be_bytes().to_vec()),
        ("kept", vehicle.to_be_bytes().to_vec()),
    ]);
    Sighting {
        vehicle,
        at: envelope.generated(),
        station: envelope.station(),
        telemetry,
        names,
    }
}

/// Joins the names that end before `border` to those that begin after it, as a tracker would that
/// hears nothing for `blind` before everybody's change and after it.
fn follow(heard: &[Sighting], border: Timestamp, blind: Duration, names: Names) -> Score {
    let changes_end = border.saturating_add(JITTER_MAX);
    let (lost, found) = (
        border.saturating_sub(blind),
        changes_end.saturating_add(blind),
    );
    let mut last: BTreeMap<StationId, &Sighting> = BTreeMap::new();
    let mut first: BTreeMap<StationId, &Sighting> = BTreeMap::new();
    for sighting in heard {
        let is_seen = blind.is_zero() || sighting.at <= lost || sighting.at >= found;
        let is_near =
            sighting.at.saturating_add(NEAR) >= lost && sighting.at <= found.saturating_add(NEAR);
        if is_seen && is_near {
            last.insert(sighting.station, sighting);
            first.entry(sighting.station).or_insert(sighting);
        }
    }
    let before = |sighting: &&Sighting| {
        !first.contains_key(&sighting.station) || first[&sighting.station].at <= border
    };
    let ended: Vec<_> = last
        .values()
        .copied()
        .filter(|it| before(it) && it.at <= changes_end)
        .collect();
    let begun: Vec<_> = first
        .values()
        .copied()
        .filter(|it| it.at > border)
        .collect();
    let rarity = Rarity::of(ended.iter().chain(&begun).copied(), names);
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (old, one) in ended.iter().enumerate() {
        for (new, other) in begun.iter().enumerate() {
            if other.at > one.at {
                pairs.push((rarity.cost(one, other), old, new));
            }
        }
    }
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut old_taken, mut new_taken) = (vec![false; ended.len()], vec![false; begun.len()]);
    let mut score = Score::default();
    for (_, old, new) in pairs {
        if !old_taken[old] && !new_taken[new] {
            (old_taken[old], new_taken[new]) = (true, true);
            score.followed += u32::from(ended[old].vehicle == begun[new].vehicle);
        }
    }
    let changed = ended
        .iter()
        .filter(|one| begun.iter().any(|other| other.vehicle == one.vehicle));
    score.changed = u32::try_from(changed.count()).unwrap();
    score
}

/// How much each name tells: one that all share tells nothing.
struct Rarity {
    used: Vec<&'static str>,
    counts: BTreeMap<(&'static str, Vec<u8>), f64>,
    all: f64,
}

impl Rarity {
    fn of<'a>(sightings: impl Iterator<Item = &'a Sighting>, names: Names) -> Self {
        let mut counts: BTreeMap<_, f64> = BTreeMap::new();
        let mut all = 0.0;
        let is_used = |kind: &&'static str| match names {
            Names::None => false,
            Names::Carried => *kind != "kept",
            Names::Kept => true,
        };
        let mut used = Vec::new();
        for sighting in sightings {
            used = sighting.names.keys().copied().filter(is_used).collect();
            all += 1.0;
            for (kind, value) in &sighting.names {
                *counts.entry((*kind, value.clone())).or_default() += 1.0;
            }
        }
        Self { used, counts, all }
    }

    /// How unlikely it is that both are of one vehicle: how far it is from where the first would be
    /// at a constant velocity, and what names they share, or not.
    fn cost(&self, one: &Sighting, other: &Sighting) -> f64 {
        let dt = other.at.since(one.at).as_secs_f64();
        let speed = one.telemetry.speed.map_or(0.0, |speed| speed.m_per_s());
        let way = one
            .telemetry
            .heading
            .map(|heading| Offset::along(heading, speed * dt));
        let way = way.unwrap_or(Offset {
            east_m: 0.0,
            north_m: 0.0,
        });
        let seen = LocalFrame::at(one.telemetry.position).offset(other.telemetry.position);
        let miss = (seen.east_m - way.east_m).hypot(seen.north_m - way.north_m);
        // What brakes and bends make of it.
        let sigma = 2.0 + 0.75 * dt * dt;
        let turn = match (one.telemetry.heading, other.telemetry.heading) {
            (Some(one), Some(other)) => f64::from(one.difference_centideg(other)) / 100.0,
            _ => 0.0,
        };
        let turn_sigma = 5.0 + 10.0 * dt;
        let mut cost = (miss / sigma).powi(2) + (turn / turn_sigma).powi(2);
        for kind in &self.used {
            let (one, other) = (&one.names[kind], &other.names[kind]);
            let count = self.counts.get(&(*kind, one.clone())).copied();
            if one == other {
                cost -= 2.0 * (self.all / count.unwrap_or(1.0)).ln();
            } else if ["length", "width", "type", "class", "kept"].contains(kind) {
                cost += 50.0;
            }
        }
        cost
    }
}

#[test]
fn names_in_messages_hardly_help_to_follow_a_vehicle_across_a_change() {
    let bytes = include_bytes!("../../../tests/drives/town.mcap");
    let drive = import("town.mcap", bytes, &Options::default())
        .unwrap()
        .drive;
    let mut scores: BTreeMap<(u64, &str), Score> = BTreeMap::new();
    for shift_s in [0, 20, 40] {
        let shift = Duration::from_secs(shift_s);
        let heard = listen(&drive, shift);
        let slots = SlotClock::from_length_s(SLOT_S).unwrap();
        let end = drive.end().saturating_add(shift);
        let mut slot = slots
            .slot_at(drive.start.saturating_add(shift))
            .next()
            .unwrap();
        while slots.start(slot).saturating_add(Duration::from_secs(20)) < end {
            for blind_s in [0, 2, 5] {
                for (name, names) in [
                    ("none", Names::None),
                    ("carried", Names::Carried),
                    ("kept", Names::Kept),
                ] {
                    let border = slots.start(slot);
                    let one = follow(&heard, border, Duration::from_secs(blind_s), names);
                    let score = scores.entry((blind_s, name)).or_default();
                    score.followed += one.followed;
                    score.changed += one.changed;
                }
            }
            slot = slot.next().unwrap();
        }
    }
    for blind_s in [0, 2, 5] {
        let rate = |name| scores[&(blind_s, name)].rate();
        println!(
            "blind for {blind_s} s on both sides of {} changes: {:.1} % followed by places alone, \
             {:.1} % with all names, {:.1} % if the id stayed",
            scores[&(blind_s, "none")].changed,
            100.0 * rate("none"),
            100.0 * rate("carried"),
            100.0 * rate("kept"),
        );
    }
    for blind_s in [0, 2, 5] {
        let rate = |name| scores[&(blind_s, name)].rate();
        assert!(
            rate("carried") <= 1.1 * rate("none"),
            "blind for {blind_s} s"
        );
    }
    // The test can fail: it would if the id stayed.
    let rate = |name| scores[&(5, name)].rate();
    assert!(rate("kept") > 1.1 * rate("none"));
}

const SLOT_S: u32 = 60;
/// A tenth of a slot.
const JITTER_MAX: Duration = Duration::from_secs(6);
/// How far from the change what is heard still counts.
const NEAR: Duration = Duration::from_millis(1_500);
