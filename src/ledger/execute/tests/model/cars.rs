use std::collections::BTreeMap;

use super::{Asked, Car, Custody, Message, Reading, Shard, refuse};
use crate::{
    id::ShardId,
    ledger::{
        AccountKey, BeginCustody, Birth, Correct, Correction, EndCustody, LiftBlock,
        OdometerSource, PlaceBlock, RecordOdometer, RecordTrip, RetireVehicle, Role, RotateKey,
        Rule, SaleBlock, TagKind, Transfer, VehicleStatus,
    },
    time::Timestamp,
};

impl Shard {
    pub(super) fn birth(&mut self, asked: &Asked<'_>, birth: &Birth) -> Result<(), Rule> {
        let maker = self.role(asked, &[Role::Maker]).ok_or(Rule::RoleMissing)?;
        let issuer = birth.vin.issuer;
        let enrolled = self.accounts.get(&birth.enrolment_key);
        let tag = (birth.vin.kind, *birth.vin.tag.as_bytes());
        let keeper = asked.genesis.bucket(&tag.1);
        let is_here = keeper.0 == self.id;
        refuse(&[
            (birth.vin.claimant != maker, Rule::TagClaimantDiffers),
            (
                !self.holds(issuer, &[Role::TagIssuer]),
                Rule::TagIssuerUnknown,
            ),
            (!asked.by(birth.owner), Rule::OwnerSignatureMissing),
            (!asked.by(birth.enrolment_key), Rule::NewKeySignatureMissing),
            (birth.vehicle.home.0 != self.id, Rule::VehicleElsewhere),
            (self.cars.contains_key(&birth.vehicle), Rule::VehicleExists),
            (birth.vin.kind != TagKind::Vehicle, Rule::TagKindDiffers),
            (self.weights[&ShardId(self.id)] == 0, Rule::ShardClosed),
            (asked.is_future(birth.built), Rule::TimeInFuture),
            (
                enrolled.is_some_and(|it| it.vehicle.is_some()),
                Rule::EnrolmentKeyUsed,
            ),
            (is_here && self.tags.contains(&tag), Rule::VinTagTaken),
        ])?;
        self.accounts.entry(birth.owner).or_default();
        let account = self.accounts.entry(birth.enrolment_key).or_default();
        account.vehicle = Some(birth.vehicle);
        if is_here {
            self.tags.insert(tag);
        } else {
            self.tell(keeper, Message::Claim(tag, Some(birth.vehicle)));
        }
        let status = if is_here {
            VehicleStatus::Active
        } else {
            VehicleStatus::Pending
        };
        self.cars.insert(birth.vehicle, born(birth, maker, status));
        Ok(())
    }

    pub(super) fn rotate_key(&mut self, asked: &Asked<'_>, it: &RotateKey) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let old = car.key;
        let agrees = asked.by(car.owner()) || asked.by(old);
        refuse(&[
            (!agrees, Rule::OwnerSignatureMissing),
            (
                self.lacks(asked, &[Role::Maker, Role::Workshop]),
                Rule::RoleMissing,
            ),
            (!asked.by(it.enrolment_key), Rule::NewKeySignatureMissing),
        ])?;
        car.active()?;
        let account = self.accounts.entry(it.enrolment_key).or_default();
        refuse(&[(account.vehicle.is_some(), Rule::EnrolmentKeyUsed)])?;
        account.vehicle = Some(it.vehicle);
        self.accounts.get_mut(&old).unwrap().vehicle = None;
        self.change(it.vehicle).key = it.enrolment_key;
        Ok(())
    }

    pub(super) fn retire(&mut self, asked: &Asked<'_>, it: &RetireVehicle) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        refuse(&[
            (!asked.by(car.owner()), Rule::OwnerSignatureMissing),
            (self.lacks(asked, &[Role::Registry]), Rule::RoleMissing),
        ])?;
        car.active()?;
        car.unblocked()?;
        self.change(it.vehicle).status = VehicleStatus::Retired;
        Ok(())
    }

    pub(super) fn transfer(&mut self, asked: &Asked<'_>, sale: &Transfer) -> Result<(), Rule> {
        let car = self.car(sale.vehicle)?;
        let epoch = u64::try_from(car.epoch()).unwrap();
        refuse(&[
            (sale.owner_epoch != epoch, Rule::OwnerEpochDiffers),
            (!asked.by(car.owner()), Rule::OwnerSignatureMissing),
            (!asked.by(sale.buyer), Rule::BuyerSignatureMissing),
        ])?;
        car.active()?;
        car.unblocked()?;
        refuse(&[
            (car.holder(asked.time).is_some(), Rule::CustodyActive),
            (car.owner() == sale.buyer, Rule::BuyerIsOwner),
        ])?;
        self.change(sale.vehicle).owners.push(sale.buyer);
        self.accounts.entry(sale.buyer).or_default();
        Ok(())
    }

    pub(super) fn place(&mut self, asked: &Asked<'_>, it: &PlaceBlock) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let lender = self.role(asked, &[Role::Lender]);
        let is_authority = !self.lacks(asked, &[Role::Authority]);
        let is_owner = asked.by(car.owner());
        let is_official = !self.lacks(asked, &[Role::Authority, Role::Registry]);
        let (missing, is_there) = match it.block {
            SaleBlock::Stolen => {
                let missing = (!is_authority && !is_owner, Rule::OwnerSignatureMissing);
                (vec![missing], car.stolen)
            }
            SaleBlock::Lien => {
                let missing = vec![
                    (lender.is_none(), Rule::RoleMissing),
                    (!is_owner, Rule::OwnerSignatureMissing),
                ];
                (missing, car.lien.is_some())
            }
            SaleBlock::Dispute => (vec![(!is_official, Rule::RoleMissing)], car.dispute),
        };
        refuse(&missing)?;
        car.active()?;
        refuse(&[(is_there, Rule::BlockInPlace)])?;
        let car = self.change(it.vehicle);
        match it.block {
            SaleBlock::Stolen => car.stolen = true,
            SaleBlock::Lien => car.lien = lender,
            SaleBlock::Dispute => car.dispute = true,
        }
        Ok(())
    }

    pub(super) fn lift(&mut self, asked: &Asked<'_>, it: &LiftBlock) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let (roles, is_there) = match it.block {
            SaleBlock::Stolen => (vec![Role::Authority], car.stolen),
            SaleBlock::Lien => (vec![Role::Lender], car.lien.is_some()),
            SaleBlock::Dispute => (vec![Role::Authority, Role::Registry], car.dispute),
        };
        let is_lien = it.block == SaleBlock::Lien;
        let is_foreign = car.lien.is_some_and(|lender| !asked.by(lender));
        refuse(&[
            (self.lacks(asked, &roles), Rule::RoleMissing),
            (is_lien && is_foreign, Rule::NotLienHolder),
        ])?;
        car.active()?;
        refuse(&[(!is_there, Rule::BlockNotInPlace)])?;
        let car = self.change(it.vehicle);
        match it.block {
            SaleBlock::Stolen => car.stolen = false,
            SaleBlock::Lien => car.lien = None,
            SaleBlock::Dispute => car.dispute = false,
        }
        Ok(())
    }

    pub(super) fn begin_custody(
        &mut self,
        asked: &Asked<'_>,
        it: &BeginCustody,
    ) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        refuse(&[
            (!asked.by(car.owner()), Rule::OwnerSignatureMissing),
            (!asked.by(it.holder), Rule::HolderSignatureMissing),
        ])?;
        car.active()?;
        let span_ms = it.until.unix_ms().saturating_sub(it.from.unix_ms());
        let overlaps = car.custodies.iter().any(|last| it.from < last.until);
        refuse(&[
            (it.holder == car.owner(), Rule::CustodyByOwner),
            (
                span_ms == 0 || span_ms > 732 * DAY_MS,
                Rule::CustodySpanInvalid,
            ),
            (asked.is_future(it.from), Rule::TimeInFuture),
            (overlaps, Rule::CustodyOverlaps),
        ])?;
        let car = self.change(it.vehicle);
        car.read(it.odometer_km, it.from)?;
        car.custodies.push(Custody {
            holder: it.holder,
            purpose: it.purpose,
            from: it.from,
            until: it.until,
        });
        self.accounts.entry(it.holder).or_default();
        Ok(())
    }

    pub(super) fn end_custody(&mut self, asked: &Asked<'_>, it: &EndCustody) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let Some(custody) = car.holder(asked.time).copied() else {
            refuse(&[(!asked.consents(car), Rule::ConsentMissing)])?;
            return Err(Rule::NotInCustody);
        };
        refuse(&[(!asked.by(custody.holder), Rule::HolderSignatureMissing)])?;
        car.active()?;
        let is_outside = it.ended < custody.from || custody.until < it.ended;
        refuse(&[
            (asked.is_future(it.ended), Rule::TimeInFuture),
            (is_outside, Rule::CustodyEndOutside),
        ])?;
        let car = self.change(it.vehicle);
        car.read(it.odometer_km, it.ended)?;
        car.custodies.last_mut().unwrap().until = it.ended.min(asked.time);
        Ok(())
    }

    pub(super) fn odometer(&mut self, asked: &Asked<'_>, it: &RecordOdometer) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let lacks = |role| (self.lacks(asked, &[role]), Rule::RoleMissing);
        refuse(&match it.source {
            OdometerSource::Telemetry => vec![(!asked.by(car.key), Rule::VehicleSignatureMissing)],
            OdometerSource::Workshop => vec![lacks(Role::Workshop)],
            OdometerSource::Inspection => vec![lacks(Role::Inspection)],
            OdometerSource::Maker => vec![lacks(Role::Maker)],
            OdometerSource::Other => vec![
                (!asked.consents(car), Rule::ConsentMissing),
                (true, Rule::OdometerSourceInvalid),
            ],
        })?;
        car.active()?;
        refuse(&[
            (asked.is_future(it.read), Rule::TimeInFuture),
            (it.read < car.last_read(), Rule::ReadingTooOld),
        ])?;
        self.change(it.vehicle).read(it.odometer_km, it.read)
    }

    pub(super) fn correct(&mut self, asked: &Asked<'_>, it: &Correct) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let is = |key: AccountKey, roles: &[Role]| self.holds(key, roles);
        let mut pairs = asked
            .signers
            .iter()
            .flat_map(|one| asked.signers.iter().map(move |other| (*one, *other)));
        let are_two = pairs.any(|(one, other)| {
            one != other
                && is(one, &[Role::Inspection])
                && is(other, &[Role::Maker, Role::Workshop])
        });
        refuse(&[
            (self.lacks(asked, &[Role::Inspection]), Rule::RoleMissing),
            (!are_two, Rule::SecondRoleMissing),
        ])?;
        car.active()?;
        let Correction::Odometer { odometer_km } = it.correction else {
            panic!("the random histories correct odometers only");
        };
        let last = car.readings.last().unwrap();
        refuse(&[(last.km == odometer_km, Rule::CorrectionIsNoChange)])?;
        let reading = Reading {
            at: last.at.max(asked.time),
            km: odometer_km,
            is_correction: true,
        };
        self.change(it.vehicle).readings.push(reading);
        Ok(())
    }

    pub(super) fn trip(&mut self, asked: &Asked<'_>, it: &RecordTrip) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        refuse(&[(!asked.by(car.key), Rule::VehicleSignatureMissing)])?;
        car.active()?;
        let span = (it.started, it.ended);
        let way_m = (i64::from(it.ended_odometer_km) - i64::from(it.started_odometer_km)) * 1_000;
        let error_m = (i64::try_from(it.distance_m).unwrap() - way_m).abs();
        let is_old =
            car.trips_kept.len() == 16 && car.trips_kept.iter().all(|kept| kept.0 >= it.started);
        let overlaps = |kept: &(Timestamp, Timestamp)| {
            (kept.0 < it.ended && it.started < kept.1) || kept.0 == it.started
        };
        refuse(&[
            (it.ended <= it.started, Rule::TripTimesDisordered),
            (asked.is_future(it.ended), Rule::TimeInFuture),
            (way_m < 0, Rule::OdometerDecreased),
            (error_m > way_m / 50 + 1_000, Rule::TripDistanceDiffers),
            (is_old, Rule::TripTooOld),
            (car.trips_kept.iter().any(overlaps), Rule::TripOverlaps),
        ])?;
        let car = self.change(it.vehicle);
        car.trips.push(span);
        car.trips_kept.push(span);
        car.trips_kept.sort();
        if car.trips_kept.len() > 16 {
            car.trips_kept.remove(0);
        }
        car.read(it.started_odometer_km, it.started)?;
        car.read(it.ended_odometer_km, it.ended)
    }
}

impl Car {
    fn unblocked(&self) -> Result<(), Rule> {
        refuse(&[
            (self.stolen, Rule::VehicleStolen),
            (self.lien.is_some(), Rule::VehicleUnderLien),
            (self.dispute, Rule::VehicleInDispute),
        ])
    }

    pub(super) fn last_read(&self) -> Timestamp {
        self.readings.last().unwrap().at
    }

    /// How far it may have gone beyond its last reading by a moment: what all readings left over.
    fn may_go_m(&self, until: Timestamp) -> u64 {
        let mut left_m = 2_500_000;
        let mut last = *self.readings.first().unwrap();
        let grown = |from: Timestamp, to: Timestamp| (to.unix_ms() - from.unix_ms()) * 25 / 864;
        for next in &self.readings[1..] {
            // Whoever corrects a reading says nothing about how far the vehicle went.
            if !next.is_correction {
                let way_m = u64::from(next.km - last.km) * 1_000;
                left_m = (left_m + grown(last.at, next.at) - way_m).min(2_500_000);
            }
            last = *next;
        }
        left_m + grown(last.at, until)
    }

    pub(super) fn read(&mut self, km: u32, at: Timestamp) -> Result<(), Rule> {
        let last = *self.readings.last().unwrap();
        refuse(&[(km > 10_000_000, Rule::OdometerOutOfRange)])?;
        if at < last.at {
            return refuse(&[(km > last.km, Rule::OdometerDecreased)]);
        }
        refuse(&[(km < last.km, Rule::OdometerDecreased)])?;
        let way_m = u64::from(km - last.km) * 1_000;
        refuse(&[(way_m > self.may_go_m(at), Rule::OdometerTooFast)])?;
        self.readings.push(Reading {
            at,
            km,
            is_correction: false,
        });
        Ok(())
    }
}

fn born(birth: &Birth, maker: AccountKey, status: VehicleStatus) -> Car {
    Car {
        status,
        maker,
        model: birth.model.clone(),
        built: birth.built,
        key: birth.enrolment_key,
        owners: vec![birth.owner],
        stolen: false,
        lien: None,
        dispute: false,
        custodies: Vec::new(),
        readings: vec![Reading {
            at: birth.built,
            km: 0,
            is_correction: false,
        }],
        wear: BTreeMap::new(),
        batteries: Vec::new(),
        battery_flags: 0,
        services: Vec::new(),
        trips: Vec::new(),
        trips_kept: Vec::new(),
        grants: BTreeMap::new(),
        erased: BTreeMap::new(),
        reads: 0,
        records: Vec::new(),
    }
}

const DAY_MS: u64 = 86_400_000;
