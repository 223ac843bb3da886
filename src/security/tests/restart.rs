//! A vehicle that is killed and restarted never signs two messages with one sequence.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    super::{
        Reservation, Signer, SignerConfig,
        sample::{Authority, breakdown, cruising, start},
    },
    outcome, tireless,
};
use crate::{
    id::{ActionId, StationId},
    message::{HazardStatement, Message, MessageType, Telemetry},
    time::Now,
    units::Speed,
};

/// What can happen next in a drive.
#[derive(Clone, Copy, Debug)]
enum Step {
    Telemetry,
    Hazard,
    /// The edge takes a reservation to write.
    Poll,
    /// The oldest one taken reaches the disk.
    Write,
    /// The signer hears that the oldest one on disk is there.
    Confirm,
    Wait(u64),
    Kill,
}

/// A vehicle and its disk.
struct Session {
    authority: Authority,
    now: Now,
    signer: Signer,
    /// Survives.
    disk: Vec<Reservation>,
    /// Taken but not yet on disk; lost when killed.
    in_flight: VecDeque<Reservation>,
    /// On disk but not yet confirmed; the news is lost when killed.
    written: VecDeque<Reservation>,
    signed: BTreeMap<(StationId, u8, u32), Bytes>,
    events: BTreeSet<ActionId>,
    kills: usize,
}

impl Session {
    fn new(slot_length_s: u32) -> Self {
        let authority = Authority::of(7, slot_length_s);
        Self {
            signer: started(&authority, &[], start()),
            authority,
            now: start(),
            disk: Vec::new(),
            in_flight: VecDeque::new(),
            written: VecDeque::new(),
            signed: BTreeMap::new(),
            events: BTreeSet::new(),
            kills: 0,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Telemetry => {
                // Each message is another one, so a sequence used twice is a lie.
                let speed_mm_per_s = u32::try_from(self.signed.len() % 100_000).unwrap();
                self.sign(&Message::Telemetry(Telemetry {
                    speed: Speed::from_mm_per_s(speed_mm_per_s),
                    ..cruising()
                }));
            }
            Step::Hazard => {
                if self.signer.check(MessageType::Hazard, self.now).is_ok() {
                    let hazard = breakdown(&mut self.signer, self.now);
                    assert!(self.events.insert(hazard.action), "two events of one name");
                    self.sign(&Message::Hazard(HazardStatement::unsigned(hazard)));
                }
            }
            Step::Poll => self.in_flight.extend(self.signer.poll_reservation()),
            Step::Write => {
                if let Some(reservation) = self.in_flight.pop_front() {
                    self.disk.push(reservation);
                    self.written.push_back(reservation);
                }
            }
            Step::Confirm => {
                if let Some(reservation) = self.written.pop_front() {
                    self.signer.handle_reserved(reservation);
                }
            }
            Step::Wait(ms) => {
                self.now = self.now.after(Duration::from_millis(ms));
                self.signer.handle_timeout(self.now);
            }
            Step::Kill => {
                self.kills += 1;
                self.in_flight.clear();
                self.written.clear();
                self.signer = started(&self.authority, &self.disk, self.now);
            }
        }
    }

    fn sign(&mut self, message: &Message) {
        let Ok(signed) = self.signer.sign(message, self.now.timestamp, self.now) else {
            return;
        };
        let place = (signed.station, message.kind().code(), signed.sequence);
        let before = self.signed.insert(place, signed.bytes);
        assert_eq!(before, None, "{place:?} was used before");
    }
}

fn started(authority: &Authority, disk: &[Reservation], now: Now) -> Signer {
    Signer::new(SignerConfig::default(), authority.wallet(1, now), disk, now)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Telemetry),
        2 => Just(Step::Hazard),
        6 => Just(Step::Poll),
        6 => Just(Step::Write),
        6 => Just(Step::Confirm),
        2 => (0_u64..500).prop_map(Step::Wait),
        2 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// 32 drives of 600 steps with about 37 kills each: more than 1 000 instants.
    #[test]
    fn killed_at_random_instants_no_sequence_is_used_twice(
        steps in proptest::collection::vec(step(), 600),
        slot_length_s in prop::sample::select(vec![1_u32, 3, 300]),
    ) {
        let mut session = Session::new(slot_length_s);
        for step in steps {
            session.take(step);
        }
    }
}

#[test]
fn killed_a_thousand_times_in_a_drive_it_convicts_itself_of_nothing() {
    let mut session = Session::new(3);
    let cycle = [
        Step::Poll,
        Step::Telemetry,
        Step::Write,
        Step::Hazard,
        Step::Confirm,
        Step::Telemetry,
        Step::Wait(40),
        Step::Poll,
        Step::Write,
        Step::Confirm,
        Step::Hazard,
        Step::Telemetry,
        Step::Telemetry,
    ];
    for kill in 0..1_000 {
        // 7 and 17 have no common divisor with 13, so every instant of the cycle is hit.
        for step in 0..17 + kill % 7 {
            session.take(cycle[(kill * 7 + step) % cycle.len()]);
        }
        session.take(Step::Kill);
    }
    assert_eq!(session.kills, 1_000);
    assert!(session.signed.len() > 1_000, "{}", session.signed.len());
    let stations: BTreeSet<_> = session
        .signed
        .keys()
        .map(|(station, ..)| *station)
        .collect();
    assert!(stations.len() > 10, "{} tickets", stations.len());
    // A receiver that hears everything has nothing to report.
    let mut verifier = tireless(&session.authority);
    for bytes in session.signed.values() {
        let generated = super::super::Envelope::parse(bytes.clone())
            .unwrap()
            .generated();
        let now = Now {
            timestamp: generated,
            ..start()
        };
        assert_eq!(outcome(&mut verifier, bytes, now), Ok(()));
    }
    assert_eq!(verifier.poll_equivocation(), None);
}
