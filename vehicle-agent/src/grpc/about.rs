use std::sync::Arc;

use tokio::select;
use tonic::{Request, Response, Status};
use wayside::{
    id::PeerId,
    rpc::{
        self,
        agent::v1::{
            GetConfigRequest, GetConfigResponse, GetReadinessRequest, GetReadinessResponse,
            GetServerInfoRequest, GetServerInfoResponse, Limits, ListPeersRequest,
            ListPeersResponse, Peer, WatchReadinessRequest, WatchReadinessResponse,
            agent_service_server::AgentService,
        },
    },
    world::{BUFFER_LEN_MAX, FeedConfig},
};

use super::{readiness::readiness, refusal::stopping, server::Inner};
use crate::Role;
use wayside::serve::{
    Admission, Caller, Inlet, MESSAGE_BYTES_MAX, Outlet, STREAMS_PER_CONNECTION_MAX, bad_token,
    from_gate, outlet, page, page_len,
};

/// What a server says of itself.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its name, as `vehicle-agent`.
    pub name: String,
    /// The release.
    pub version: String,
    /// The source's commit; empty if it was not built from a checkout.
    pub commit: String,
    /// What it can do beyond the frozen packages, by name.
    pub capabilities: Vec<String>,
}

/// Says what the agent is and whether it works.
#[derive(Clone, Debug)]
pub(super) struct AgentDoor(pub(super) Arc<Inner>);

#[tonic::async_trait]
impl AgentService for AgentDoor {
    type WatchReadinessStream = Outlet<WatchReadinessResponse>;

    async fn get_server_info(
        &self,
        request: Request<GetServerInfoRequest>,
    ) -> Result<Response<GetServerInfoResponse>, Status> {
        let caller: Caller<Role> = from_gate(&request)?;
        let agent = &self.0;
        let (now, development) = agent
            .handle
            .call(|station, now| (now.timestamp, station.domain().is_development()));
        Ok(Response::new(GetServerInfoResponse {
            name: agent.about.name.clone(),
            version: agent.about.version.clone(),
            commit: agent.about.commit.clone(),
            api_versions: agent.packages(),
            now: Some(rpc::to_wire_time(now)),
            capabilities: agent.about.capabilities.clone(),
            limits: Some(limits(&agent.limits)),
            caller: caller.identity.to_string(),
            roles: caller.role.iter().map(ToString::to_string).collect(),
            development,
        }))
    }

    async fn get_readiness(
        &self,
        _: Request<GetReadinessRequest>,
    ) -> Result<Response<GetReadinessResponse>, Status> {
        Ok(Response::new(GetReadinessResponse {
            readiness: Some(readiness(&self.0)),
        }))
    }

    async fn watch_readiness(
        &self,
        request: Request<WatchReadinessRequest>,
    ) -> Result<Response<Self::WatchReadinessStream>, Status> {
        let place = from_gate::<Admission, _>(&request)?.open_stream()?;
        let (inlet, outlet) = outlet(place);
        tokio::spawn(watch(Arc::clone(&self.0), inlet));
        Ok(Response::new(outlet))
    }

    async fn list_peers(
        &self,
        request: Request<ListPeersRequest>,
    ) -> Result<Response<ListPeersResponse>, Status> {
        let request = request.get_ref();
        let len = page_len(request.page_size)?;
        let last = match request.page_token.as_str() {
            "" => None,
            token => Some(PeerId(token.parse().map_err(|_| bad_token())?)),
        };
        let (peers, next) = self.0.handle.call(|station, _| {
            let mut peers: Vec<_> = station.peers().collect();
            peers.sort();
            page(peers.into_iter(), |(peer, _)| *peer, last.as_ref(), len)
        });
        let peers = peers.into_iter().map(|(peer, station)| Peer {
            peer_id: peer.0,
            station_id: station
                .map(|station| station.to_string())
                .unwrap_or_default(),
            ..Peer::default()
        });
        Ok(Response::new(ListPeersResponse {
            peers: peers.collect(),
            next_page_token: next.map(|peer| peer.0.to_string()).unwrap_or_default(),
        }))
    }

    async fn get_config(
        &self,
        _: Request<GetConfigRequest>,
    ) -> Result<Response<GetConfigResponse>, Status> {
        Ok(Response::new(GetConfigResponse {
            toml: (self.0.config)(),
        }))
    }
}

/// Sends the readiness at once and after each change.
async fn watch(agent: Arc<Inner>, inlet: Inlet<WatchReadinessResponse>) {
    let mut changes = agent.readiness.subscribe();
    let mut draining = agent.draining.subscribe();
    changes.mark_changed();
    loop {
        select! {
            changed = changes.changed() => if changed.is_err() {
                return;
            },
            () = inlet.items.closed() => return,
            _ = draining.wait_for(|draining| *draining) => break,
        }
        let readiness = changes.borrow_and_update().clone();
        let response = WatchReadinessResponse {
            readiness: Some(readiness),
        };
        if inlet.items.send(response).await.is_err() {
            return;
        }
    }
    let last = WatchReadinessResponse {
        readiness: Some(readiness(&agent)),
    };
    if inlet.items.send(last).await.is_ok() {
        inlet.fail(stopping());
    }
}

fn limits(limits: &wayside::serve::Limits) -> Limits {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    Limits {
        message_bytes_max: u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX),
        subscription_buffer_max: number(BUFFER_LEN_MAX),
        subscription_buffer_default: number(FeedConfig::default().buffer),
        subscriptions_max: number(limits.streams_per_caller_max.get()),
        streams_max: STREAMS_PER_CONNECTION_MAX,
        requests_per_s: limits.requests_per_s.get(),
        unary_timeout: Some(rpc::to_wire_duration(limits.unary_timeout)),
        heartbeat_interval: Some(rpc::to_wire_duration(limits.heartbeat_interval)),
        slow_subscriber_timeout: Some(rpc::to_wire_duration(limits.slow_subscriber_timeout)),
    }
}
