//! The rules once more, in the slowest and simplest way: what is known is kept as lists of all that
//! ever happened, every transaction works on a copy, and each rule is one line of a list.
//!
//! It shares the types of actions, outcomes and rules with the ledger, and no code that decides.

mod cars;
mod claims;
mod messages;
mod parts;
mod power;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Action, CheckedTransaction, ClaimId, ClaimState, CustodyPurpose, Genesis,
        HistoryHead, IssuePolicy, Label, OpenClaim, Outcome, PartTag, PolicyId, RecordBattery,
        RecordClass, RecordCommitment, Role, Rule, TagKind, VehicleStatus, WearSlot,
    },
    time::Timestamp,
};

pub(super) use messages::Message;

/// The ledger as the model knows it.
pub(super) struct Model {
    genesis: Genesis,
    pub(super) shards: BTreeMap<ShardId, Shard>,
}

/// One shard as the model knows it.
#[derive(Clone, Default)]
pub(super) struct Shard {
    id: u16,
    pub(super) cars: BTreeMap<VehicleId, Car>,
    pub(super) accounts: BTreeMap<AccountKey, Account>,
    pub(super) roles: BTreeMap<AccountKey, BTreeSet<Role>>,
    weights: BTreeMap<ShardId, u32>,
    tags: BTreeSet<(TagKind, [u8; 32])>,
    pub(super) alarms: BTreeMap<(TagKind, [u8; 32]), u32>,
    pub(super) parts: BTreeMap<PartTag, Part>,
    pub(super) pending: BTreeMap<PartTag, Part>,
    pub(super) transits: BTreeMap<PartTag, Part>,
    policies: BTreeMap<PolicyId, Policy>,
    pub(super) claims: BTreeMap<ClaimId, Claim>,
    recalls: BTreeMap<(AccountKey, Label), crate::ledger::RecallCriteria>,
    remedies: BTreeSet<(AccountKey, Label, VehicleId)>,
    pub(super) sent: BTreeMap<ShardId, Vec<Message>>,
    pub(super) taken: BTreeMap<ShardId, usize>,
}

#[derive(Clone, Default)]
pub(super) struct Account {
    pub(super) used: BTreeSet<u64>,
    sent_at: Vec<Timestamp>,
    pub(super) vehicle: Option<VehicleId>,
}

/// A vehicle, as everything that ever happened to it.
#[derive(Clone)]
pub(super) struct Car {
    pub(super) status: VehicleStatus,
    maker: AccountKey,
    model: Label,
    built: Timestamp,
    pub(super) key: AccountKey,
    pub(super) owners: Vec<AccountKey>,
    pub(super) stolen: bool,
    pub(super) lien: Option<AccountKey>,
    pub(super) dispute: bool,
    pub(super) custodies: Vec<Custody>,
    pub(super) readings: Vec<Reading>,
    pub(super) wear: BTreeMap<WearSlot, Vec<Measured>>,
    pub(super) batteries: Vec<RecordBattery>,
    pub(super) battery_flags: u32,
    services: Vec<(Timestamp, u32)>,
    pub(super) trips: Vec<(Timestamp, Timestamp)>,
    trips_kept: Vec<(Timestamp, Timestamp)>,
    grants: BTreeMap<(AccountKey, RecordClass), (Timestamp, Timestamp, usize)>,
    erased: BTreeMap<RecordCommitment, BTreeSet<AccountKey>>,
    pub(super) reads: u64,
    pub(super) records: Vec<(Digest, u16)>,
}

#[derive(Clone, Copy)]
pub(super) struct Custody {
    pub(super) holder: AccountKey,
    pub(super) purpose: CustodyPurpose,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// A reading of an odometer, or a correction of one.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) at: Timestamp,
    pub(super) km: u32,
    pub(super) is_correction: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Measured {
    pub(super) at: Timestamp,
    km: u32,
    serial: PartTag,
    pub(super) thickness_um: u32,
}

#[derive(Clone)]
pub(super) struct Part {
    kind: Label,
    pub(super) holder: AccountKey,
    pub(super) place: Place,
    pub(super) moves: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Made,
    Shipped,
    In(VehicleId, Timestamp),
    Removed,
    Scrapped,
}

#[derive(Clone)]
struct Policy {
    terms: IssuePolicy,
    provider: AccountKey,
    from_km: u32,
}

#[derive(Clone)]
pub(super) struct Claim {
    opened: OpenClaim,
    claimant: AccountKey,
    at: Timestamp,
    pub(super) state: ClaimState,
}

/// One transaction as the rules see it.
pub(super) struct Asked<'a> {
    genesis: &'a Genesis,
    time: Timestamp,
    id: Digest,
    signers: Vec<AccountKey>,
}

impl Model {
    pub(super) fn new(genesis: &Genesis) -> Self {
        let shard = |id: ShardId| {
            let mut shard = Shard {
                id: id.0,
                ..Shard::default()
            };
            for entry in &genesis.shards {
                shard.weights.insert(entry.id, entry.weight);
            }
            for grant in &genesis.roles {
                shard.roles.entry(grant.key).or_default().insert(grant.role);
                shard.accounts.entry(grant.key).or_default();
            }
            for operator in &genesis.operators {
                shard.accounts.entry(operator.cold_key).or_default();
            }
            shard
        };
        let ids = genesis.shards.iter().map(|entry| entry.id);
        Self {
            shards: ids.map(|id| (id, shard(id))).collect(),
            genesis: genesis.clone(),
        }
    }

    /// What becomes of a transaction, or `None` if it has no place in a block.
    pub(super) fn run(
        &mut self,
        shard: ShardId,
        time: Timestamp,
        checked: &CheckedTransaction,
    ) -> Option<Outcome> {
        let transaction = checked.transaction();
        let shard = self.shards.get_mut(&shard).unwrap();
        let roles = shard.roles.get(&transaction.sender).cloned();
        let account = shard.accounts.get_mut(&transaction.sender)?;
        let next = (0..).find(|nonce| !account.used.contains(nonce)).unwrap();
        let window = |at: Timestamp| at.unix_ms() / self.genesis.limits.quotas.window_ms;
        let now = account
            .sent_at
            .iter()
            .filter(|at| window(**at) == window(time));
        let quotas = &self.genesis.limits.quotas;
        let of_roles = roles.into_iter().flatten().map(|role| quotas.of(role));
        let of_vehicle = account.vehicle.map(|_| quotas.vehicle_max);
        let mut operators = self.genesis.operators.iter();
        let is_operator = operators.any(|it| it.cold_key == transaction.sender);
        let of_operator = is_operator.then_some(quotas.operator_max);
        let quota = of_roles.chain(of_vehicle).chain(of_operator).max();
        let quota = quota.unwrap_or(0).max(quotas.owner_max);
        let is_admissible = !account.used.contains(&transaction.nonce)
            && transaction.nonce < next + 256
            && now.count() < usize::try_from(quota).unwrap();
        if !is_admissible {
            return None;
        }
        account.used.insert(transaction.nonce);
        account.sent_at.push(time);
        let asked = Asked {
            genesis: &self.genesis,
            time,
            id: checked.id().digest(),
            signers: [transaction.sender]
                .into_iter()
                .chain(transaction.approvers.iter().copied())
                .collect(),
        };
        let mut copy = shard.clone();
        let outcome = match copy.act(&asked, &transaction.action) {
            Ok(()) => {
                *shard = copy;
                Outcome::Applied
            }
            Err(rule) => {
                shard.alarm(&transaction.action, rule);
                Outcome::Refused(rule)
            }
        };
        let may_be_linked = match outcome {
            Outcome::Applied => true,
            Outcome::Refused(rule) => rule.code() >= 100,
        };
        if may_be_linked {
            let vehicles: BTreeSet<_> = transaction.action.vehicles().collect();
            for vehicle in vehicles {
                shard.link(vehicle, asked.id, outcome);
            }
        }
        Some(outcome)
    }
}

impl Shard {
    fn act(&mut self, asked: &Asked<'_>, action: &Action) -> Result<(), Rule> {
        match action {
            Action::Birth(it) => self.birth(asked, it),
            Action::RotateKey(it) => self.rotate_key(asked, it),
            Action::RetireVehicle(it) => self.retire(asked, it),
            Action::Transfer(it) => self.transfer(asked, it),
            Action::PlaceBlock(it) => self.place(asked, it),
            Action::LiftBlock(it) => self.lift(asked, it),
            Action::BeginCustody(it) => self.begin_custody(asked, it),
            Action::EndCustody(it) => self.end_custody(asked, it),
            Action::RecordOdometer(it) => self.odometer(asked, it),
            Action::Correct(it) => self.correct(asked, it),
            Action::RecordWear(it) => self.wear(asked, it),
            Action::ReplaceWearPart(it) => self.replace(asked, it),
            Action::RecordBattery(it) => self.battery(asked, it),
            Action::RepairBattery(it) => self.repair(asked, it),
            Action::MakePart(it) => self.make_part(asked, it),
            Action::ShipPart(it) => self.ship(asked, it),
            Action::InstallPart(it) => self.install(asked, it),
            Action::RemovePart(it) => self.remove(asked, it),
            Action::MovePart(it) => self.move_part(asked, it),
            Action::ScrapPart(it) => self.scrap(asked, it),
            Action::RecordService(it) => self.service(asked, it),
            Action::IssuePolicy(it) => self.policy(asked, it),
            Action::OpenClaim(it) => self.open_claim(asked, it),
            Action::WithdrawClaim(it) => self.withdraw(asked, it),
            Action::DecideClaim(it) => self.decide(asked, it),
            Action::SettleClaim(it) => self.settle_claim(asked, it),
            Action::IssueRecall(it) => self.recall(asked, it),
            Action::RemedyRecall(it) => self.remedy(asked, it),
            Action::RecordTrip(it) => self.trip(asked, it),
            Action::AttachRecord(it) => self.attach(asked, it),
            Action::GrantAccess(it) => self.grant_access(asked, it),
            Action::RevokeAccess(it) => self.revoke_access(asked, it),
            Action::ReadReceipt(it) => self.read(asked, it),
            Action::EraseRecord(it) => self.erase(asked, it),
            Action::ConfirmErasure(it) => self.confirm(asked, it),
            Action::GrantRole(it) => self.grant_role(asked, it),
            Action::RevokeRole(it) => self.revoke_role(asked, it),
            Action::SetShard(it) => self.set_shard(asked, it),
            Action::SetOperator(_)
            | Action::ScheduleRules(_)
            | Action::ReportMisconduct(_)
            | Action::ChangeCommittee(_)
            | Action::SetTicketPolicy(_)
            | Action::SetGroup(_)
            | Action::CertifyIssuingKey(_)
            | Action::ReplaceOperatorKey(_)
            | Action::PostKeyPart(_)
            | Action::ConfirmTicketKey(_)
            | Action::WithdrawTicketKey(_)
            | Action::CommitTickets(_)
            | Action::Enrol(_)
            | Action::SetEnrolment(_)
            | Action::OrderRevocation(_)
            | Action::NameHandle(_)
            | Action::RevealSeed(_)
            | Action::AppealRevocation(_)
            | Action::LiftRevocation(_)
            | Action::ReportMisbehaviour(_)
            | Action::Testify(_)
            | Action::BelieveWitnesses(_) => {
                panic!("the random histories leave operators and versions alone")
            }
        }
    }

    fn link(&mut self, vehicle: VehicleId, entry: Digest, outcome: Outcome) {
        if let Some(car) = self.cars.get_mut(&vehicle) {
            car.records.push((entry, outcome.code()));
        }
    }

    fn car(&self, id: VehicleId) -> Result<&Car, Rule> {
        refuse(&[(id.home.0 != self.id, Rule::VehicleElsewhere)])?;
        self.cars.get(&id).ok_or(Rule::VehicleUnknown)
    }

    fn change(&mut self, id: VehicleId) -> &mut Car {
        self.cars.get_mut(&id).unwrap()
    }

    fn holds(&self, key: AccountKey, roles: &[Role]) -> bool {
        let held = self.roles.get(&key);
        roles
            .iter()
            .any(|role| held.is_some_and(|held| held.contains(role)))
    }

    fn role(&self, asked: &Asked<'_>, roles: &[Role]) -> Option<AccountKey> {
        asked
            .signers
            .iter()
            .copied()
            .find(|key| self.holds(*key, roles))
    }

    fn lacks(&self, asked: &Asked<'_>, roles: &[Role]) -> bool {
        self.role(asked, roles).is_none()
    }
}

impl Asked<'_> {
    fn by(&self, key: AccountKey) -> bool {
        self.signers.contains(&key)
    }

    fn is_future(&self, at: Timestamp) -> bool {
        at.unix_ms() > self.time.unix_ms() + 60_000
    }

    fn consents(&self, car: &Car) -> bool {
        car.consents(&self.signers, self.time)
    }
}

impl Car {
    pub(super) fn owner(&self) -> AccountKey {
        *self.owners.last().unwrap()
    }

    pub(super) fn epoch(&self) -> usize {
        self.owners.len() - 1
    }

    fn holder(&self, time: Timestamp) -> Option<&Custody> {
        self.custodies.last().filter(|it| time < it.until)
    }

    fn consents(&self, signers: &[AccountKey], time: Timestamp) -> bool {
        signers.contains(&self.owner())
            || self
                .holder(time)
                .is_some_and(|it| signers.contains(&it.holder))
    }

    fn inactive(&self) -> Option<Rule> {
        match self.status {
            VehicleStatus::Active => None,
            VehicleStatus::Pending => Some(Rule::VehiclePending),
            VehicleStatus::Refused => Some(Rule::VehicleRefused),
            VehicleStatus::Retired => Some(Rule::VehicleRetired),
        }
    }

    fn active(&self) -> Result<(), Rule> {
        self.inactive().map_or(Ok(()), Err)
    }

    /// The end of the chain over all records, from its beginning.
    pub(super) fn head(&self) -> HistoryHead {
        let records = self.records.iter();
        records.fold(HistoryHead::EMPTY, |head, (entry, outcome)| {
            head.after(*entry, *outcome)
        })
    }
}

/// The first rule whose condition holds.
fn refuse(rules: &[(bool, Rule)]) -> Result<(), Rule> {
    match rules.iter().find(|(is_broken, _)| *is_broken) {
        Some((_, rule)) => Err(*rule),
        None => Ok(()),
    }
}
