//! Who may call what, at the real door.

use http::uri::PathAndQuery;
use tokio_stream::{Stream, iter};
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;
use vehicle_agent::Role;
use wayside::rpc::agent::v1::{GetServerInfoRequest, agent_service_client::AgentServiceClient};
use wayside::serve::Limits;

use super::{
    replays::bench,
    served::{Served, reason},
};

/// The rights of: no role, observer, driving stack, administrator.
const CELLS: &[(&str, [bool; 4])] = &[
    ("/grpc.health.v1.Health/Check", [true; 4]),
    ("/grpc.health.v1.Health/Watch", [true; 4]),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        WATCH,
    ),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        WATCH,
    ),
    ("/wayside.agent.v1.AgentService/GetConfig", STEER),
    ("/wayside.agent.v1.AgentService/GetReadiness", WATCH),
    ("/wayside.agent.v1.AgentService/GetServerInfo", [true; 4]),
    ("/wayside.agent.v1.AgentService/ListPeers", STEER),
    ("/wayside.agent.v1.AgentService/WatchReadiness", WATCH),
    ("/wayside.hazard.v1.HazardService/Cancel", DRIVE),
    ("/wayside.hazard.v1.HazardService/Corroborate", DRIVE),
    ("/wayside.hazard.v1.HazardService/Get", WATCH),
    ("/wayside.hazard.v1.HazardService/List", WATCH),
    ("/wayside.hazard.v1.HazardService/Negate", DRIVE),
    ("/wayside.hazard.v1.HazardService/Report", DRIVE),
    ("/wayside.hazard.v1.HazardService/Subscribe", WATCH),
    ("/wayside.hazard.v1.HazardService/Update", DRIVE),
    ("/wayside.record.v1.RecordService/Get", BENCH),
    ("/wayside.record.v1.RecordService/GetHistory", BENCH),
    ("/wayside.record.v1.RecordService/GetOutbox", BENCH),
    ("/wayside.record.v1.RecordService/List", BENCH),
    ("/wayside.record.v1.RecordService/Submit", DRIVE),
    ("/wayside.record.v1.RecordService/Watch", BENCH),
    ("/wayside.replay.v1.ReplayService/GetClock", WATCH),
    ("/wayside.replay.v1.ReplayService/GetDrive", WATCH),
    ("/wayside.replay.v1.ReplayService/Pause", BENCH),
    ("/wayside.replay.v1.ReplayService/Play", BENCH),
    ("/wayside.replay.v1.ReplayService/Seek", BENCH),
    ("/wayside.replay.v1.ReplayService/Step", BENCH),
    ("/wayside.replay.v1.ReplayService/WatchClock", WATCH),
    ("/wayside.telemetry.v1.TelemetryService/Publish", DRIVE),
    (
        "/wayside.telemetry.v1.TelemetryService/PublishObjects",
        DRIVE,
    ),
    ("/wayside.telemetry.v1.TelemetryService/PublishState", DRIVE),
    ("/wayside.world.v1.WorldService/GetObject", WATCH),
    ("/wayside.world.v1.WorldService/GetWorld", WATCH),
    ("/wayside.world.v1.WorldService/Subscribe", WATCH),
    ("/wayside.world.v1.WorldService/Delete", [false; 4]),
    ("/wayside.ledger.v1.LedgerService/Append", [false; 4]),
];
const WATCH: [bool; 4] = [false, true, true, true];
const DRIVE: [bool; 4] = [false, false, true, false];
const STEER: [bool; 4] = [false, false, false, true];
const BENCH: [bool; 4] = [false, false, true, true];

const ROLES: [Option<Role>; 4] = [
    None,
    Some(Role::Observer),
    Some(Role::DrivingStack),
    Some(Role::Administrator),
];

#[tokio::test]
async fn g2_each_cell_of_roles_and_methods_holds_at_the_door() {
    let served = Served::with(Limits::default(), |clock| Some(bench(clock))).await;
    for (column, role) in ROLES.into_iter().enumerate() {
        let channel = served.connect(role).await;
        for (path, rights) in CELLS {
            let answer = call(&channel, path, iter([()])).await;
            let refused = answer.as_ref().err();
            let admitted = match refused.map(Status::code) {
                Some(Code::PermissionDenied) => {
                    assert_eq!(reason(refused.unwrap()), "ROLE_MISSING");
                    false
                }
                Some(Code::Unimplemented) => {
                    assert_eq!(reason(refused.unwrap()), "METHOD_UNKNOWN");
                    false
                }
                Some(_) | None => true,
            };
            assert_eq!(admitted, rights[column], "{path} by {role:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn g2_a_caller_without_a_role_still_learns_what_the_server_is() {
    let served = Served::start().await;
    let mut client = AgentServiceClient::new(served.connect(None).await);
    let info = client
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(info.name, "vehicle-agent");
    assert_eq!(info.roles, Vec::<String>::new());
    assert_eq!(info.caller, "local user 1000, group 1000");
    assert!(info.development, "a simulated trust domain says so");
    assert!(info.api_versions.contains(&"wayside.world.v1".to_owned()));
    let limits = info.limits.unwrap();
    assert_eq!(limits.message_bytes_max, 1024 * 1024);
    assert_eq!(limits.subscription_buffer_max, 1_000);
}

/// Calls a method with empty messages, whatever its kind.
pub(super) async fn call(
    channel: &Channel,
    path: &'static str,
    messages: impl Stream<Item = ()> + Send + 'static,
) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<(), ()>::default();
    let answer = client.streaming(Request::new(messages), path, codec).await;
    answer.map(|_| ())
}
