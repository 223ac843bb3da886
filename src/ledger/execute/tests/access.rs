use super::{Case, hold, ownership::sale, world::*};
use crate::{
    crypto::Digest,
    id::VehicleId,
    ledger::{
        AttachRecord, ConfirmErasure, EraseRecord, GrantAccess, Outcome, ReadReceipt, RecordClass,
        RecordCommitment, RevokeAccess, Rule,
    },
};

pub(super) const CASES: &[Case] = &[
    (Rule::GrantSpanInvalid, |world| {
        let vehicle = world.car(0, 1);
        let mut grant = grant(world, vehicle, INSURER);
        grant.until = grant.from.saturating_add(367 * DAY);
        world.send(0, &[OWNER], grant)
    }),
    (Rule::GrantToOwner, |world| {
        let vehicle = world.car(0, 1);
        let grant = grant(world, vehicle, OWNER);
        world.send(0, &[OWNER], grant)
    }),
    // Nobody lets themselves read.
    (Rule::OwnerSignatureMissing, |world| {
        let vehicle = world.car(0, 1);
        let grant = grant(world, vehicle, INSURER);
        world.send(0, &[INSURER], grant)
    }),
    (Rule::GrantUnknown, |world| {
        let vehicle = world.car(0, 1);
        let revoked = RevokeAccess {
            vehicle,
            reader: who(INSURER),
            class: RecordClass::Trip,
        };
        world.send(0, &[OWNER], revoked)
    }),
    (Rule::GrantNotValid, |world| {
        let vehicle = world.car(0, 1);
        let grant = grant(world, vehicle, INSURER);
        world.apply(0, &[OWNER], grant);
        world.wait(31 * DAY);
        world.send(0, &[CUSTODIAN], read(vehicle, INSURER))
    }),
    (Rule::RecordErased, |world| {
        let vehicle = world.car(0, 1);
        world.apply(0, &[OWNER], erasure(vehicle));
        world.send(0, &[CAR + 1], attachment(vehicle))
    }),
    (Rule::ErasureUnknown, |world| {
        let vehicle = world.car(0, 1);
        world.send(0, &[CUSTODIAN], confirmation(vehicle))
    }),
    (Rule::ErasureConfirmed, |world| {
        let vehicle = world.car(0, 1);
        world.apply(0, &[AUTHORITY], erasure(vehicle));
        world.apply(0, &[CUSTODIAN], confirmation(vehicle));
        world.send(0, &[CUSTODIAN], confirmation(vehicle))
    }),
    (Rule::ConsentMissing, |world| {
        let vehicle = world.car(0, 1);
        world.send(0, &[INSURER], attachment(vehicle))
    }),
    (Rule::RoleMissing, |world| {
        let vehicle = world.car(0, 1);
        world.send(0, &[OWNER], read(vehicle, OWNER))
    }),
];

#[test]
fn l14_access_is_refused_by_the_rule_that_stops_it() {
    hold(CASES);
}

#[test]
fn a_grant_ends_with_the_ownership_of_whoever_gave_it() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    let grant = grant(&world, vehicle, INSURER);
    world.apply(0, &[OWNER], grant);
    world.apply(0, &[CUSTODIAN], read(vehicle, INSURER));
    assert_eq!(world.vehicle(vehicle).reads, 1);
    world.apply(0, &[OWNER, BUYER], sale(vehicle, 0, BUYER));
    assert_eq!(
        world.send(0, &[CUSTODIAN], read(vehicle, INSURER)),
        Outcome::Refused(Rule::GrantNotValid)
    );
    world.apply(0, &[CUSTODIAN], read(vehicle, BUYER));
}

#[test]
fn a_revoked_grant_lets_nobody_read() {
    let mut world = World::new();
    let vehicle = world.car(0, 1);
    let grant = grant(&world, vehicle, INSURER);
    world.apply(0, &[OWNER], grant);
    let revoked = RevokeAccess {
        vehicle,
        reader: who(INSURER),
        class: RecordClass::Trip,
    };
    world.apply(0, &[OWNER], revoked);
    assert_eq!(
        world.send(0, &[CUSTODIAN], read(vehicle, INSURER)),
        Outcome::Refused(Rule::GrantUnknown)
    );
}

fn grant(world: &World, vehicle: VehicleId, reader: u8) -> GrantAccess {
    GrantAccess {
        vehicle,
        reader: who(reader),
        class: RecordClass::Trip,
        purpose: label("accident"),
        from: world.time,
        until: world.time.saturating_add(30 * DAY),
    }
}

fn read(vehicle: VehicleId, reader: u8) -> ReadReceipt {
    ReadReceipt {
        vehicle,
        reader: who(reader),
        class: RecordClass::Trip,
        record: record(),
    }
}

fn erasure(vehicle: VehicleId) -> EraseRecord {
    EraseRecord {
        vehicle,
        record: record(),
        reason: label("asked_for"),
    }
}

fn confirmation(vehicle: VehicleId) -> ConfirmErasure {
    ConfirmErasure {
        vehicle,
        record: record(),
    }
}

fn attachment(vehicle: VehicleId) -> AttachRecord {
    AttachRecord {
        vehicle,
        class: RecordClass::Trip,
        record: record(),
        ciphertext: Digest::from_bytes([8; 32]),
        length_bytes: 100,
    }
}

fn record() -> RecordCommitment {
    RecordCommitment::from_bytes([7; 32])
}
