use std::collections::BTreeSet;

use prost::Message;
use prost_types::FileDescriptorSet;
use wayside::serve;

use crate::{
    Role::{self, Client, Operator, Reader, Vehicle},
    grpc::METHODS,
};

type Access = serve::Access<Role>;

/// What each role may call, written out apart from the table: may (`+`) or may not (`.`), for
/// nobody's role, vehicle, client, reader and operator.
const EXPECTED: &[(&str, &str)] = &[
    ("grpc.health.v1.Health/Check", "+++++"),
    ("grpc.health.v1.Health/Watch", "+++++"),
    (
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "..+++",
    ),
    (
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "..+++",
    ),
    ("wayside.issuing.v1.IssuingService/CollectTickets", ".++++"),
    ("wayside.issuing.v1.IssuingService/Deliver", ".++++"),
    ("wayside.issuing.v1.IssuingService/GetIssuing", ".++++"),
    ("wayside.issuing.v1.IssuingService/GetRevocations", ".++++"),
    ("wayside.issuing.v1.IssuingService/RequestTickets", ".++++"),
    ("wayside.ledger.v1.GovernanceService/ListOperators", "..+++"),
    ("wayside.ledger.v1.GovernanceService/ListRoles", "..+++"),
    ("wayside.ledger.v1.GovernanceService/ListShards", "..+++"),
    ("wayside.ledger.v1.LedgerService/Backup", "...++"),
    ("wayside.ledger.v1.LedgerService/GetCheckpoint", ".++++"),
    (
        "wayside.ledger.v1.LedgerService/GetCosignedCheckpoint",
        ".++++",
    ),
    ("wayside.ledger.v1.LedgerService/GetGenesis", ".++++"),
    ("wayside.ledger.v1.LedgerService/GetHistory", ".++++"),
    ("wayside.ledger.v1.LedgerService/GetInfo", "+++++"),
    ("wayside.ledger.v1.LedgerService/GetNonce", ".++++"),
    ("wayside.ledger.v1.LedgerService/GetTransaction", ".++++"),
    ("wayside.ledger.v1.LedgerService/GetVehicle", "...++"),
    ("wayside.ledger.v1.LedgerService/ListRecords", "...++"),
    ("wayside.ledger.v1.LedgerService/Prove", ".++++"),
    ("wayside.ledger.v1.LedgerService/Submit", ".++++"),
    ("wayside.ledger.v1.LedgerService/SubmitMany", "..+++"),
    ("wayside.ledger.v1.LedgerService/Watch", "...++"),
    ("wayside.ledger.v1.VaultService/GetPayload", "..+++"),
    ("wayside.ledger.v1.VaultService/GetVault", "..+++"),
    ("wayside.ledger.v1.VaultService/PutPayload", "..+++"),
    ("wayside.ledger.v1.VaultService/PutShare", "..+++"),
    ("wayside.ledger.v1.VaultService/ReleaseShare", "..+++"),
    ("wayside.ledger.v1.VaultService/SettleShares", "..+++"),
    ("wayside.ledger.v1.WitnessService/AddCosignature", "..+++"),
    ("wayside.ledger.v1.WitnessService/GetHead", "..+++"),
    ("wayside.road.v1.RoadService/CancelHazard", "....+"),
    ("wayside.road.v1.RoadService/GetRelay", "..+++"),
    ("wayside.road.v1.RoadService/GetTraffic", "..+++"),
    ("wayside.road.v1.RoadService/ListHazards", "...++"),
    ("wayside.road.v1.RoadService/PublishHazard", "....+"),
    ("wayside.road.v1.RoadService/UpdateHazard", "....+"),
];

#[test]
fn g2_every_role_may_call_what_is_written_here_and_nothing_else() {
    let roles = [
        None,
        Some(Vehicle),
        Some(Client),
        Some(Reader),
        Some(Operator),
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
            // The others are what agents serve.
            let is_wayside = file.package().starts_with("wayside.");
            let is_own = ["wayside.issuing.v1", "wayside.ledger.v1", "wayside.road.v1"]
                .contains(&file.package());
            if is_wayside && !is_own {
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
    assert!(
        METHODS.is_sorted_by_key(|(path, _)| *path),
        "for the search"
    );
}

#[test]
fn g2_what_is_not_listed_may_be_called_by_nobody() {
    for path in [
        "",
        "/",
        "/wayside.ledger.v1.LedgerService/",
        "/wayside.ledger.v1.LedgerService/Submi",
        "/wayside.ledger.v1.LedgerService/Submit/",
        "/WAYSIDE.ledger.v1.LedgerService/Submit",
        "//wayside.ledger.v1.LedgerService/Submit",
        "/wayside.agent.v1.AgentService/GetConfig",
    ] {
        assert_eq!(Access::of(path), None, "{path}");
    }
}
