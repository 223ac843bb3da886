use std::time::Duration;

use super::{BlockContext, overlay::Overlay};
use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    ledger::{
        Account, AccountKey, ChannelOut, Custody, Key, Receipt, ReceiptBody, Role, Rule, StateView,
        Value, Vehicle, VehicleStatus,
    },
    time::Timestamp,
};

/// One entry being executed: what it may read, and what it wants to happen.
///
/// Whatever is wanted happens only if the whole entry is applied.
pub(super) struct Step<'a, 'b> {
    pub(super) context: &'a BlockContext<'a>,
    pub(super) overlay: &'a mut Overlay<'b>,
    pub(super) receipts: &'a mut Vec<Receipt>,
    /// The transaction's id, or the delivery's digest.
    pub(super) entry: Digest,
    /// The sender, first, and all who agreed.
    pub(super) signers: &'a [AccountKey],
}

impl Step<'_, '_> {
    pub(super) fn shard(&self) -> ShardId {
        self.context.shard
    }

    pub(super) fn time(&self) -> Timestamp {
        self.context.time
    }

    pub(super) fn has_signed(&self, key: AccountKey) -> bool {
        self.signers.contains(&key)
    }

    pub(super) fn require_signed(&self, key: AccountKey, rule: Rule) -> Result<(), Rule> {
        self.has_signed(key).then_some(()).ok_or(rule)
    }

    /// The first of those who signed that holds one of the roles.
    pub(super) fn signer_with(&self, roles: &[Role]) -> Option<AccountKey> {
        let holds = |key: &&AccountKey| roles.iter().any(|it| self.overlay.has_role(**key, *it));
        self.signers.iter().find(holds).copied()
    }

    pub(super) fn require_role(&self, roles: &[Role]) -> Result<AccountKey, Rule> {
        self.signer_with(roles).ok_or(Rule::RoleMissing)
    }

    /// A vehicle that is at home here.
    pub(super) fn vehicle(&self, id: VehicleId) -> Result<Vehicle, Rule> {
        if id.home != self.shard() {
            return Err(Rule::VehicleElsewhere);
        }
        let vehicle = self.overlay.vehicle(id);
        vehicle.cloned().ok_or(Rule::VehicleUnknown)
    }

    pub(super) fn put_vehicle(&mut self, id: VehicleId, vehicle: Vehicle) {
        self.put(Key::Vehicle(id), Value::Vehicle(Box::new(vehicle)));
    }

    pub(super) fn put(&mut self, key: Key, value: Value) {
        self.overlay.put(key, value);
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.overlay.remove(key);
    }

    /// Lets an account send transactions to this shard from now on.
    pub(super) fn open_account(&mut self, key: AccountKey) {
        if self.overlay.account(key).is_none() {
            self.put(Key::Account(key), Value::Account(Account::default()));
        }
    }

    /// Holds a time that somebody says against the block's.
    pub(super) fn require_past(&self, time: Timestamp) -> Result<(), Rule> {
        let latest = self.time().saturating_add(CLOCK_TOLERANCE);
        (time <= latest).then_some(()).ok_or(Rule::TimeInFuture)
    }

    /// Holds that the owner, or whoever has the vehicle in custody now, signed.
    pub(super) fn require_consent(&self, vehicle: &Vehicle) -> Result<(), Rule> {
        let consents = consents(self.signers, vehicle, self.time());
        consents.then_some(()).ok_or(Rule::ConsentMissing)
    }

    /// Sends a receipt to another shard; returns its sequence.
    pub(super) fn send(&mut self, destination: ShardId, body: ReceiptBody) -> u64 {
        assert_ne!(destination, self.shard(), "a shard sends nothing to itself");
        let sequence = self.overlay.sent(destination);
        let next = ChannelOut { next: sequence + 1 };
        self.put(Key::ChannelOut(destination), Value::ChannelOut(next));
        self.receipts.push(Receipt {
            version: Receipt::VERSION,
            chain: self.context.genesis.chain(),
            source: self.shard(),
            destination,
            sequence,
            height: self.context.height,
            body,
        });
        sequence
    }

    /// Sends a receipt to every other shard.
    pub(super) fn send_to_all(&mut self, body: &ReceiptBody) {
        let genesis = self.context.genesis;
        let own = self.shard();
        for shard in genesis.shards.iter().filter(|shard| shard.id != own) {
            self.send(shard.id, body.clone());
        }
    }
}

/// Whether a vehicle's owner, or whoever has it in custody at a time, is among these.
pub(super) fn consents(signers: &[AccountKey], vehicle: &Vehicle, time: Timestamp) -> bool {
    let custodian = active_custody(vehicle, time).map(|custody| custody.holder);
    let may_consent = [Some(vehicle.owner), custodian];
    let mut may_consent = may_consent.into_iter().flatten();
    may_consent.any(|key| signers.contains(&key))
}

/// Who has a vehicle in custody at a time.
pub(super) fn active_custody(vehicle: &Vehicle, time: Timestamp) -> Option<&Custody> {
    let custody = vehicle.custody.as_ref();
    custody.filter(|custody| time < custody.until)
}

/// Lets nothing happen to a vehicle that does not count, or no longer.
pub(super) fn require_active(vehicle: &Vehicle) -> Result<(), Rule> {
    match vehicle.status {
        VehicleStatus::Active => Ok(()),
        VehicleStatus::Pending => Err(Rule::VehiclePending),
        VehicleStatus::Refused => Err(Rule::VehicleRefused),
        VehicleStatus::Retired => Err(Rule::VehicleRetired),
    }
}

/// How far the clock of whoever says a time may be ahead of a proposer's.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);
