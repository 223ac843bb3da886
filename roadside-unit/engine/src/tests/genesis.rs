use wayside::{
    crypto::{Digest, SigningKey},
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Action, Genesis, GenesisContent, Limits, MakePart, OdometerSource, Operator,
        RecordOdometer, Role, RoleGrant, ShardEntry, SignedTransaction, TagCertificate, TagKind,
        Transaction,
    },
    time::Timestamp,
};

/// The key made from a number.
pub(super) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

/// The public half of [`key`].
pub(super) fn account(number: u8) -> AccountKey {
    key(number).verifying_key().into()
}

/// A ledger of `operators` operators, whose vote keys are 100 and up, with two shards.
pub(super) fn genesis(operators: u8) -> Genesis {
    let mut content = GenesisContent {
        version: GenesisContent::VERSION,
        name: "test".to_owned(),
        development: operators < 4,
        created: Timestamp::EPOCH,
        snapshot_interval: 16,
        buckets: std::array::from_fn(|byte| ShardId(u16::try_from(byte % 2).unwrap())),
        shards: [0, 1]
            .map(|id| ShardEntry {
                id: ShardId(id),
                weight: 1,
            })
            .to_vec(),
        operators: (0..operators).map(operator).collect(),
        roles: [(1, Role::Maker), (4, Role::TagIssuer)]
            .map(|(number, role)| RoleGrant {
                key: account(number),
                role,
                name: role.to_string(),
            })
            .to_vec(),
        limits: Limits::default(),
    };
    content.sort();
    Genesis::new(content).unwrap()
}

fn operator(number: u8) -> Operator {
    let addresses = [0, 1].map(|shard| {
        (
            ShardId(shard),
            format!("127.0.0.1:{}", 7_000 + u16::from(number)),
        )
    });
    Operator {
        name: format!("operator {number}"),
        cold_key: account(200 + number),
        vote_key: account(100 + number),
        addresses: addresses.into(),
    }
}

/// A transaction of the maker that is refused, since there is no such vehicle, but has its place in
/// a block.
pub(super) fn reading(genesis: &Genesis, shard: ShardId, nonce: u64) -> SignedTransaction {
    let action = Action::RecordOdometer(RecordOdometer {
        vehicle: VehicleId {
            home: shard,
            commitment: [7; 32],
        },
        odometer_km: 1,
        read: Timestamp::EPOCH,
        source: OdometerSource::Workshop,
    });
    by_maker(genesis, shard, nonce, action)
}

/// A transaction by which the maker makes the part with this number, which the shard that keeps the
/// part's tag has to agree to.
pub(super) fn part(genesis: &Genesis, shard: ShardId, nonce: u64, number: u8) -> SignedTransaction {
    let tag = Digest::from_bytes([number; 32]);
    let chain = genesis.chain();
    let action = Action::MakePart(MakePart {
        certificate: TagCertificate::issue(chain, TagKind::Part, tag, account(1), &key(4)),
        kind: "brake_pad".parse().unwrap(),
        lot: "1".parse().unwrap(),
        quality: Digest::from_bytes([0; 32]),
    });
    by_maker(genesis, shard, nonce, action)
}

fn by_maker(genesis: &Genesis, shard: ShardId, nonce: u64, action: Action) -> SignedTransaction {
    let transaction = Transaction {
        version: Transaction::VERSION,
        chain: genesis.chain(),
        shard,
        sender: account(1),
        nonce,
        expires: None,
        approvers: Vec::new(),
        action,
    };
    transaction.sign(&key(1))
}
