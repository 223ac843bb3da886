use std::path::Path;

use http::uri::PathAndQuery;
use tokio_stream::iter;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_prost::ProstCodec;
use wayside::rpc;

use super::committee::Committee;

/// The rights of: vehicle, client, reader, whom mutual TLS names.
const CELLS: &[(&str, [bool; 3])] = &[
    ("/grpc.health.v1.Health/Check", [true; 3]),
    (
        "/wayside.issuing.v1.IssuingService/CollectTickets",
        [true; 3],
    ),
    ("/wayside.issuing.v1.IssuingService/Deliver", [true; 3]),
    ("/wayside.issuing.v1.IssuingService/GetIssuing", [true; 3]),
    (
        "/wayside.issuing.v1.IssuingService/GetRevocations",
        [true; 3],
    ),
    (
        "/wayside.issuing.v1.IssuingService/RequestTickets",
        [true; 3],
    ),
    ("/wayside.ledger.v1.GovernanceService/ListOperators", LOOK),
    ("/wayside.ledger.v1.GovernanceService/ListRoles", LOOK),
    ("/wayside.ledger.v1.GovernanceService/ListShards", LOOK),
    ("/wayside.ledger.v1.LedgerService/GetCheckpoint", [true; 3]),
    ("/wayside.ledger.v1.LedgerService/GetGenesis", [true; 3]),
    ("/wayside.ledger.v1.LedgerService/GetHistory", [true; 3]),
    ("/wayside.ledger.v1.LedgerService/GetInfo", [true; 3]),
    ("/wayside.ledger.v1.LedgerService/GetNonce", [true; 3]),
    ("/wayside.ledger.v1.LedgerService/GetTransaction", [true; 3]),
    ("/wayside.ledger.v1.LedgerService/GetVehicle", READ),
    ("/wayside.ledger.v1.LedgerService/ListRecords", READ),
    ("/wayside.ledger.v1.LedgerService/Prove", [true; 3]),
    ("/wayside.ledger.v1.LedgerService/Submit", [true; 3]),
    ("/wayside.ledger.v1.LedgerService/SubmitMany", LOOK),
    ("/wayside.ledger.v1.LedgerService/Watch", READ),
    ("/wayside.ledger.v1.LedgerService/Erase", [false; 3]),
    ("/wayside.ledger.v1.VaultService/GetPayload", LOOK),
    ("/wayside.ledger.v1.VaultService/GetVault", LOOK),
    ("/wayside.ledger.v1.VaultService/PutPayload", LOOK),
    ("/wayside.ledger.v1.VaultService/PutShare", LOOK),
    ("/wayside.ledger.v1.VaultService/ReleaseShare", LOOK),
    ("/wayside.ledger.v1.VaultService/SettleShares", LOOK),
    ("/wayside.road.v1.RoadService/CancelHazard", [false; 3]),
    ("/wayside.road.v1.RoadService/GetRelay", LOOK),
    ("/wayside.road.v1.RoadService/ListHazards", READ),
    ("/wayside.road.v1.RoadService/PublishHazard", [false; 3]),
];
const LOOK: [bool; 3] = [false, true, true];
const READ: [bool; 3] = [false, false, true];

#[tokio::test]
async fn g2_each_cell_of_roles_and_methods_holds_at_the_door() {
    let committee = Committee::start(1).await;
    let address = committee.unit(0).address("grpc_tcp").to_owned();
    for (column, role) in ["vehicle", "client", "reader"].into_iter().enumerate() {
        let channel = connect(committee.folder(), &address, role).await.unwrap();
        for (path, rights) in CELLS {
            let answer = call(&channel, path).await;
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
            assert_eq!(admitted, rights[column], "{path} by {role}: {answer:?}");
        }
    }
}

async fn connect(
    domain: &Path,
    address: &str,
    role: &str,
) -> Result<Channel, tonic::transport::Error> {
    let read = |name: String| std::fs::read(domain.join("tls").join(name)).unwrap();
    let identity = Identity::from_pem(read(format!("{role}.pem")), read(format!("{role}.key")));
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read("authority.pem".to_owned())))
        .domain_name("localhost")
        .identity(identity);
    Endpoint::from_shared(format!("https://{address}"))?
        .tls_config(tls)?
        .connect()
        .await
}

/// Calls a method with an empty message, whatever its kind.
async fn call(channel: &Channel, path: &'static str) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    let codec = ProstCodec::<(), ()>::default();
    let answer = client
        .streaming(Request::new(iter([()])), path, codec)
        .await;
    answer.map(|_| ())
}

fn reason(status: &Status) -> String {
    rpc::reason_of(status).reason
}
