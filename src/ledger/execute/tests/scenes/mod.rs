//! What people and vehicles ask for in a random history: mostly what may be, now and then not.

mod papers;

use std::{collections::BTreeMap, time::Duration};

use super::{
    history::Numbers,
    model::{Car, Model, Place},
    world::*,
};
use crate::{
    id::{ShardId, VehicleId},
    ledger::*,
    time::Timestamp,
};

/// Who and what takes part.
pub(super) struct Scenes {
    numbers_of: BTreeMap<AccountKey, u8>,
}

/// One scene being made up.
struct Scene<'a> {
    numbers: &'a mut Numbers,
    world: &'a World,
    model: &'a Model,
    numbers_of: &'a BTreeMap<AccountKey, u8>,
    shard: u16,
}

type Asked = (Vec<u8>, Action);

impl Default for Scenes {
    fn default() -> Self {
        let everybody = (1..=14)
            .chain(20..=26)
            .chain([30])
            .chain(40..=80)
            .chain(200..=203);
        Self {
            numbers_of: everybody.map(|number| (who(number), number)).collect(),
        }
    }
}

impl Scenes {
    /// Who signs, sender first, and what for.
    pub(super) fn next(
        &self,
        numbers: &mut Numbers,
        world: &World,
        model: &Model,
        shard: u16,
    ) -> Asked {
        let mut scene = Scene {
            numbers,
            world,
            model,
            numbers_of: &self.numbers_of,
            shard,
        };
        let (mut signers, action) = scene.make();
        match scene.numbers.below(24) {
            0 if signers.len() > 1 => drop(signers.pop()),
            1 => signers.push(scene.numbers.pick(&ANYBODY)),
            2 => signers[0] = scene.numbers.pick(&ANYBODY),
            3 => signers.reverse(),
            _ => {}
        }
        let mut once = Vec::new();
        for signer in signers {
            if !once.contains(&signer) {
                once.push(signer);
            }
        }
        (once, action)
    }
}

impl Scene<'_> {
    fn make(&mut self) -> Asked {
        let born = self.model.shards[&ShardId(self.shard)].cars.len();
        if born < 6 && self.numbers.one_in(3) {
            return self.birth();
        }
        match self.numbers.below(100) {
            0..5 => self.birth(),
            5..14 => self.sale(),
            14..18 => self.block(),
            18..24 => self.custody(),
            24..36 => self.reading(),
            36..45 => self.wear(),
            45..50 => self.battery(),
            50..56 => self.new_part(),
            56..70 => self.part(),
            70..80 => self.warranty(),
            80..84 => self.recall(),
            84..91 => self.trip(),
            91..96 => self.access(),
            96..98 => self.governance(),
            _ => self.rest(),
        }
    }

    fn any(&mut self) -> VehicleId {
        let home = if self.numbers.one_in(16) {
            u16::try_from(self.numbers.below(4)).unwrap()
        } else {
            self.shard
        };
        let born = self.model.shards[&ShardId(self.shard)].cars.keys();
        let born: Vec<_> = born.copied().collect();
        if !born.is_empty() && home == self.shard && !self.numbers.one_in(16) {
            return self.numbers.pick(&born);
        }
        vehicle_id(home, 1 + self.small(VEHICLES))
    }

    fn car(&self, id: VehicleId) -> Option<&Car> {
        self.model.shards.get(&id.home)?.cars.get(&id)
    }

    fn number(&self, key: AccountKey) -> u8 {
        self.numbers_of[&key]
    }

    fn owner(&self, id: VehicleId) -> u8 {
        self.car(id).map_or(OWNER, |car| self.number(car.owner()))
    }

    fn key(&self, id: VehicleId) -> u8 {
        self.car(id).map_or(CAR, |car| self.number(car.key))
    }

    /// What a vehicle's odometer may show now; seldom something else.
    fn km(&mut self, id: VehicleId) -> u32 {
        let last = self
            .car(id)
            .map_or(0, |car| car.readings.last().unwrap().km);
        match self.numbers.below(20) {
            0 => last.saturating_sub(5),
            1 => last + 9_000,
            2..8 => last,
            _ => last + u32::try_from(self.numbers.below(30)).unwrap(),
        }
    }

    /// Mostly now, now and then a while ago, seldom later.
    fn moment(&mut self) -> Timestamp {
        let now = self.world.time;
        match self.numbers.below(16) {
            0 => now.saturating_sub(Duration::from_secs(self.numbers.below(200_000))),
            1 => now.saturating_add(Duration::from_secs(self.numbers.below(120))),
            _ => now,
        }
    }

    fn small(&mut self, bound: u64) -> u8 {
        u8::try_from(self.numbers.below(bound)).unwrap()
    }

    fn person(&mut self) -> u8 {
        self.numbers.pick(&[20, 21, 22, 23])
    }

    fn birth(&mut self) -> Asked {
        let n = 1 + self.small(VEHICLES);
        let id = vehicle_id(self.shard + u16::from(self.numbers.one_in(40)), n);
        let key = CAR + 8 * u8::try_from(self.shard).unwrap() + n;
        let (keeper, vin) = (self.small(3), self.small(40));
        let mut birth = self.world.birth(id.home.0, keeper, n);
        birth.vin = self
            .world
            .certificate(TagKind::Vehicle, tag(keeper, vin), MAKER);
        birth.enrolment_key = who(key);
        birth.built = self.world.time;
        let owner = self.person();
        birth.owner = who(owner);
        (vec![MAKER, owner, key], birth.into())
    }

    fn sale(&mut self) -> Asked {
        let vehicle = self.any();
        let epoch = self.car(vehicle).map_or(0, Car::epoch);
        let epoch = u64::try_from(epoch).unwrap();
        let buyer = self.person();
        let owner_epoch = epoch.saturating_sub(u64::from(self.numbers.one_in(8)));
        let transfer = Transfer {
            vehicle,
            owner_epoch,
            buyer: who(buyer),
        };
        (vec![self.owner(vehicle), buyer], transfer.into())
    }

    fn block(&mut self) -> Asked {
        let vehicle = self.any();
        let block = self
            .numbers
            .pick(&[SaleBlock::Stolen, SaleBlock::Lien, SaleBlock::Dispute]);
        let lender = self.numbers.pick(&[LENDER, OTHER_LENDER]);
        let owner = self.owner(vehicle);
        if self.numbers.one_in(3) {
            let signers = match block {
                SaleBlock::Stolen => vec![self.numbers.pick(&[owner, AUTHORITY])],
                SaleBlock::Lien => vec![lender, owner],
                SaleBlock::Dispute => vec![REGISTRY],
            };
            return (signers, PlaceBlock { vehicle, block }.into());
        }
        let signers = match block {
            SaleBlock::Stolen => vec![AUTHORITY],
            SaleBlock::Lien => vec![lender],
            SaleBlock::Dispute => vec![self.numbers.pick(&[REGISTRY, AUTHORITY])],
        };
        (signers, LiftBlock { vehicle, block }.into())
    }

    fn custody(&mut self) -> Asked {
        let vehicle = self.any();
        let odometer_km = self.km(vehicle);
        let at = self.moment();
        let last = self.car(vehicle).and_then(|car| car.custodies.last());
        let holder = last.map_or(HOLDER, |custody| self.number(custody.holder));
        if self.numbers.one_in(2) {
            let ended = EndCustody {
                vehicle,
                ended: at,
                odometer_km,
            };
            return (vec![holder], ended.into());
        }
        let holder = self.person();
        let begun = BeginCustody {
            vehicle,
            holder: who(holder),
            purpose: CustodyPurpose::Repair,
            from: at,
            until: at.saturating_add(Duration::from_secs(self.numbers.below(400_000))),
            odometer_km,
        };
        (vec![self.owner(vehicle), holder], begun.into())
    }

    fn reading(&mut self) -> Asked {
        let vehicle = self.any();
        let odometer_km = self.km(vehicle);
        if self.numbers.one_in(12) {
            let correct = Correct {
                vehicle,
                reason: label("typing_error"),
                evidence: RecordCommitment::from_bytes([1; 32]),
                correction: Correction::Odometer { odometer_km },
            };
            return (vec![INSPECTION, WORKSHOP], correct.into());
        }
        let key = self.key(vehicle);
        let sources = [
            (OdometerSource::Telemetry, key),
            (OdometerSource::Telemetry, key),
            (OdometerSource::Workshop, WORKSHOP),
            (OdometerSource::Inspection, INSPECTION),
            (OdometerSource::Maker, MAKER),
            (OdometerSource::Other, self.owner(vehicle)),
        ];
        let (source, signer) = self.numbers.pick(&sources);
        let record = RecordOdometer {
            vehicle,
            odometer_km,
            read: self.moment(),
            source,
        };
        (vec![signer], record.into())
    }

    fn wear(&mut self) -> Asked {
        let vehicle = self.any();
        let slot = WearSlot {
            kind: self.numbers.pick(&[WearKind::BrakePad, WearKind::Tyre]),
            wheel: self.small(2) + 31 * u8::from(self.numbers.one_in(40)),
        };
        let odometer_km = self.km(vehicle);
        let last = self
            .car(vehicle)
            .and_then(|car| car.wear.get(&slot)?.last().copied());
        let thickness_um = last.map_or(11_000, |last| last.thickness_um);
        let serial = PartTag::from_bytes([self.small(2) * u8::from(self.numbers.one_in(6)); 32]);
        if self.numbers.one_in(5) {
            let fitted = ReplaceWearPart {
                vehicle,
                slot,
                serial: PartTag::from_bytes([self.small(2); 32]),
                thickness_um: 11_000,
                odometer_km,
                fitted: self.moment(),
            };
            return (vec![WORKSHOP], fitted.into());
        }
        let worn_um = u32::try_from(self.numbers.below(600)).unwrap();
        let method = self
            .numbers
            .pick(&[Method::Sensor, Method::Gauge, Method::Visual]);
        let signer = match method {
            Method::Sensor => self.key(vehicle),
            Method::Gauge | Method::Visual => WORKSHOP,
        };
        let record = RecordWear {
            vehicle,
            slot,
            serial,
            thickness_um: thickness_um.saturating_sub(worn_um)
                + 1_000 * u32::from(self.numbers.one_in(12)),
            temperature_decidegree_c: self.numbers.pick(&[None, Some(400), Some(20_001)]),
            odometer_km,
            measured: self.moment(),
            method,
        };
        (vec![signer], record.into())
    }

    fn battery(&mut self) -> Asked {
        let vehicle = self.any();
        let last = self
            .car(vehicle)
            .and_then(|car| car.batteries.last().cloned());
        let mut figures = last.as_ref().map_or(NEW_BATTERY, |last| last.figures);
        figures.cycles += u32::from(self.small(3));
        figures.throughput_kwh += u32::from(self.small(50));
        figures.health_per_mille = (figures.health_per_mille + u16::from(self.small(60)))
            .saturating_sub(u16::from(self.small(40)));
        if self.numbers.one_in(10) {
            figures.cycles = figures.cycles.saturating_sub(5);
        }
        let status = last.map_or(BatteryStatus::Original, |last| last.status);
        let status = if self.numbers.one_in(8) {
            self.numbers
                .pick(&[BatteryStatus::Original, BatteryStatus::Repurposed])
        } else {
            status
        };
        let serial = PartTag::from_bytes([u8::from(self.numbers.one_in(8)); 32]);
        let (odometer_km, at) = (self.km(vehicle), self.moment());
        if self.numbers.one_in(4) {
            let repair = RepairBattery {
                vehicle,
                serial,
                figures,
                status,
                odometer_km,
                repaired: at,
            };
            return (vec![WORKSHOP], repair.into());
        }
        let record = RecordBattery {
            vehicle,
            serial,
            figures,
            status,
            odometer_km,
            measured: at,
        };
        (vec![self.key(vehicle)], record.into())
    }

    fn new_part(&mut self) -> Asked {
        let (keeper, n) = (self.small(3), self.small(40));
        let mut made = self.world.made_part(keeper, n);
        made.kind = label(self.numbers.pick(&["gearbox", "brake_caliper"]));
        (vec![PART_MAKER], made.into())
    }

    /// Some part that is here, or seldom somewhere else.
    fn any_part(&mut self) -> (PartTag, Option<super::model::Part>) {
        let here = &self.model.shards[&ShardId(self.shard)].parts;
        let tags: Vec<_> = here.keys().copied().collect();
        if tags.is_empty() || self.numbers.one_in(12) {
            let (keeper, n) = (self.small(3), self.small(40));
            return (PartTag::from_bytes(tag(keeper, n)), None);
        }
        let tag = self.numbers.pick(&tags);
        (tag, here.get(&tag).cloned())
    }

    fn part(&mut self) -> Asked {
        let (part, known) = self.any_part();
        let holder = known
            .as_ref()
            .map_or(PART_MAKER, |it| self.number(it.holder));
        let fitted = self.moment();
        let vehicle = match known.map(|it| it.place) {
            Some(Place::In(vehicle, _)) => vehicle,
            _ if self.numbers.one_in(60) => {
                return (vec![holder], ScrapPart { part }.into());
            }
            _ if holder != WORKSHOP || self.numbers.one_in(4) => {
                let to = self.numbers.pick(&[WORKSHOP, WORKSHOP, DISTRIBUTOR]);
                let shipped = ShipPart { part, to: who(to) };
                return (vec![holder, to], shipped.into());
            }
            _ => {
                let vehicle = self.far();
                let installed = InstallPart {
                    part,
                    vehicle,
                    fitted,
                };
                return (vec![WORKSHOP, self.owner(vehicle)], installed.into());
            }
        };
        if self.numbers.one_in(3) {
            let signers = vec![WORKSHOP, self.owner(vehicle)];
            return (signers, RemovePart { part, vehicle }.into());
        }
        let to = self.far();
        let moved = MovePart {
            part,
            from: vehicle,
            to,
            fitted,
        };
        let signers = vec![WORKSHOP, self.owner(vehicle), self.owner(to)];
        (signers, moved.into())
    }

    /// A vehicle of any shard.
    fn far(&mut self) -> VehicleId {
        let home = u16::from(self.small(3));
        vehicle_id(home, 1 + self.small(VEHICLES))
    }

    fn rest(&mut self) -> Asked {
        let vehicle = self.any();
        let owner = self.owner(vehicle);
        if self.numbers.one_in(20) {
            return (vec![owner, REGISTRY], RetireVehicle { vehicle }.into());
        }
        let key = 66 + self.small(14);
        let rotation = RotateKey {
            vehicle,
            enrolment_key: who(key),
        };
        (vec![owner, WORKSHOP, key], rotation.into())
    }
}

/// How many names for vehicles each shard has.
const VEHICLES: u64 = 8;

const ANYBODY: [u8; 14] = [1, 2, 3, 5, 6, 8, 9, 11, 12, 20, 21, 22, 30, 41];

const NEW_BATTERY: BatteryFigures = BatteryFigures {
    rated_capacity_wh: 60_000,
    remaining_capacity_wh: 54_000,
    health_per_mille: 900,
    power_w: 150_000,
    resistance_micro_ohm: 90_000,
    throughput_kwh: 0,
    cycles: 0,
    negative_events: 0,
    extreme_temperature_min: 0,
};
