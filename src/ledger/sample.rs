//! A small ledger for tests: keys, a genesis, and votes of its committee, from fixed seeds.

use std::collections::BTreeMap;

use super::{
    AccountKey, Block, Certificate, Committee, Genesis, GenesisContent, Header, Limits, Operator,
    Proposal, Role, RoleGrant, ShardEntry, Vote,
};
use crate::{
    crypto::{Digest, SigningKey},
    id::ShardId,
    time::Timestamp,
};

/// The key made from a number; the same number gives the same key.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number; 32])
}

/// The public half of [`key`].
pub(crate) fn account(number: u8) -> AccountKey {
    key(number).verifying_key().into()
}

/// Operator `n` has the keys `100 + n` (votes) and `200 + n` (cold); a maker has the key 1, a
/// workshop 2, an inspection 3, a tag issuer 4. Shards 0 and 1, even bytes of tags in shard 0.
pub(crate) fn content(operators: u8) -> GenesisContent {
    let roles = [
        (1, Role::Maker),
        (2, Role::Workshop),
        (3, Role::Inspection),
        (4, Role::TagIssuer),
    ];
    let mut content = GenesisContent {
        version: GenesisContent::VERSION,
        name: "test".to_owned(),
        development: operators < 4,
        created: Timestamp::from_unix_ms(1_800_000_000_000).unwrap(),
        snapshot_interval: 4,
        buckets: std::array::from_fn(|byte| ShardId(u16::try_from(byte % 2).unwrap())),
        shards: [(0, 1), (1, 3)]
            .map(|(id, weight)| ShardEntry {
                id: ShardId(id),
                weight,
            })
            .to_vec(),
        operators: (0..operators).map(operator).collect(),
        roles: roles
            .map(|(number, role)| RoleGrant {
                key: account(number),
                role,
                name: role.to_string(),
            })
            .to_vec(),
        limits: Limits::default(),
    };
    content.sort();
    content
}

/// The genesis of [`content`].
pub(crate) fn genesis(operators: u8) -> Genesis {
    Genesis::new(content(operators)).unwrap()
}

/// A quorum's votes for a header, by the operators with the lowest indices.
pub(crate) fn certify(genesis: &Genesis, header: &Header) -> Certificate {
    certify_by(genesis.committee(), header)
}

/// The same by another committee, whose members have keys of [`key`] too.
pub(crate) fn certify_by(committee: &Committee, header: &Header) -> Certificate {
    let proposal = Proposal {
        epoch: committee.epoch(),
        view: header.height + 300,
        parent_view: header.height + 299,
        payload: header.digest(),
    };
    let bytes = Vote::Finalize(proposal).to_signed_bytes(header.chain, header.shard);
    let voters = (0..).take(committee.quorum());
    Certificate {
        epoch: proposal.epoch,
        view: proposal.view,
        parent_view: proposal.parent_view,
        payload: proposal.payload,
        signers: (0..).take(committee.quorum()).collect(),
        signatures: voters
            .map(|voter| member_key(committee, voter).sign_raw(&bytes))
            .collect(),
    }
}

/// The vote key of the operator with an index.
pub(crate) fn vote_key(genesis: &Genesis, index: u16) -> SigningKey {
    member_key(genesis.committee(), index)
}

fn member_key(committee: &Committee, index: u16) -> SigningKey {
    let wanted = committee.key(index).unwrap();
    let number = (100..200).find(|number| account(*number) == wanted);
    key(number.unwrap())
}

/// An empty block at a height, which follows no other.
pub(crate) fn block(genesis: &Genesis, shard: ShardId, height: u64) -> Block {
    let mut block = Block::genesis(genesis, shard, Digest::from_bytes([0; 32]));
    block.header.height = height;
    block
}

fn operator(index: u8) -> Operator {
    let addresses = [0, 1].map(|shard: u8| {
        let port = 4_000 + 10 * u16::from(shard) + u16::from(index);
        (ShardId(shard.into()), format!("127.0.0.1:{port}"))
    });
    Operator {
        name: format!("operator {index}"),
        cold_key: account(200 + index),
        vote_key: account(100 + index),
        addresses: BTreeMap::from(addresses),
    }
}
