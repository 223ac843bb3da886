//! The life of parts, which goes from shard to shard and back.

use commonware_runtime::deterministic::Context;
use rand_core::Rng as _;
use wayside::{
    id::ShardId,
    ledger::{
        Action, Genesis, InstallPart, MovePart, PartState, PartTag, State, StateView as _,
        VehicleStatus,
    },
    time::Timestamp,
};

use super::genesis::{CAR, MAKER, OWNER, WORKSHOP, birth, made, vehicle};

/// What somebody may do next.
pub(super) struct Step {
    pub(super) shard: ShardId,
    /// Who signs, the sender first.
    pub(super) signers: Vec<u8>,
    pub(super) action: Action,
}

/// The next step in the life of the part with this number, as far as can be told from states of
/// shards 0 and 1: a part is made somewhere, fitted to the shard's vehicle, and then moved to the
/// vehicle of the other shard and back for ever. Now and then, it is made a second time.
pub(super) fn next_step(
    context: &mut Context,
    genesis: &Genesis,
    states: &[State; 2],
    number: u8,
) -> Step {
    let shards = [ShardId(0), ShardId(1)];
    let unborn = shards.iter().zip(states).find(|(shard, state)| {
        let born = state.vehicle(vehicle(**shard));
        born.is_none_or(|it| it.status != VehicleStatus::Active)
    });
    if let Some((shard, _)) = unborn {
        let car = CAR + u8::try_from(shard.0).unwrap();
        return step(*shard, &[MAKER, OWNER, car], birth(genesis, *shard));
    }
    let tag = tag(number);
    let mut places = shards.iter().zip(states);
    let found = places.find_map(|(shard, state)| Some((*shard, state.part(tag)?)));
    let (shard, part) = match found {
        Some(found) if !context.next_u32().is_multiple_of(8) => found,
        _ => {
            let shard = shards[usize::try_from(context.next_u32() % 2).unwrap()];
            return step(shard, &[MAKER], made(genesis, number));
        }
    };
    match part.state {
        PartState::Installed { vehicle: from, .. } => {
            let moved = MovePart {
                part: tag,
                from,
                to: vehicle(ShardId(1 - shard.0)),
                fitted: Timestamp::EPOCH,
            };
            step(shard, &[WORKSHOP, OWNER], moved)
        }
        PartState::Made | PartState::Shipped | PartState::Removed | PartState::Scrapped => {
            let installed = InstallPart {
                part: tag,
                vehicle: vehicle(shard),
                fitted: Timestamp::EPOCH,
            };
            step(shard, &[WORKSHOP, MAKER, OWNER], installed)
        }
    }
}

/// The tag of the part with this number.
pub(super) fn tag(number: u8) -> PartTag {
    PartTag::from_bytes([number; 32])
}

fn step(shard: ShardId, signers: &[u8], action: impl Into<Action>) -> Step {
    Step {
        shard,
        signers: signers.to_vec(),
        action: action.into(),
    }
}
