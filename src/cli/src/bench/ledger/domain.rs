use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use wayside::{
    crypto::{Digest, Purpose, SigningKey},
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Action, AddOperator, Birth, ChangeCommittee, Genesis, GenesisContent, Limits,
        OdometerSource, Operator, Quotas, RecordOdometer, Role, RoleGrant, SeatChange, ShardEntry,
        SignedTransaction, TagCertificate, TagKind, Transaction, VinTag,
    },
    time::Timestamp,
};

/// What every process of a case makes the same ledger from.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Plan {
    /// Where each member listens; one operator for each.
    pub(super) ports: Vec<u16>,
    pub(super) shards: u16,
    /// The most transactions of a block.
    pub(super) batch: u32,
    pub(super) created_unix_ms: u64,
    /// Heights from one snapshot to the next.
    pub(super) snapshot_interval: u64,
}

/// A ledger whose keys all follow from their names.
#[derive(Clone)]
pub(super) struct Domain {
    pub(super) genesis: Arc<Genesis>,
    created: Timestamp,
}

/// A vehicle, and how many transactions it has signed.
pub(super) struct Vehicle {
    id: VehicleId,
    number: u32,
    key: SigningKey,
    nonce: u64,
}

impl Domain {
    pub(super) fn new(plan: &Plan) -> anyhow::Result<Self> {
        let created = Timestamp::from_unix_ms(plan.created_unix_ms).context("a moment in range")?;
        let shards = (0..plan.shards).map(ShardId);
        let mut buckets = [ShardId::GOVERNANCE; 256];
        for (bucket, shard) in buckets.iter_mut().zip(shards.clone().cycle()) {
            *bucket = shard;
        }
        let operators = (0..).zip(&plan.ports).map(|(number, port)| {
            let address = address(*port);
            let addresses = shards.clone().map(|shard| (shard, address.clone()));
            Operator {
                name: format!("operator {number}"),
                cold_key: account("cold", number),
                vote_key: account("vote", number),
                addresses: addresses.collect::<BTreeMap<_, _>>(),
            }
        });
        let makers = (0..).zip(&plan.ports).map(|(number, _)| RoleGrant {
            key: account("maker", number),
            role: Role::Maker,
            name: format!("maker {number}"),
        });
        let issuer = RoleGrant {
            key: account("tags", 0),
            role: Role::TagIssuer,
            name: "tags".to_owned(),
        };
        let mut content = GenesisContent {
            version: GenesisContent::VERSION,
            name: "benchmark".to_owned(),
            development: true,
            created,
            snapshot_interval: plan.snapshot_interval,
            buckets,
            shards: shards
                .clone()
                .map(|id| ShardEntry { id, weight: 1 })
                .collect(),
            operators: operators.collect(),
            roles: makers.chain([issuer]).collect(),
            limits: Limits {
                block_transactions_max: plan.batch,
                quotas: Quotas {
                    industry_max: u32::MAX,
                    vehicle_max: u32::MAX,
                    ..Quotas::default()
                },
                ..Limits::default()
            },
        };
        content.sort();
        Ok(Self {
            genesis: Arc::new(Genesis::new(content)?),
            created,
        })
    }

    /// The vehicles of a member in a shard.
    pub(super) fn vehicles(&self, member: u32, shard: ShardId, count: u32) -> Vec<Vehicle> {
        let first = member * VEHICLES_MAX + u32::from(shard.0) * MEMBERS_MAX * VEHICLES_MAX;
        let vehicle = |number| Vehicle {
            id: VehicleId::commit(shard, &[0; 32], &vin(number)),
            number,
            key: key("vehicle", number),
            nonce: 0,
        };
        (first..first + count.min(VEHICLES_MAX))
            .map(vehicle)
            .collect()
    }

    /// As many vehicles of a member as are asked for, none of which [`Self::vehicles`] has.
    pub(super) fn many_vehicles(
        &self,
        member: u32,
        shard: ShardId,
        count: u32,
    ) -> impl Iterator<Item = Vehicle> + use<> {
        let first = MANY + member * MANY_MAX;
        (first..first + count.min(MANY_MAX)).map(move |number| Vehicle {
            id: VehicleId::commit(shard, &[0; 32], &vin(number)),
            number,
            key: key("vehicle", number),
            nonce: 0,
        })
    }

    /// A vehicle's birth, the maker's transaction `nonce` in its home shard.
    pub(super) fn birth(
        &self,
        member: u32,
        vehicle: &Vehicle,
        nonce: u64,
    ) -> anyhow::Result<SignedTransaction> {
        let [maker, owner, tags] =
            [("maker", member), ("owner", 0), ("tags", 0)].map(|(name, number)| key(name, number));
        let tag = VinTag::issue(&tags, &vin(vehicle.number));
        let certificate = TagCertificate::issue(
            self.genesis.chain(),
            TagKind::Vehicle,
            Digest::from_bytes(*tag.as_bytes()),
            account("maker", member),
            &tags,
        );
        let birth = Action::Birth(Birth {
            vehicle: vehicle.id,
            vin: certificate,
            model: "bench".parse()?,
            built: self.created,
            enrolment_key: vehicle.key.verifying_key().into(),
            attestation: Digest::from_bytes([0; 32]),
            owner: owner.verifying_key().into(),
        });
        let others = [&owner, &vehicle.key];
        let transaction = self
            .transaction(vehicle.id.home, &maker, nonce, birth)
            .with_approvers(others.map(|key| key.verifying_key().into()));
        let approvals = others.map(|key| transaction.approve(key));
        let signed = transaction.sign(&maker);
        Ok(approvals
            .into_iter()
            .fold(signed, SignedTransaction::with_approval))
    }

    /// What a vehicle's odometer shows, signed by the vehicle: the load.
    ///
    /// Call [`Vehicle::count_submitted`] once it is submitted.
    pub(super) fn reading(&self, vehicle: &Vehicle) -> SignedTransaction {
        let action = Action::RecordOdometer(RecordOdometer {
            vehicle: vehicle.id,
            odometer_km: 1,
            read: self.created,
            source: OdometerSource::Telemetry,
        });
        self.transaction(vehicle.id.home, &vehicle.key, vehicle.nonce, action)
            .sign(&vehicle.key)
    }

    /// Something else that a vehicle records; [`Vehicle::count_submitted`] is called as after
    /// [`Self::reading`].
    pub(super) fn by_vehicle(&self, vehicle: &Vehicle, action: Action) -> SignedTransaction {
        self.transaction(vehicle.id.home, &vehicle.key, vehicle.nonce, action)
            .sign(&vehicle.key)
    }

    /// The key with which a member votes.
    pub(super) fn vote_key(member: u32) -> SigningKey {
        key("vote", member)
    }

    /// A change of the committee that these members sign for their operators, the first of them
    /// with its transaction `nonce` in shard 0.
    pub(super) fn change(
        &self,
        seats: Vec<SeatChange>,
        members: &[u32],
        nonce: u64,
    ) -> anyhow::Result<SignedTransaction> {
        let keys: Vec<_> = members.iter().map(|member| key("cold", *member)).collect();
        let (sender, others) = keys.split_first().context("somebody signs")?;
        let action = Action::ChangeCommittee(ChangeCommittee { seats });
        let approvers = others.iter().map(|key| key.verifying_key().into());
        let transaction = self
            .transaction(ShardId::GOVERNANCE, sender, nonce, action)
            .with_approvers(approvers);
        let approvals: Vec<_> = others.iter().map(|key| transaction.approve(key)).collect();
        let signed = transaction.sign(sender);
        Ok(approvals
            .into_iter()
            .fold(signed, SignedTransaction::with_approval))
    }

    /// A member that asks to be taken in as an operator, reached at a port.
    pub(super) fn operator(member: u32, port: u16) -> anyhow::Result<AddOperator> {
        Ok(AddOperator {
            name: format!("operator-{member}").parse()?,
            cold_key: account("cold", member),
            vote_key: account("vote", member),
            address: address(port),
        })
    }

    /// The number by which the ledger knows a member's operator.
    pub(super) fn operator_number(&self, member: u32) -> anyhow::Result<u16> {
        let cold_key = account("cold", member);
        let mut operators = (0..).zip(&self.genesis.operators);
        let found = operators.find(|(_, operator)| operator.cold_key == cold_key);
        Ok(found.context("a member of the genesis")?.0)
    }

    fn transaction(
        &self,
        shard: ShardId,
        sender: &SigningKey,
        nonce: u64,
        action: Action,
    ) -> Transaction {
        Transaction {
            version: Transaction::VERSION,
            chain: self.genesis.chain(),
            shard,
            sender: sender.verifying_key().into(),
            nonce,
            expires: None,
            approvers: Vec::new(),
            action,
        }
    }
}

impl Vehicle {
    pub(super) fn id(&self) -> VehicleId {
        self.id
    }

    pub(super) fn account(&self) -> AccountKey {
        self.key.verifying_key().into()
    }

    /// Goes on to the next nonce.
    pub(super) fn count_submitted(&mut self) {
        self.nonce += 1;
    }
}

fn vin(number: u32) -> String {
    format!("WAYSDE{number:011}")
}

/// Where a member is reached that listens at a port.
pub(super) fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn account(name: &str, number: u32) -> AccountKey {
    key(name, number).verifying_key().into()
}

fn key(name: &str, number: u32) -> SigningKey {
    let parts = [name.as_bytes(), &number.to_be_bytes()];
    SigningKey::from_seed(&[0x5a; 32]).derive(Purpose::SimulationSeed, &parts)
}

/// Further apart than any run of a benchmark gets.
pub(super) const NO_SNAPSHOTS: u64 = 1 << 20;
const MEMBERS_MAX: u32 = 16;
/// Above all numbers of [`Domain::vehicles`].
const MANY: u32 = 1 << 30;
/// Of each member.
const MANY_MAX: u32 = 1 << 26;
/// Of each member in each shard.
const VEHICLES_MAX: u32 = 1_024;
