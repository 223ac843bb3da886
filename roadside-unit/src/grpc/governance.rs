use std::{collections::BTreeMap, sync::Arc};

use tonic::{Request, Response, Status};
use wayside::{
    id::ShardId,
    ledger::{
        AccountKey, Committee, Genesis, Key, OperatorStatus, Role, Seat, ShardEntry, State,
        StateView as _, Value,
    },
    rpc::{
        self, FieldError, FieldProblem,
        ledger::v1::{
            self as wire, CommitteeMember, ListOperatorsRequest, ListOperatorsResponse,
            ListRolesRequest, ListRolesResponse, ListShardsRequest, ListShardsResponse, Operator,
            OperatorAddress, RoleHolder, Shard, ShardEpoch,
            governance_service_server::GovernanceService,
        },
    },
    serve::{bad_token, page, page_len},
};

use super::desk::Desk;

/// Tells what stands in the governing shard.
#[derive(Clone)]
pub(super) struct GovernanceDoor(pub(super) Arc<Desk>);

#[tonic::async_trait]
impl GovernanceService for GovernanceDoor {
    async fn list_roles(
        &self,
        request: Request<ListRolesRequest>,
    ) -> Result<Response<ListRolesResponse>, Status> {
        let answer = self.0.list_roles(request.get_ref()).await;
        answer.map(Response::new)
    }

    async fn list_operators(
        &self,
        _: Request<ListOperatorsRequest>,
    ) -> Result<Response<ListOperatorsResponse>, Status> {
        self.0.list_operators().map(Response::new)
    }

    async fn list_shards(
        &self,
        _: Request<ListShardsRequest>,
    ) -> Result<Response<ListShardsResponse>, Status> {
        self.0.list_shards().map(Response::new)
    }
}

impl Desk {
    async fn list_roles(&self, request: &ListRolesRequest) -> Result<ListRolesResponse, Status> {
        let tip = self.tip(ShardId::GOVERNANCE)?;
        let len = page_len(request.page_size)?;
        let last = match request.page_token.as_str() {
            "" => None,
            token => Some(rpc::parse_account(token, "page_token").map_err(|_| bad_token())?),
        };
        let wanted = match request.role.as_str() {
            "" => None,
            name => {
                let problem = FieldProblem::Malformed("the name of a role");
                let role = name.parse::<Role>();
                Some(role.map_err(|_| FieldError::new("role", problem))?)
            }
        };
        // Whoever holds a role by this state has been noted once its block is followed.
        self.followed.wait_for_tip(ShardId::GOVERNANCE).await;
        let keys = self.followed.role_holders();
        let holders = keys
            .iter()
            .filter_map(|key| Some((*key, tip.state.role_holder(*key)?)))
            .filter(|(_, holder)| wanted.is_none_or(|role| holder.roles.contains(&role)));
        let (holders, next) = page(holders, |(key, _)| *key, last.as_ref(), len);
        Ok(ListRolesResponse {
            holders: holders
                .into_iter()
                .map(|(key, holder)| RoleHolder {
                    key: key.to_string(),
                    roles: holder.roles.iter().map(ToString::to_string).collect(),
                    name: holder.name.clone(),
                })
                .collect(),
            next_page_token: next.map(|key| key.to_string()).unwrap_or_default(),
            as_of: Some(rpc::to_wire_tip(&tip.header)),
        })
    }

    fn list_operators(&self) -> Result<ListOperatorsResponse, Status> {
        let tip = self.tip(ShardId::GOVERNANCE)?;
        let epoch = tip.state.epoch_state(&self.genesis);
        let next = epoch.next.as_ref();
        let voting = next.map_or(&epoch.committee, |next| &next.committee);
        let seats = voting.keys().iter();
        let seats: BTreeMap<u16, (&AccountKey, Seat)> = seats
            .filter_map(|key| {
                let seat = tip.state.seat(&self.genesis, *key)?;
                Some((seat.operator, (key, seat)))
            })
            .collect();
        let operators = tip.state.operators().map(|(number, operator)| {
            let seat = seats.get(&number);
            Operator {
                number: number.into(),
                name: operator.name.clone(),
                cold_key: operator.cold_key.to_string(),
                vote_key: seat.map(|(key, _)| key.to_string()).unwrap_or_default(),
                addresses: seat.map_or_else(Vec::new, |(_, seat)| self.wire_addresses(seat)),
                status: status_name(operator.status).to_owned(),
                misconduct: operator.misconduct,
            }
        });
        let committee = |committee: &Committee, first_height| {
            to_wire_committee(&tip.state, &self.genesis, committee, first_height)
        };
        Ok(ListOperatorsResponse {
            operators: operators.collect(),
            quorum: count(epoch.committee.quorum()),
            epoch: epoch.epoch(),
            as_of: Some(rpc::to_wire_tip(&tip.header)),
            committee: Some(committee(&epoch.committee, epoch.first_height)),
            next_committee: next.map(|next| committee(&next.committee, next.first_height)),
            shards: self.shard_epochs(),
        })
    }

    /// Where an operator's unit of each shard is reached: the same unit keeps them all.
    fn wire_addresses(&self, seat: &Seat) -> Vec<OperatorAddress> {
        let shards = self.genesis.shards.iter();
        let address = |shard: &ShardEntry| OperatorAddress {
            shard_id: shard.id.0.into(),
            address: seat.address.clone(),
        };
        shards.map(address).collect()
    }

    fn shard_epochs(&self) -> Vec<ShardEpoch> {
        let shards = self.engine.shards().into_iter();
        let others = shards.filter(|shard| *shard != ShardId::GOVERNANCE);
        let epoch = |shard: ShardId| {
            let epoch = self.engine.tip(shard)?.state.epoch_state(&self.genesis);
            Some(ShardEpoch {
                shard_id: shard.0.into(),
                epoch: epoch.epoch(),
                first_height: epoch.first_height,
                next_first_height: epoch.next.map_or(0, |next| next.first_height),
            })
        };
        others.filter_map(epoch).collect()
    }

    fn list_shards(&self) -> Result<ListShardsResponse, Status> {
        let tip = self.tip(ShardId::GOVERNANCE)?;
        let shards = self.genesis.shards.iter().map(|entry| {
            let weight = match tip.state.get(&Key::Shard(entry.id)) {
                Some(Value::Shard(shard)) => shard.weight,
                _ => entry.weight,
            };
            let buckets = self.genesis.buckets.iter();
            let buckets = buckets.filter(|shard| **shard == entry.id).count();
            Shard {
                shard_id: entry.id.0.into(),
                weight,
                opened_at: Some(rpc::to_wire_time(self.genesis.created)),
                tag_buckets: u32::try_from(buckets).unwrap_or(u32::MAX),
            }
        });
        Ok(ListShardsResponse {
            shards: shards.collect(),
            as_of: Some(rpc::to_wire_tip(&tip.header)),
        })
    }
}

fn to_wire_committee(
    state: &State,
    genesis: &Genesis,
    committee: &Committee,
    first_height: u64,
) -> wire::Committee {
    let member = |key: &AccountKey| {
        let seat = state.seat(genesis, *key)?;
        Some(CommitteeMember {
            operator: seat.operator.into(),
            vote_key: key.to_string(),
            address: seat.address,
        })
    };
    wire::Committee {
        epoch: committee.epoch(),
        first_height,
        members: committee.keys().iter().filter_map(member).collect(),
        quorum: count(committee.quorum()),
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

fn status_name(status: OperatorStatus) -> &'static str {
    match status {
        OperatorStatus::Active => "active",
        OperatorStatus::Suspended => "suspended",
        OperatorStatus::Left => "left",
    }
}
