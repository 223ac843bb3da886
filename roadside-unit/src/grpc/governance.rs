use std::sync::Arc;

use tonic::{Request, Response, Status};
use wayside::{
    id::ShardId,
    ledger::{Key, OperatorStatus, Role, StateView as _, Value},
    rpc::{
        self, FieldError, FieldProblem,
        ledger::v1::{
            ListOperatorsRequest, ListOperatorsResponse, ListRolesRequest, ListRolesResponse,
            ListShardsRequest, ListShardsResponse, Operator, OperatorAddress, RoleHolder, Shard,
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
        let committee = self.genesis.committee();
        let operators = (0_u16..)
            .zip(&self.genesis.operators)
            .map(|(number, operator)| {
                let standing = match tip.state.get(&Key::Operator(number)) {
                    Some(Value::Operator(standing)) => Some(standing),
                    _ => None,
                };
                Operator {
                    number: number.into(),
                    name: standing.map_or_else(|| operator.name.clone(), |it| it.name.clone()),
                    cold_key: operator.cold_key.to_string(),
                    vote_key: operator.vote_key.to_string(),
                    addresses: operator
                        .addresses
                        .iter()
                        .map(|(shard, address)| OperatorAddress {
                            shard_id: shard.0.into(),
                            address: address.clone(),
                        })
                        .collect(),
                    status: standing.map_or("", |it| status_name(it.status)).to_owned(),
                    misconduct: standing.map_or(0, |it| it.misconduct),
                }
            });
        Ok(ListOperatorsResponse {
            operators: operators.collect(),
            quorum: u32::try_from(committee.quorum()).unwrap_or(u32::MAX),
            epoch: committee.epoch(),
            as_of: Some(rpc::to_wire_tip(&tip.header)),
        })
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

fn status_name(status: OperatorStatus) -> &'static str {
    match status {
        OperatorStatus::Active => "active",
        OperatorStatus::Suspended => "suspended",
        OperatorStatus::Left => "left",
    }
}
