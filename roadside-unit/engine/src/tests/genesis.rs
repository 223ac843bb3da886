use std::collections::BTreeMap;

use wayside::{
    crypto::{Digest, SigningKey},
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Action, Birth, Genesis, GenesisContent, Limits, MakePart, OdometerSource,
        Operator, RecordOdometer, Role, RoleGrant, ShardEntry, SignedTransaction, TagCertificate,
        TagKind, Transaction,
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
    named("test", operators)
}

/// The same by another name, which makes it another ledger.
pub(super) fn named(name: &str, operators: u8) -> Genesis {
    let ports: Vec<_> = (7_000..7_000 + u16::from(operators)).collect();
    with_ports(name, &ports)
}

/// A ledger of one operator for each of these ports, on which it is reached.
pub(super) fn with_ports(name: &str, ports: &[u16]) -> Genesis {
    let operators = (0..).zip(ports);
    let mut content = GenesisContent {
        version: GenesisContent::VERSION,
        name: name.to_owned(),
        development: ports.len() < 4,
        created: Timestamp::EPOCH,
        snapshot_interval: 16,
        buckets: std::array::from_fn(|byte| ShardId(u16::try_from(byte % 2).unwrap())),
        shards: [0, 1]
            .map(|id| ShardEntry {
                id: ShardId(id),
                weight: 1,
            })
            .to_vec(),
        operators: operators
            .map(|(number, port)| operator(number, *port))
            .collect(),
        roles: [
            (MAKER, Role::Maker),
            (WORKSHOP, Role::Workshop),
            (TAG_ISSUER, Role::TagIssuer),
        ]
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

fn operator(number: u8, port: u16) -> Operator {
    let addresses = [0, 1].map(|shard| (ShardId(shard), format!("127.0.0.1:{port}")));
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
    signed((genesis, shard, nonce), &[MAKER], read(shard))
}

/// A reading of the odometer of a vehicle that there is not.
pub(super) fn read(shard: ShardId) -> RecordOdometer {
    RecordOdometer {
        vehicle: VehicleId {
            home: shard,
            commitment: [7; 32],
        },
        odometer_km: 1,
        read: Timestamp::EPOCH,
        source: OdometerSource::Workshop,
    }
}

/// How the maker makes the part with this number, which the shard that keeps the part's tag has to
/// agree to.
pub(super) fn made(genesis: &Genesis, number: u8) -> MakePart {
    MakePart {
        certificate: certificate(genesis, TagKind::Part, number),
        kind: "brake_pad".parse().unwrap(),
        lot: "1".parse().unwrap(),
        quality: Digest::from_bytes([0; 32]),
    }
}

/// How the maker brings the one vehicle of a shard into being, whose tag the other shard keeps.
pub(super) fn birth(genesis: &Genesis, shard: ShardId) -> Birth {
    let number = u8::try_from(shard.0).unwrap();
    Birth {
        vehicle: vehicle(shard),
        vin: certificate(genesis, TagKind::Vehicle, 201 - number),
        model: "model-1".parse().unwrap(),
        built: Timestamp::EPOCH,
        enrolment_key: account(CAR + number),
        attestation: Digest::from_bytes([0; 32]),
        owner: account(OWNER),
    }
}

/// The one vehicle of a shard.
pub(super) fn vehicle(shard: ShardId) -> VehicleId {
    VehicleId {
        home: shard,
        commitment: [8; 32],
    }
}

fn certificate(genesis: &Genesis, kind: TagKind, number: u8) -> TagCertificate {
    let (tag, issuer) = (Digest::from_bytes([number; 32]), key(TAG_ISSUER));
    TagCertificate::issue(genesis.chain(), kind, tag, account(MAKER), &issuer)
}

/// A transaction signed by the first of `signers`, with the nonce, and agreed to by the others.
pub(super) fn signed(
    (genesis, shard, nonce): (&Genesis, ShardId, u64),
    signers: &[u8],
    action: impl Into<Action>,
) -> SignedTransaction {
    let (sender, approvers) = signers.split_first().unwrap();
    let transaction = Transaction {
        version: Transaction::VERSION,
        chain: genesis.chain(),
        shard,
        sender: account(*sender),
        nonce,
        expires: None,
        approvers: Vec::new(),
        action: action.into(),
    };
    let transaction = transaction.with_approvers(approvers.iter().map(|it| account(*it)));
    let approvals = approvers.iter().map(|it| transaction.approve(&key(*it)));
    let approvals: Vec<_> = approvals.collect();
    let signed = transaction.sign(&key(*sender));
    approvals
        .into_iter()
        .fold(signed, SignedTransaction::with_approval)
}

/// Which nonces senders have used.
#[derive(Default)]
pub(super) struct Nonces(BTreeMap<(u8, ShardId), u64>);

impl Nonces {
    /// One that the sender has not used in this shard.
    pub(super) fn next(&mut self, sender: u8, shard: ShardId) -> u64 {
        let next = self.0.entry((sender, shard)).or_default();
        *next += 1;
        *next - 1
    }

    /// The next transaction of the first of `signers`, agreed to by the others.
    pub(super) fn sign(
        &mut self,
        (genesis, shard): (&Genesis, ShardId),
        signers: &[u8],
        action: impl Into<Action>,
    ) -> SignedTransaction {
        let nonce = self.next(signers[0], shard);
        signed((genesis, shard, nonce), signers, action)
    }
}

pub(super) const MAKER: u8 = 1;
pub(super) const WORKSHOP: u8 = 2;
const TAG_ISSUER: u8 = 4;
pub(super) const OWNER: u8 = 20;
pub(super) const BUYERS: [u8; 2] = [21, 22];
/// The key of a shard's vehicle is `CAR` and the shard's number.
pub(super) const CAR: u8 = 40;
