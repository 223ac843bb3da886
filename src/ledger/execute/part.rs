use super::{
    step::{Step, consents, require_active},
    tag,
};
use crate::{
    id::VehicleId,
    ledger::{
        AccountKey, InstallPart, Key, MakePart, MovePart, Part, PartState, PartTag, ReceiptBody,
        RemovePart, Role, Rule, ScrapPart, ShipPart, StateView, TagKind, TagSubject, Transit,
        Value,
    },
    time::Timestamp,
};

/// Where a part goes, and when it was fitted there.
struct Fitting {
    tag: PartTag,
    vehicle: VehicleId,
    fitted: Timestamp,
    workshop: AccountKey,
}

/// A part that comes from another shard.
pub(super) struct Arrival<'a> {
    pub(super) tag: PartTag,
    pub(super) part: &'a Part,
    pub(super) vehicle: VehicleId,
    pub(super) fitted: Timestamp,
    pub(super) signers: &'a [AccountKey],
}

impl Step<'_, '_> {
    pub(super) fn make_part(&mut self, made: &MakePart) -> Result<(), Rule> {
        let maker = self.require_role(&[Role::PartMaker, Role::Maker])?;
        tag::require_certificate(self, &made.certificate, maker)?;
        if made.certificate.kind != TagKind::Part {
            return Err(Rule::TagKindDiffers);
        }
        let tag = PartTag::from_bytes(*made.certificate.tag.as_bytes());
        if self.overlay.pending_part(tag).is_some() {
            return Err(Rule::PartClaimPending);
        }
        let part = Part {
            maker,
            kind: made.kind.clone(),
            lot: made.lot.clone(),
            quality: made.quality,
            origin: self.entry,
            state: PartState::Made,
            holder: maker,
            moves: 0,
        };
        if tag::claim(self, TagSubject::Part { tag }, maker)? {
            self.put_part(tag, part);
        } else {
            self.put(Key::PendingPart(tag), Value::PendingPart(part));
        }
        Ok(())
    }

    pub(super) fn ship_part(&mut self, shipped: &ShipPart) -> Result<(), Rule> {
        let mut part = self.part(shipped.part)?;
        self.require_signed(part.holder, Rule::NotPartHolder)?;
        self.require_signed(shipped.to, Rule::ReceiverSignatureMissing)?;
        require_loose(&part)?;
        if shipped.to == part.holder {
            return Err(Rule::PartMovesNowhere);
        }
        if part.state == PartState::Made {
            part.state = PartState::Shipped;
        }
        part.holder = shipped.to;
        part.moves += 1;
        self.open_account(shipped.to);
        self.put_part(shipped.part, part);
        Ok(())
    }

    pub(super) fn install_part(&mut self, installed: &InstallPart) -> Result<(), Rule> {
        let part = self.part(installed.part)?;
        let workshop = self.require_role(&[Role::Workshop])?;
        self.require_signed(part.holder, Rule::NotPartHolder)?;
        let fitting = Fitting {
            tag: installed.part,
            vehicle: installed.vehicle,
            fitted: installed.fitted,
            workshop,
        };
        self.require_consent_if_here(installed.vehicle)?;
        require_loose(&part)?;
        self.fit(part, &fitting)
    }

    pub(super) fn remove_part(&mut self, removed: &RemovePart) -> Result<(), Rule> {
        let mut part = self.part(removed.part)?;
        let workshop = self.require_role(&[Role::Workshop])?;
        let vehicle = self.vehicle(removed.vehicle)?;
        self.require_consent(&vehicle)?;
        require_in(&part, removed.vehicle)?;
        part.state = PartState::Removed;
        part.holder = workshop;
        part.moves += 1;
        self.put_part(removed.part, part);
        Ok(())
    }

    pub(super) fn move_part(&mut self, moved: &MovePart) -> Result<(), Rule> {
        let part = self.part(moved.part)?;
        let workshop = self.require_role(&[Role::Workshop])?;
        let from = self.vehicle(moved.from)?;
        self.require_consent(&from)?;
        self.require_consent_if_here(moved.to)?;
        if moved.from == moved.to {
            return Err(Rule::PartMovesNowhere);
        }
        require_in(&part, moved.from)?;
        let fitting = Fitting {
            tag: moved.part,
            vehicle: moved.to,
            fitted: moved.fitted,
            workshop,
        };
        self.fit(part, &fitting)
    }

    pub(super) fn scrap_part(&mut self, scrapped: &ScrapPart) -> Result<(), Rule> {
        let mut part = self.part(scrapped.part)?;
        self.require_signed(part.holder, Rule::NotPartHolder)?;
        require_loose(&part)?;
        part.state = PartState::Scrapped;
        part.moves += 1;
        self.put_part(scrapped.part, part);
        Ok(())
    }

    /// Takes a part in that left another shard, or says why it cannot be here.
    ///
    /// Whoever signed the move signed it for both vehicles; the source could only hold it against
    /// its own.
    pub(super) fn arrive(&mut self, arrival: &Arrival<'_>) -> Result<(), Rule> {
        assert!(
            self.overlay.part(arrival.tag).is_none(),
            "a part arrives where it is not yet"
        );
        let vehicle = self.vehicle(arrival.vehicle)?;
        if !consents(arrival.signers, &vehicle, self.time()) {
            return Err(Rule::ConsentMissing);
        }
        require_active(&vehicle)?;
        let mut part = arrival.part.clone();
        part.state = PartState::Installed {
            vehicle: arrival.vehicle,
            since: arrival.fitted,
        };
        part.moves += 1;
        self.open_account(part.holder);
        self.put_part(arrival.tag, part);
        Ok(())
    }

    /// Fits a part to a vehicle here, or sends it to the shard where that is at home.
    fn fit(&mut self, mut part: Part, fitting: &Fitting) -> Result<(), Rule> {
        self.require_past(fitting.fitted)?;
        let destination = fitting.vehicle.home;
        if destination == self.shard() {
            require_active(&self.vehicle(fitting.vehicle)?)?;
            part.state = PartState::Installed {
                vehicle: fitting.vehicle,
                since: fitting.fitted,
            };
            part.holder = fitting.workshop;
            part.moves += 1;
            self.put_part(fitting.tag, part);
            return Ok(());
        }
        if !self.context.genesis.has_shard(destination) {
            return Err(Rule::ShardUnknown);
        }
        let mut signers = self.signers.to_vec();
        signers.sort_unstable();
        let leaving = Part {
            holder: fitting.workshop,
            ..part.clone()
        };
        let sequence = self.send(
            destination,
            ReceiptBody::PartMoved {
                tag: fitting.tag,
                part: leaving,
                vehicle: fitting.vehicle,
                fitted: fitting.fitted,
                signers,
            },
        );
        self.remove(Key::Part(fitting.tag));
        let transit = Transit {
            part,
            destination,
            sequence,
        };
        self.put(Key::Transit(fitting.tag), Value::Transit(transit));
        Ok(())
    }

    fn part(&self, tag: PartTag) -> Result<Part, Rule> {
        if let Some(part) = self.overlay.part(tag) {
            return Ok(part.clone());
        }
        Err(if self.overlay.transit(tag).is_some() {
            Rule::PartInTransit
        } else {
            Rule::PartUnknown
        })
    }

    pub(super) fn put_part(&mut self, tag: PartTag, part: Part) {
        self.put(Key::Part(tag), Value::Part(part));
    }

    /// Holds that a vehicle's owner or custodian signed, if it is at home here; if not, its home
    /// shard will.
    fn require_consent_if_here(&self, vehicle: VehicleId) -> Result<(), Rule> {
        if vehicle.home != self.shard() {
            return Ok(());
        }
        self.require_consent(&self.vehicle(vehicle)?)
    }
}

fn require_loose(part: &Part) -> Result<(), Rule> {
    match part.state {
        PartState::Made | PartState::Shipped | PartState::Removed => Ok(()),
        PartState::Installed { .. } => Err(Rule::PartInstalled),
        PartState::Scrapped => Err(Rule::PartScrapped),
    }
}

fn require_in(part: &Part, vehicle: VehicleId) -> Result<(), Rule> {
    let is_in = matches!(part.state, PartState::Installed { vehicle: it, .. } if it == vehicle);
    is_in.then_some(()).ok_or(Rule::PartNotInVehicle)
}
