use super::{Asked, Measured, Message, Part, Place, Shard, refuse};
use crate::{
    id::VehicleId,
    ledger::{
        BatteryFigures, BatteryStatus, InstallPart, MakePart, Method, MovePart, PartTag,
        RecordBattery, RecordWear, RemovePart, RepairBattery, ReplaceWearPart, Role, Rule,
        ScrapPart, ShipPart, TagKind, WearKind, WearSlot,
    },
    time::Timestamp,
};

impl Shard {
    pub(super) fn make_part(&mut self, asked: &Asked<'_>, it: &MakePart) -> Result<(), Rule> {
        let maker = self.role(asked, &[Role::PartMaker, Role::Maker]);
        let maker = maker.ok_or(Rule::RoleMissing)?;
        let certificate = &it.certificate;
        let tag = PartTag::from_bytes(*certificate.tag.as_bytes());
        let keeper = asked.genesis.bucket(tag.as_bytes());
        let name = (TagKind::Part, *tag.as_bytes());
        let is_here = keeper.0 == self.id;
        let is_issuer = self.holds(certificate.issuer, &[Role::TagIssuer]);
        refuse(&[
            (certificate.claimant != maker, Rule::TagClaimantDiffers),
            (!is_issuer, Rule::TagIssuerUnknown),
            (certificate.kind != TagKind::Part, Rule::TagKindDiffers),
            (self.pending.contains_key(&tag), Rule::PartClaimPending),
            (is_here && self.tags.contains(&name), Rule::PartTagTaken),
        ])?;
        let part = Part {
            kind: it.kind.clone(),
            holder: maker,
            place: Place::Made,
            moves: 0,
        };
        if is_here {
            self.tags.insert(name);
            self.parts.insert(tag, part);
        } else {
            self.pending.insert(tag, part);
            self.tell(keeper, Message::Claim(name, None));
        }
        Ok(())
    }

    pub(super) fn ship(&mut self, asked: &Asked<'_>, it: &ShipPart) -> Result<(), Rule> {
        let part = self.part(it.part)?;
        refuse(&[
            (!asked.by(part.holder), Rule::NotPartHolder),
            (!asked.by(it.to), Rule::ReceiverSignatureMissing),
        ])?;
        part.loose()?;
        refuse(&[(it.to == part.holder, Rule::PartMovesNowhere)])?;
        let part = self.parts.get_mut(&it.part).unwrap();
        if part.place == Place::Made {
            part.place = Place::Shipped;
        }
        part.holder = it.to;
        part.moves += 1;
        self.accounts.entry(it.to).or_default();
        Ok(())
    }

    pub(super) fn install(&mut self, asked: &Asked<'_>, it: &InstallPart) -> Result<(), Rule> {
        let part = self.part(it.part)?;
        refuse(&[
            (self.lacks(asked, &[Role::Workshop]), Rule::RoleMissing),
            (!asked.by(part.holder), Rule::NotPartHolder),
        ])?;
        if it.vehicle.home.0 == self.id {
            let consents = asked.consents(self.car(it.vehicle)?);
            refuse(&[(!consents, Rule::ConsentMissing)])?;
        }
        part.loose()?;
        self.fit(asked, it.part, it.vehicle, it.fitted)
    }

    pub(super) fn remove(&mut self, asked: &Asked<'_>, it: &RemovePart) -> Result<(), Rule> {
        let part = self.part(it.part)?;
        let workshop = self.role(asked, &[Role::Workshop]);
        let workshop = workshop.ok_or(Rule::RoleMissing)?;
        let consents = asked.consents(self.car(it.vehicle)?);
        refuse(&[
            (!consents, Rule::ConsentMissing),
            (!part.is_in(it.vehicle), Rule::PartNotInVehicle),
        ])?;
        let part = self.parts.get_mut(&it.part).unwrap();
        part.place = Place::Removed;
        part.holder = workshop;
        part.moves += 1;
        Ok(())
    }

    pub(super) fn move_part(&mut self, asked: &Asked<'_>, it: &MovePart) -> Result<(), Rule> {
        let part = self.part(it.part)?;
        refuse(&[(self.lacks(asked, &[Role::Workshop]), Rule::RoleMissing)])?;
        let consents = asked.consents(self.car(it.from)?);
        refuse(&[(!consents, Rule::ConsentMissing)])?;
        if it.to.home.0 == self.id {
            let consents = asked.consents(self.car(it.to)?);
            refuse(&[(!consents, Rule::ConsentMissing)])?;
        }
        refuse(&[
            (it.from == it.to, Rule::PartMovesNowhere),
            (!part.is_in(it.from), Rule::PartNotInVehicle),
        ])?;
        self.fit(asked, it.part, it.to, it.fitted)
    }

    pub(super) fn scrap(&mut self, asked: &Asked<'_>, it: &ScrapPart) -> Result<(), Rule> {
        let part = self.part(it.part)?;
        refuse(&[(!asked.by(part.holder), Rule::NotPartHolder)])?;
        part.loose()?;
        let part = self.parts.get_mut(&it.part).unwrap();
        part.place = Place::Scrapped;
        part.moves += 1;
        Ok(())
    }

    fn fit(
        &mut self,
        asked: &Asked<'_>,
        tag: PartTag,
        vehicle: VehicleId,
        fitted: Timestamp,
    ) -> Result<(), Rule> {
        refuse(&[(asked.is_future(fitted), Rule::TimeInFuture)])?;
        let workshop = self.role(asked, &[Role::Workshop]).unwrap();
        if vehicle.home.0 == self.id {
            self.car(vehicle)?.active()?;
            let part = self.parts.get_mut(&tag).unwrap();
            part.place = Place::In(vehicle, fitted);
            part.holder = workshop;
            part.moves += 1;
            return Ok(());
        }
        let is_known = self.weights.contains_key(&vehicle.home);
        refuse(&[(!is_known, Rule::ShardUnknown)])?;
        let part = self.parts.remove(&tag).unwrap();
        let mut leaving = part.clone();
        leaving.holder = workshop;
        self.transits.insert(tag, part);
        let message = Message::Move(tag, leaving, vehicle, fitted, asked.signers.clone());
        self.tell(vehicle.home, message);
        Ok(())
    }

    fn part(&self, tag: PartTag) -> Result<&Part, Rule> {
        refuse(&[(self.transits.contains_key(&tag), Rule::PartInTransit)])?;
        self.parts.get(&tag).ok_or(Rule::PartUnknown)
    }

    pub(super) fn wear(&mut self, asked: &Asked<'_>, it: &RecordWear) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let is_sensor = it.method == Method::Sensor;
        let lacks = self.lacks(asked, &[Role::Workshop, Role::Inspection]);
        refuse(&[
            (
                is_sensor && !asked.by(car.key),
                Rule::VehicleSignatureMissing,
            ),
            (!is_sensor && lacks, Rule::RoleMissing),
        ])?;
        car.active()?;
        in_range(it.slot, it.thickness_um)?;
        let heat = it.temperature_decidegree_c.unwrap_or(0);
        refuse(&[
            (
                !(-1_000..=20_000).contains(&heat),
                Rule::TemperatureOutOfRange,
            ),
            (asked.is_future(it.measured), Rule::TimeInFuture),
        ])?;
        if let Some(last) = car.wear.get(&it.slot).and_then(|all| all.last()) {
            let way_km = u64::from(it.odometer_km.saturating_sub(last.km));
            let worn_um = u64::from(last.thickness_um.saturating_sub(it.thickness_um));
            refuse(&[
                (it.serial != last.serial, Rule::WearSerialDiffers),
                (it.measured < last.at, Rule::MeasurementTooOld),
                (
                    it.thickness_um > last.thickness_um,
                    Rule::ThicknessIncreased,
                ),
                (it.odometer_km < last.km, Rule::OdometerDecreased),
                (worn_um > way_km * 2 + 500, Rule::WearTooFast),
            ])?;
        }
        let measured = Measured {
            at: it.measured,
            km: it.odometer_km,
            serial: it.serial,
            thickness_um: it.thickness_um,
        };
        let car = self.change(it.vehicle);
        car.read(it.odometer_km, it.measured)?;
        car.wear.entry(it.slot).or_default().push(measured);
        Ok(())
    }

    pub(super) fn replace(&mut self, asked: &Asked<'_>, it: &ReplaceWearPart) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        refuse(&[(self.lacks(asked, &[Role::Workshop]), Rule::RoleMissing)])?;
        car.active()?;
        in_range(it.slot, it.thickness_um)?;
        let last = car.wear.get(&it.slot).and_then(|all| all.last());
        let is_same = last.is_some_and(|last| last.serial == it.serial);
        let is_old = last.is_some_and(|last| it.fitted < last.at);
        refuse(&[
            (asked.is_future(it.fitted), Rule::TimeInFuture),
            (is_same, Rule::WearSerialNotNew),
            (is_old, Rule::MeasurementTooOld),
        ])?;
        let measured = Measured {
            at: it.fitted,
            km: it.odometer_km,
            serial: it.serial,
            thickness_um: it.thickness_um,
        };
        let car = self.change(it.vehicle);
        car.read(it.odometer_km, it.fitted)?;
        car.wear.entry(it.slot).or_default().push(measured);
        Ok(())
    }

    pub(super) fn battery(&mut self, asked: &Asked<'_>, it: &RecordBattery) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        let lacks = !asked.by(car.key) && self.lacks(asked, &[Role::Workshop]);
        refuse(&[(lacks, Rule::RoleMissing)])?;
        car.active()?;
        possible(&it.figures)?;
        refuse(&[(asked.is_future(it.measured), Rule::TimeInFuture)])?;
        let mut flags = car.battery_flags;
        if let Some(last) = car.batteries.last() {
            let was = &last.figures;
            let is_other =
                last.serial != it.serial || was.rated_capacity_wh != it.figures.rated_capacity_wh;
            refuse(&[
                (is_other, Rule::BatteryDiffers),
                (it.measured < last.measured, Rule::MeasurementTooOld),
            ])?;
            forward((was, last.status), (&it.figures, it.status))?;
            if it.figures.health_per_mille > was.health_per_mille + 20 {
                flags += 1;
            }
        }
        let car = self.change(it.vehicle);
        car.read(it.odometer_km, it.measured)?;
        car.batteries.push(it.clone());
        car.battery_flags = flags;
        Ok(())
    }

    pub(super) fn repair(&mut self, asked: &Asked<'_>, it: &RepairBattery) -> Result<(), Rule> {
        let car = self.car(it.vehicle)?;
        refuse(&[(self.lacks(asked, &[Role::Workshop]), Rule::RoleMissing)])?;
        car.active()?;
        possible(&it.figures)?;
        refuse(&[(asked.is_future(it.repaired), Rule::TimeInFuture)])?;
        let mut flags = 0;
        if let Some(last) = car.batteries.last() {
            refuse(&[(it.repaired < last.measured, Rule::MeasurementTooOld)])?;
            if last.serial == it.serial {
                forward((&last.figures, last.status), (&it.figures, it.status))?;
                flags = car.battery_flags;
            }
        }
        let car = self.change(it.vehicle);
        car.read(it.odometer_km, it.repaired)?;
        car.battery_flags = flags;
        car.batteries.push(RecordBattery {
            vehicle: it.vehicle,
            serial: it.serial,
            figures: it.figures,
            status: it.status,
            odometer_km: it.odometer_km,
            measured: it.repaired,
        });
        Ok(())
    }
}

impl Part {
    fn loose(&self) -> Result<(), Rule> {
        refuse(&[
            (matches!(self.place, Place::In(..)), Rule::PartInstalled),
            (self.place == Place::Scrapped, Rule::PartScrapped),
        ])
    }

    pub(in super::super) fn is_in(&self, vehicle: VehicleId) -> bool {
        matches!(self.place, Place::In(it, _) if it == vehicle)
    }
}

fn in_range(slot: WearSlot, thickness_um: u32) -> Result<(), Rule> {
    let max_um = match slot.kind {
        WearKind::BrakePad => 20_000,
        WearKind::Tyre => 12_000,
    };
    refuse(&[
        (slot.wheel > 31, Rule::WheelOutOfRange),
        (thickness_um > max_um, Rule::ThicknessOutOfRange),
    ])
}

fn possible(figures: &BatteryFigures) -> Result<(), Rule> {
    let is_more = figures.remaining_capacity_wh > figures.rated_capacity_wh;
    refuse(&[
        (figures.health_per_mille > 1_000, Rule::HealthOutOfRange),
        (is_more, Rule::CapacityAboveRated),
    ])
}

fn forward(
    (was, was_status): (&BatteryFigures, BatteryStatus),
    (is, status): (&BatteryFigures, BatteryStatus),
) -> Result<(), Rule> {
    let fell = is.throughput_kwh < was.throughput_kwh
        || is.cycles < was.cycles
        || is.negative_events < was.negative_events
        || is.extreme_temperature_min < was.extreme_temperature_min;
    refuse(&[
        (fell, Rule::BatteryCounterDecreased),
        (status < was_status, Rule::BatteryStatusBackward),
    ])
}
