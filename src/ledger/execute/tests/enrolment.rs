use super::{Case, hold, offices::*, world::*};
use crate::{
    id::{GroupId, VehicleId},
    ledger::{
        Enrol, EnrolmentStatus, EnrolmentVoice, Outcome, RetireVehicle, RotateKey, Rule, SetGroup,
        StateView,
    },
    security::Slot,
};

pub(super) const CASES: &[Case] = &[
    (Rule::VehicleSignatureMissing, |world| {
        offices(world);
        let vehicle = world.car(1, 1);
        world.send(
            1,
            &[OWNER, EA],
            Enrol {
                vehicle,
                group: GROUP,
            },
        )
    }),
    (Rule::IssuingSignatureMissing, |world| {
        offices(world);
        let vehicle = world.car(1, 1);
        world.send(
            1,
            &[CAR + 1, LA],
            Enrol {
                vehicle,
                group: GROUP,
            },
        )
    }),
    (Rule::GroupUnknown, |world| {
        offices(world);
        let vehicle = world.car(1, 1);
        let group = GroupId(1);
        world.send(1, &[CAR + 1, EA], Enrol { vehicle, group })
    }),
    (Rule::EnrolledAlready, |world| {
        offices(world);
        let vehicle = enrolled(world);
        world.send(
            1,
            &[CAR + 1, EA],
            Enrol {
                vehicle,
                group: GROUP,
            },
        )
    }),
    (Rule::EnrolmentNotActive, |world| {
        offices(world);
        let vehicle = enrolled(world);
        world.apply(1, &[OWNER], set(vehicle, EnrolmentStatus::Revoked));
        world.send(
            1,
            &[CAR + 1, EA],
            Enrol {
                vehicle,
                group: GROUP,
            },
        )
    }),
    (Rule::EnrolmentUnknown, |world| {
        offices(world);
        let vehicle = world.car(1, 1);
        world.send(1, &[OWNER], set(vehicle, EnrolmentStatus::Revoked))
    }),
    (Rule::EnrolmentVoiceMissing, |world| {
        offices(world);
        let vehicle = world.car(1, 1);
        world.send(1, &[WORKSHOP], set(vehicle, EnrolmentStatus::Revoked))
    }),
    (Rule::EnrolmentVoiceMissing, |world| {
        offices(world);
        let vehicle = enrolled(world);
        // Not even the vehicle itself, whose key may be stolen.
        world.send(1, &[CAR + 1], set(vehicle, EnrolmentStatus::Revoked))
    }),
    (Rule::EnrolmentVoiceMissing, |world| {
        offices(world);
        let vehicle = enrolled(world);
        let until = world.time.saturating_add(DAY);
        world.send(
            1,
            &[OWNER],
            set(vehicle, EnrolmentStatus::Suspended { until }),
        )
    }),
    (Rule::NothingChanges, |world| {
        offices(world);
        let vehicle = enrolled(world);
        world.send(1, &[EA], set(vehicle, EnrolmentStatus::Active))
    }),
    (Rule::SuspensionInvalid, |world| {
        offices(world);
        let vehicle = enrolled(world);
        let until = world.time;
        world.send(1, &[EA], set(vehicle, EnrolmentStatus::Suspended { until }))
    }),
];

#[test]
fn l14_enrolments_are_refused_by_the_rule_that_stops_them() {
    hold(CASES);
}

#[test]
fn nobody_undoes_what_somebody_stronger_said() {
    type Signers = &'static [u8];
    let revoked = EnrolmentStatus::Revoked;
    // Who revokes it, who cannot undo that, and who can.
    let quorum = &[EA, LA, TA];
    let table: &[(Signers, &[Signers], Signers)] = &[
        (&[EA], &[&[OWNER], &[LA]], &[EA]),
        (&[OWNER], &[&[OWNER], &[EA]], &[EA, OWNER]),
        (&[AUTHORITY], &[&[EA], &[EA, OWNER]], &[AUTHORITY]),
        (&[AUTHORITY], &[&[EA]], quorum),
        (quorum, &[&[EA], &[EA, OWNER]], &[AUTHORITY]),
    ];
    for (who, weaker, strong) in table {
        let mut world = World::new();
        offices(&mut world);
        let vehicle = enrolled(&mut world);
        world.apply(1, who, set(vehicle, revoked));
        for signers in *weaker {
            let outcome = world.send(1, signers, set(vehicle, EnrolmentStatus::Active));
            assert_eq!(outcome, Outcome::Refused(Rule::EnrolmentVoiceMissing));
        }
        world.apply(1, strong, set(vehicle, EnrolmentStatus::Active));
        assert_eq!(world.state(1).enrolment(vehicle).unwrap().generation, 1);
    }
}

#[test]
fn the_enrolment_authority_does_not_shorten_what_the_state_said_by_a_detour() {
    let mut world = World::new();
    offices(&mut world);
    let vehicle = enrolled(&mut world);
    let until = |days: u32, world: &World| world.time.saturating_add(DAY * days);
    let long = EnrolmentStatus::Suspended {
        until: until(9, &world),
    };
    world.apply(1, &[AUTHORITY], set(vehicle, long));
    world.apply(1, &[EA], set(vehicle, EnrolmentStatus::Revoked));
    let by = world.state(1).enrolment(vehicle).unwrap().by;
    assert_eq!(by, EnrolmentVoice::Authority);
    let short = EnrolmentStatus::Suspended {
        until: until(1, &world),
    };
    for status in [EnrolmentStatus::Active, short] {
        let outcome = world.send(1, &[EA], set(vehicle, status));
        assert_eq!(outcome, Outcome::Refused(Rule::EnrolmentVoiceMissing));
    }
}

#[test]
fn a_suspension_ends_by_itself_with_new_linkage_chains() {
    let mut world = World::new();
    offices(&mut world);
    let vehicle = enrolled(&mut world);
    let until = world.time.saturating_add(DAY);
    world.apply(1, &[EA], set(vehicle, EnrolmentStatus::Suspended { until }));
    let enrolment = *world.state(1).enrolment(vehicle).unwrap();
    let current = slot(&world);
    let (before, after) = (world.time, until);
    assert_eq!(
        enrolment.status_at(before),
        EnrolmentStatus::Suspended { until }
    );
    assert_eq!(enrolment.generation_at(before), 0);
    assert!(!enrolment.may_have(current, before));
    assert_eq!(enrolment.status_at(after), EnrolmentStatus::Active);
    assert_eq!(enrolment.generation_at(after), 1);
    assert!(enrolment.may_have(current, after));
    // The next change counts on from there.
    world.wait(2 * DAY);
    world.apply(1, &[EA], set(vehicle, EnrolmentStatus::Revoked));
    world.apply(1, &[EA], set(vehicle, EnrolmentStatus::Active));
    let enrolment = world.state(1).enrolment(vehicle).unwrap();
    assert_eq!(enrolment.generation_at(world.time), 2);
}

#[test]
fn m13_another_group_gives_tickets_only_where_the_first_cannot() {
    let mut world = World::new();
    offices(&mut world);
    let vehicle = enrolled(&mut world);
    let other = SetGroup {
        group: GroupId(1),
        enrolment: 1,
        linkage: 0,
        ..group()
    };
    world.apply(0, QUORUM, other);
    world.settle();
    let horizon = world.state(0).ticket_policy().unwrap().horizon(world.time);
    let group = GroupId(1);
    world.apply(1, &[CAR + 1, LA], Enrol { vehicle, group });
    let enrolment = *world.state(1).enrolment(vehicle).unwrap();
    assert_eq!(enrolment.group, group);
    for number in slot(&world).number()..=horizon.number() {
        assert!(!enrolment.may_have(Slot::from_number(number), world.time));
    }
    let later = Slot::from_number(horizon.number() + 2);
    assert!(enrolment.may_have(later, world.time));
}

#[test]
fn o1_a_stolen_enrolment_key_is_revoked_by_the_owner_and_replaced() {
    let mut world = World::new();
    offices(&mut world);
    let vehicle = enrolled(&mut world);
    let thief = CAR + 1;
    world.apply(1, &[OWNER], set(vehicle, EnrolmentStatus::Revoked));
    // With the stolen key and a workshop alone, the thief gets no key of its own in.
    let rotation = |number| RotateKey {
        vehicle,
        enrolment_key: who(number),
    };
    let outcome = world.send(1, &[thief, 91, WORKSHOP], rotation(91));
    assert_eq!(outcome, Outcome::Refused(Rule::IssuingSignatureMissing));
    for signers in [&[thief][..], &[thief, WORKSHOP]] {
        let outcome = world.send(1, signers, set(vehicle, EnrolmentStatus::Active));
        assert_eq!(outcome, Outcome::Refused(Rule::EnrolmentVoiceMissing));
    }
    let again = Enrol {
        vehicle,
        group: GROUP,
    };
    let outcome = world.send(1, &[thief, EA], again);
    assert_eq!(outcome, Outcome::Refused(Rule::EnrolmentNotActive));
    world.apply(1, &[OWNER, 92, WORKSHOP, EA], rotation(92));
    world.apply(1, &[OWNER, EA], set(vehicle, EnrolmentStatus::Active));
    let enrolment = world.state(1).enrolment(vehicle).unwrap();
    assert_eq!(enrolment.generation_at(world.time), 1);
    assert_eq!(world.vehicle(vehicle).enrolment_key, who(92));
}

#[test]
fn a_vehicle_without_enrolment_rotates_its_key_as_ever() {
    let mut world = World::new();
    offices(&mut world);
    let vehicle = world.car(1, 1);
    let enrolment_key = who(91);
    world.apply(
        1,
        &[OWNER, 91, WORKSHOP],
        RotateKey {
            vehicle,
            enrolment_key,
        },
    );
}

#[test]
fn a_vehicle_off_the_road_gets_no_tickets() {
    let mut world = World::new();
    offices(&mut world);
    let vehicle: VehicleId = enrolled(&mut world);
    world.apply(1, &[OWNER, REGISTRY], RetireVehicle { vehicle });
    let enrolment = world.state(1).enrolment(vehicle).unwrap();
    assert_eq!(enrolment.status, EnrolmentStatus::Revoked);
    let outcome = world.send(1, &[EA, OWNER], set(vehicle, EnrolmentStatus::Active));
    assert_eq!(outcome, Outcome::Refused(Rule::EnrolmentVoiceMissing));
}
