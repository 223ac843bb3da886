mod golden;
mod hard;
mod others;
mod windows;

use super::{Check, Claim, Record, Surroundings, Verdict, judge, plane::Way};
use crate::{
    geo::{LocalFrame, Offset, Position},
    id::StationId,
    message::{DriveDirection, PositionAccuracy, Telemetry},
    time::Timestamp,
    units::{Acceleration, Heading, Length, Speed},
};

/// One car on a plane, with what it does and, apart from that, what it says.
#[derive(Clone)]
struct Car {
    east_m: f64,
    north_m: f64,
    speed: f64,
    heading_deg: f64,
    acceleration: f64,
    time_ms: u64,
    backward: bool,
}

impl Car {
    fn driving(speed: f64) -> Self {
        Self {
            east_m: 0.0,
            north_m: 0.0,
            speed,
            heading_deg: 30.0,
            acceleration: 0.0,
            time_ms: 0,
            backward: false,
        }
    }

    /// Drives on for a while in small steps, turning at a rate.
    fn drive(&mut self, ms: u64, turn_deg_per_s: f64) {
        for _ in 0..ms {
            let way = Offset::along(
                Heading::from_deg_wrapped(self.heading_deg).unwrap(),
                self.speed / 1_000.0,
            );
            self.east_m += way.east_m;
            self.north_m += way.north_m;
            self.speed = (self.speed + self.acceleration / 1_000.0).max(0.0);
            self.heading_deg += turn_deg_per_s / 1_000.0;
        }
        self.time_ms += ms;
    }

    fn honest(&self) -> Telemetry {
        Telemetry {
            speed: Speed::from_m_per_s(self.speed),
            heading: Heading::from_deg_wrapped(self.heading_deg),
            longitudinal_acceleration: Acceleration::from_m_per_s2(self.acceleration),
            drive_direction: Some(if self.backward {
                DriveDirection::Backward
            } else {
                DriveDirection::Forward
            }),
            ..Telemetry::at(place(self.east_m, self.north_m))
        }
    }
}

fn place(east_m: f64, north_m: f64) -> Position {
    LocalFrame::at(Position::from_deg(44.49, 11.32).unwrap())
        .position(Offset { east_m, north_m })
        .unwrap()
}

fn at_ms(ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_700_000_000_000 + ms).unwrap()
}

/// What a receiver judged of each message of one station, in order.
#[derive(Default)]
struct Receiver {
    record: Option<Record>,
    surroundings: Surroundings,
    verdicts: Vec<Verdict>,
}

impl Receiver {
    fn hear(&mut self, telemetry: &Telemetry, time_ms: u64) {
        let claim = Claim {
            station: StationId::from_bytes([1; 8]),
            telemetry,
            generated: at_ms(time_ms),
            age: None,
        };
        let judgement = judge(&claim, self.record.as_ref(), &self.surroundings);
        match &mut self.record {
            Some(record) => {
                record.observe(&claim, &judgement);
            }
            None => self.record = Some(Record::new(&claim, &judgement)),
        }
        self.verdicts.push(judgement.verdict().clone());
    }

    fn checks(&self) -> Vec<Check> {
        let findings = self.verdicts.iter().flat_map(Verdict::findings);
        let mut checks: Vec<Check> = findings.map(|finding| finding.check).collect();
        checks.sort_unstable();
        checks.dedup();
        checks
    }

    fn flagged(&self) -> usize {
        self.verdicts
            .iter()
            .filter(|verdict| !verdict.findings().is_empty())
            .count()
    }
}

/// Hears `count` messages, each made from the car and its index.
fn hear(
    car: &mut Car,
    step_ms: u64,
    count: usize,
    say: impl Fn(&Car, usize) -> Telemetry,
) -> Receiver {
    let mut receiver = Receiver::default();
    for index in 0..count {
        receiver.hear(&say(car, index), car.time_ms);
        car.drive(step_ms, 0.0);
    }
    receiver
}

fn honest(car: &Car, _: usize) -> Telemetry {
    car.honest()
}

#[test]
fn ways_are_as_long_as_the_ellipsoid_says() {
    let frame = LocalFrame::at(Position::from_deg(44.49, 11.32).unwrap());
    for centideg in (0..36_000).step_by(1_111) {
        let heading = Heading::from_centideg(centideg).unwrap();
        let to = frame.position(Offset::along(heading, 100.0)).unwrap();
        let way = Way::between(frame.origin(), to);
        assert!((way.length_mm() - 100_000).abs() < 500, "{way:?}");
        let off = Heading::from_centideg(way.heading_centideg())
            .unwrap()
            .difference_centideg(heading);
        assert!(off < 60, "{heading:?} {off}");
    }
}

#[test]
fn ways_go_the_short_way_round_and_never_overflow() {
    let at = |latitude, longitude| Position::from_deg(latitude, longitude).unwrap();
    let way = Way::between(at(0.0, 179.999), at(0.0, -179.999));
    // 0.002° × 111 319 m.
    assert_eq!(way.east_mm, 222_638);
    let across = Way::between(at(-90.0, -90.0), at(90.0, 90.0));
    assert_eq!(across.length_mm(), 2_000_000_000);
    assert_eq!(
        Way::between(at(0.0, -90.0), at(90.0, 90.0)).length_mm(),
        // 2 000 km on both axes: √2 × 2 × 10⁹.
        2_828_427_124
    );
}

#[test]
fn a_first_message_is_not_judged() {
    let receiver = hear(&mut Car::driving(20.0), 100, 1, honest);
    assert_eq!(receiver.verdicts, [Verdict::NotJudged]);
}

#[test]
fn a_message_that_is_not_newer_is_not_judged() {
    let mut receiver = hear(&mut Car::driving(20.0), 100, 5, honest);
    receiver.hear(&Telemetry::at(place(9_000.0, 0.0)), 400);
    assert_eq!(receiver.verdicts.last(), Some(&Verdict::NotJudged));
}

#[test]
fn honest_cruising_is_plausible_at_any_rate() {
    for step_ms in [100, 200, 333, 1_000] {
        let receiver = hear(&mut Car::driving(30.0), step_ms, 100, honest);
        assert!(
            receiver.verdicts[1..]
                .iter()
                .all(|verdict| *verdict == Verdict::Plausible)
        );
    }
}

#[test]
fn honest_emergency_braking_is_plausible() {
    for step_ms in [100, 500, 1_000] {
        let mut car = Car::driving(33.0);
        let mut receiver = Receiver::default();
        for index in 0..80_u64 {
            receiver.hear(&car.honest(), car.time_ms);
            // Brakes with 9 m/s² from a moment between two messages until it stands.
            if index == 5 {
                car.drive(step_ms / 2, 0.0);
                car.acceleration = -9.0;
                car.drive(step_ms / 2, 0.0);
            } else {
                car.drive(step_ms, 0.0);
            }
            if car.speed == 0.0 {
                car.acceleration = 0.0;
            }
        }
        assert_eq!(receiver.flagged(), 0, "{:?}", receiver.verdicts);
    }
}

#[test]
fn honest_satellite_noise_is_plausible() {
    // Metres east and north, as an urban receiver wanders from second to second.
    let wander = [
        (0.0, 0.0),
        (2.5, -1.0),
        (-2.0, 3.0),
        (3.0, 2.0),
        (-3.0, -2.5),
    ];
    for step_ms in [100, 1_000] {
        let receiver = hear(&mut Car::driving(12.0), step_ms, 100, |car, index| {
            let (east_m, north_m) = wander[index % wander.len()];
            Telemetry {
                position: place(car.east_m + east_m, car.north_m + north_m),
                ..car.honest()
            }
        });
        assert_eq!(receiver.flagged(), 0, "{:?}", receiver.verdicts);
    }
}

#[test]
fn honest_turns_are_plausible() {
    // A roundabout: 8 m/s at 30 °/s is a radius of 15 m. A hairpin: 5 m/s at 45 °/s, 6.4 m.
    for (speed, turn_deg_per_s) in [(8.0, 30.0), (5.0, 45.0), (25.0, -15.0)] {
        for step_ms in [100, 1_000] {
            let mut car = Car::driving(speed);
            let mut receiver = Receiver::default();
            for _ in 0..60 {
                receiver.hear(&car.honest(), car.time_ms);
                car.drive(step_ms, turn_deg_per_s);
            }
            assert_eq!(receiver.flagged(), 0, "{:?}", receiver.verdicts);
        }
    }
}

#[test]
fn honest_parking_backward_is_plausible() {
    // The heading is the front's while the car goes the other way.
    let mut car = Car::driving(2.0);
    car.backward = true;
    let receiver = hear(&mut car, 100, 60, |car, _| Telemetry {
        heading: Heading::from_deg_wrapped(car.heading_deg + 180.0),
        ..car.honest()
    });
    assert_eq!(receiver.flagged(), 0);
}

/// What contradicts itself where the car goes forward, and every message says "backward" or every
/// other one.
fn backward_now_and_then(every: usize, say: impl Fn(&Car) -> Telemetry) -> Vec<Check> {
    let receiver = hear(&mut Car::driving(14.0), 100, 200, |car, index| {
        let backward = index.is_multiple_of(every);
        Telemetry {
            drive_direction: Some(if backward {
                DriveDirection::Backward
            } else {
                DriveDirection::Forward
            }),
            speed_accuracy: Speed::from_m_per_s(0.1),
            position_accuracy: Length::from_m(2.0).map(PositionAccuracy::circle),
            ..say(car)
        }
    });
    receiver.checks()
}

#[test]
fn to_claim_reverse_excuses_nobody_who_is_fast() {
    let faster = |car: &Car| Telemetry {
        speed: Speed::from_m_per_s(car.speed + 3.0),
        ..car.honest()
    };
    let turned = |car: &Car| Telemetry {
        heading: Heading::from_deg_wrapped(car.heading_deg + 180.0),
        ..car.honest()
    };
    let aslant = |car: &Car| Telemetry {
        heading: Heading::from_deg_wrapped(car.heading_deg + 25.0),
        ..car.honest()
    };
    assert!(backward_now_and_then(1, faster).contains(&Check::SpeedBias));
    assert!(backward_now_and_then(1, turned).contains(&Check::HeadingDisplacement));
    assert!(backward_now_and_then(1, aslant).contains(&Check::SideDrift));
    // From 14 m/s backward to 14 m/s forward within 0.1 s.
    assert_eq!(
        backward_now_and_then(2, Car::honest)[0],
        Check::AccelerationSpeed
    );
}

#[test]
fn nobody_drives_backward_on_a_motorway() {
    for (speed, is_found) in [(29.0, false), (31.0, true)] {
        let mut car = Car::driving(speed);
        car.backward = true;
        let receiver = hear(&mut car, 100, 20, honest);
        assert_eq!(receiver.checks().contains(&Check::ReverseSpeed), is_found);
    }
    let mut first = Car::driving(31.0);
    first.backward = true;
    let receiver = hear(&mut first, 100, 1, honest);
    assert_eq!(
        receiver.verdicts[0].findings()[0].to_string(),
        "reverse_speed: 31000 mm/s, possible is at most 30000 mm/s"
    );
}

/// A car that drives two right-hand bends and says that it is somewhere to the right of itself.
fn round_bends(aside_m: f64, step_ms: u64) -> Receiver {
    let mut car = Car::driving(8.0);
    let mut receiver = Receiver::default();
    for index in 0..60_000 / step_ms {
        let right = Offset::along(
            Heading::from_deg_wrapped(car.heading_deg + 90.0).unwrap(),
            aside_m,
        );
        let telemetry = Telemetry {
            position: place(car.east_m + right.east_m, car.north_m + right.north_m),
            position_accuracy: Length::from_m(2.0).map(PositionAccuracy::circle),
            ..car.honest()
        };
        receiver.hear(&telemetry, car.time_ms);
        let is_turning = index * step_ms % 20_000 < 4_000;
        car.drive(step_ms, if is_turning { 22.5 } else { 0.0 });
    }
    receiver
}

#[test]
fn who_places_itself_aside_is_found_in_bends() {
    for step_ms in [100, 200, 500] {
        for aside_m in [-6.0, 6.0] {
            let receiver = round_bends(aside_m, step_ms);
            assert!(
                receiver.checks().contains(&Check::PlacedAside),
                "{step_ms} {aside_m}"
            );
        }
        // An antenna at the side of a lorry.
        for aside_m in [-1.3, 0.0, 1.3] {
            assert_eq!(round_bends(aside_m, step_ms).flagged(), 0, "{step_ms}");
        }
    }
    let receiver = round_bends(6.0, 100);
    let aside = |it: &&super::Finding| it.check == Check::PlacedAside;
    let finding = *receiver
        .verdicts
        .iter()
        .flat_map(Verdict::findings)
        .find(aside)
        .unwrap();
    assert!((finding.value - 6_000).abs() < 400, "{finding}");
}

#[test]
fn honest_silence_is_plausible() {
    // Ten seconds in a tunnel, then on as before.
    let mut car = Car::driving(25.0);
    let mut receiver = Receiver::default();
    for index in 0..40 {
        receiver.hear(&car.honest(), car.time_ms);
        car.drive(if index == 20 { 10_000 } else { 100 }, 0.0);
    }
    assert_eq!(receiver.flagged(), 0);
}

#[test]
fn missing_fields_accuse_nobody() {
    let receiver = hear(&mut Car::driving(20.0), 100, 50, |car, _| {
        Telemetry::at(place(car.east_m, car.north_m))
    });
    assert_eq!(receiver.flagged(), 0);
}

#[test]
fn a_jump_is_implausible_and_explained() {
    let receiver = hear(&mut Car::driving(20.0), 100, 20, |car, index| Telemetry {
        position: place(
            car.east_m + if index == 10 { 70.0 } else { 0.0 },
            car.north_m,
        ),
        ..car.honest()
    });
    let findings = receiver.verdicts[10].findings();
    let jump = findings
        .iter()
        .find(|finding| finding.check == Check::PositionJump)
        .unwrap();
    // 90 m/s × 0.1 s + two unknown accuracies of 5 m + 3 m = 22 m.
    assert_eq!(jump.threshold, 22_000);
    // 70 m east of a way of 2 m at 30°: √(71² + 1.732²) = 71.02 m.
    assert!((jump.value - 71_020).abs() < 400, "{jump}");
    assert_eq!(jump.margin(), jump.value - 22_000);
    assert_eq!(
        jump.to_string(),
        format!(
            "position_jump: {} mm, possible is at most 22000 mm",
            jump.value
        )
    );
}

#[test]
fn a_wide_accuracy_buys_no_freedom() {
    let receiver = hear(&mut Car::driving(20.0), 100, 20, |car, index| Telemetry {
        position: place(
            car.east_m + if index == 10 { 70.0 } else { 0.0 },
            car.north_m,
        ),
        position_accuracy: Length::from_m(102.3).map(PositionAccuracy::circle),
        ..car.honest()
    });
    assert!(receiver.checks().contains(&Check::PositionJump));
}

#[test]
fn a_stuck_speed_sensor_is_found() {
    // As in a real recording: claims 5.68 m/s while it moves with 22 m/s.
    for (step_ms, count) in [(100, 40), (1_000, 6)] {
        let receiver = hear(&mut Car::driving(22.0), step_ms, count, |car, _| {
            Telemetry {
                speed: Speed::from_m_per_s(5.68),
                ..car.honest()
            }
        });
        assert!(receiver.checks().contains(&Check::SpeedDisplacement));
        assert!(!receiver.verdicts.last().unwrap().findings().is_empty());
    }
}

#[test]
fn a_frozen_position_is_found() {
    let receiver = hear(&mut Car::driving(20.0), 100, 40, |car, _| Telemetry {
        position: place(0.0, 0.0),
        ..car.honest()
    });
    assert!(receiver.checks().contains(&Check::SpeedDisplacement));
}

#[test]
fn a_reversed_heading_is_found() {
    for (step_ms, count) in [(100, 40), (1_000, 6)] {
        let receiver = hear(&mut Car::driving(20.0), step_ms, count, |car, _| {
            Telemetry {
                heading: Heading::from_deg_wrapped(car.heading_deg + 180.0),
                ..car.honest()
            }
        });
        assert!(receiver.checks().contains(&Check::HeadingDisplacement));
    }
}

#[test]
fn feigned_braking_is_found() {
    // Claims to brake with 8 m/s² and drives on at the same speed.
    for (step_ms, count) in [(100, 40), (1_000, 6)] {
        let receiver = hear(&mut Car::driving(20.0), step_ms, count, |car, _| {
            Telemetry {
                longitudinal_acceleration: Acceleration::from_m_per_s2(-8.0),
                ..car.honest()
            }
        });
        assert!(receiver.checks().contains(&Check::AccelerationSpeed));
    }
}

#[test]
fn a_speed_that_leaps_is_found() {
    let receiver = hear(&mut Car::driving(20.0), 100, 12, |car, index| Telemetry {
        speed: Speed::from_m_per_s(if index == 5 { 27.0 } else { 20.0 }),
        longitudinal_acceleration: None,
        ..car.honest()
    });
    assert!(receiver.checks().contains(&Check::AccelerationSpeed));
    // Up by 7 m/s, then down again; 12 m/s² × 0.1 s + 2 × 0.5 m/s + 1.5 m/s = 3.7 m/s.
    let leaps: Vec<(i64, i64)> = receiver
        .verdicts
        .iter()
        .flat_map(Verdict::findings)
        .filter(|finding| finding.check == Check::AccelerationSpeed)
        .map(|finding| (finding.value, finding.threshold))
        .collect();
    assert_eq!(leaps, [(7_000, 3_700), (-7_000, -3_700)]);
}
