use std::collections::BTreeSet;

use prost::Message;
use prost_types::FileDescriptorSet;

use wayside::serve;

use crate::{
    Role,
    Role::{Administrator, DrivingStack, Observer},
    grpc::METHODS,
};

type Access = serve::Access<Role>;

/// What each role may call, written out apart from the table: may (`+`) or may not (`.`), for
/// nobody's role, observer, driving stack and administrator.
const EXPECTED: &[(&str, &str)] = &[
    ("grpc.health.v1.Health/Check", "++++"),
    ("grpc.health.v1.Health/Watch", "++++"),
    (
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        ".+++",
    ),
    (
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ".+++",
    ),
    ("wayside.agent.v1.AgentService/GetConfig", "...+"),
    ("wayside.agent.v1.AgentService/GetReadiness", ".+++"),
    ("wayside.agent.v1.AgentService/GetServerInfo", "++++"),
    ("wayside.agent.v1.AgentService/ListPeers", "...+"),
    ("wayside.agent.v1.AgentService/WatchReadiness", ".+++"),
    ("wayside.hazard.v1.HazardService/Cancel", "..+."),
    ("wayside.hazard.v1.HazardService/Corroborate", "..+."),
    ("wayside.hazard.v1.HazardService/Get", ".+++"),
    ("wayside.hazard.v1.HazardService/List", ".+++"),
    ("wayside.hazard.v1.HazardService/Negate", "..+."),
    ("wayside.hazard.v1.HazardService/Report", "..+."),
    ("wayside.hazard.v1.HazardService/Subscribe", ".+++"),
    ("wayside.hazard.v1.HazardService/Update", "..+."),
    ("wayside.record.v1.RecordService/Get", "..++"),
    ("wayside.record.v1.RecordService/GetHistory", "..++"),
    ("wayside.record.v1.RecordService/GetOutbox", "..++"),
    ("wayside.record.v1.RecordService/List", "..++"),
    ("wayside.record.v1.RecordService/Submit", "..+."),
    ("wayside.record.v1.RecordService/Watch", "..++"),
    ("wayside.replay.v1.ReplayService/GetClock", ".+++"),
    ("wayside.replay.v1.ReplayService/GetDrive", ".+++"),
    ("wayside.replay.v1.ReplayService/Pause", "..++"),
    ("wayside.replay.v1.ReplayService/Play", "..++"),
    ("wayside.replay.v1.ReplayService/Seek", "..++"),
    ("wayside.replay.v1.ReplayService/Step", "..++"),
    ("wayside.replay.v1.ReplayService/WatchClock", ".+++"),
    ("wayside.telemetry.v1.TelemetryService/Publish", "..+."),
    (
        "wayside.telemetry.v1.TelemetryService/PublishObjects",
        "..+.",
    ),
    ("wayside.telemetry.v1.TelemetryService/PublishState", "..+."),
    ("wayside.world.v1.WorldService/GetObject", ".+++"),
    ("wayside.world.v1.WorldService/GetWorld", ".+++"),
    ("wayside.world.v1.WorldService/Subscribe", ".+++"),
];

#[test]
fn g2_every_role_may_call_what_is_written_here_and_nothing_else() {
    let roles = [
        None,
        Some(Observer),
        Some(DrivingStack),
        Some(Administrator),
    ];
    for (method, expected) in EXPECTED {
        let (_, access) = Access::of(&format!("/{method}")).unwrap();
        let found: String = roles
            .into_iter()
            .map(|role| if access.admits(role) { '+' } else { '.' })
            .collect();
        assert_eq!(found, *expected, "{method}");
    }
}

#[test]
fn g2_the_table_lists_exactly_the_methods_that_are_served() {
    let mut served: BTreeSet<String> = BTreeSet::new();
    for descriptors in [
        wayside::rpc::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ] {
        for file in FileDescriptorSet::decode(descriptors).unwrap().file {
            // What roadside units serve.
            let of_units = ["wayside.issuing.v1", "wayside.ledger.v1", "wayside.road.v1"];
            if of_units.contains(&file.package()) {
                continue;
            }
            for service in &file.service {
                served.extend(service.method.iter().map(|method| {
                    format!("/{}.{}/{}", file.package(), service.name(), method.name())
                }));
            }
        }
    }
    let listed: BTreeSet<String> = METHODS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(listed, served);
    assert_eq!(EXPECTED.len(), METHODS.len());
}

#[test]
fn g2_what_is_not_listed_may_be_called_by_nobody() {
    for path in [
        "",
        "/",
        "/wayside.world.v1.WorldService/",
        "/wayside.world.v1.WorldService/Subscrib",
        "/wayside.world.v1.WorldService/Subscribe/",
        "/WAYSIDE.world.v1.WorldService/Subscribe",
        "//wayside.world.v1.WorldService/Subscribe",
        "/wayside.ledger.v1.LedgerService/Append",
    ] {
        assert_eq!(Access::of(path), None, "{path}");
    }
}
