use super::{
    step::{Step, active_custody, require_active},
    vehicle::require_unblocked,
};
use crate::ledger::{LiftBlock, PlaceBlock, Role, Rule, SaleBlock, Transfer, Vehicle};

impl Step<'_, '_> {
    pub(super) fn transfer(&mut self, sale: &Transfer) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(sale.vehicle)?;
        // Before the signatures, since whoever sold twice is no longer the owner the second time.
        if sale.owner_epoch != vehicle.owner_epoch {
            return Err(Rule::OwnerEpochDiffers);
        }
        self.require_signed(vehicle.owner, Rule::OwnerSignatureMissing)?;
        self.require_signed(sale.buyer, Rule::BuyerSignatureMissing)?;
        require_active(&vehicle)?;
        require_unblocked(&vehicle.blocks)?;
        if active_custody(&vehicle, self.time()).is_some() {
            return Err(Rule::CustodyActive);
        }
        if sale.buyer == vehicle.owner {
            return Err(Rule::BuyerIsOwner);
        }
        vehicle.owner = sale.buyer;
        vehicle.owner_epoch += 1;
        self.open_account(sale.buyer);
        self.put_vehicle(sale.vehicle, vehicle);
        Ok(())
    }

    pub(super) fn place_block(&mut self, placed: &PlaceBlock) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(placed.vehicle)?;
        let blocks = &mut vehicle.blocks;
        let is_in_place = match placed.block {
            SaleBlock::Stolen => std::mem::replace(&mut blocks.stolen, true),
            SaleBlock::Dispute => std::mem::replace(&mut blocks.dispute, true),
            SaleBlock::Lien => {
                let lender = self.require_role(&[Role::Lender])?;
                blocks.lien.replace(lender).is_some()
            }
        };
        self.require_may_place(&vehicle, placed.block)?;
        require_active(&vehicle)?;
        if is_in_place {
            return Err(Rule::BlockInPlace);
        }
        self.put_vehicle(placed.vehicle, vehicle);
        Ok(())
    }

    pub(super) fn lift_block(&mut self, lifted: &LiftBlock) -> Result<(), Rule> {
        let mut vehicle = self.vehicle(lifted.vehicle)?;
        let blocks = &mut vehicle.blocks;
        let was_in_place = match lifted.block {
            SaleBlock::Stolen => {
                self.require_role(&[Role::Authority])?;
                std::mem::take(&mut blocks.stolen)
            }
            SaleBlock::Dispute => {
                self.require_role(&[Role::Authority, Role::Registry])?;
                std::mem::take(&mut blocks.dispute)
            }
            SaleBlock::Lien => {
                self.require_role(&[Role::Lender])?;
                let placed_by = blocks.lien.take();
                if placed_by.is_some_and(|lender| !self.has_signed(lender)) {
                    return Err(Rule::NotLienHolder);
                }
                placed_by.is_some()
            }
        };
        require_active(&vehicle)?;
        if !was_in_place {
            return Err(Rule::BlockNotInPlace);
        }
        self.put_vehicle(lifted.vehicle, vehicle);
        Ok(())
    }

    fn require_may_place(&self, vehicle: &Vehicle, block: SaleBlock) -> Result<(), Rule> {
        let is_authority = self.signer_with(&[Role::Authority]).is_some();
        match block {
            SaleBlock::Stolen if is_authority => Ok(()),
            SaleBlock::Stolen | SaleBlock::Lien => {
                self.require_signed(vehicle.owner, Rule::OwnerSignatureMissing)
            }
            SaleBlock::Dispute => {
                let role = self.require_role(&[Role::Authority, Role::Registry]);
                role.map(drop)
            }
        }
    }
}
