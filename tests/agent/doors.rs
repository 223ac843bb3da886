use std::os::unix::net::UnixStream;

use tokio::process::Command;
use tonic::{
    Code,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use wayside::rpc::agent::v1::{GetServerInfoRequest, agent_service_client::AgentServiceClient};

use super::process::{Agent, Pki, agent};

#[tokio::test]
async fn g1_mutual_tls_gives_callers_their_role() {
    let pki = Pki::new(1).await;
    let agent = Agent::start(with_tls(&pki)).await;

    let channel = connect(&pki, &agent, Some("observer")).await.unwrap();
    let mut client = AgentServiceClient::new(channel);
    let info = client
        .get_server_info(GetServerInfoRequest {})
        .await
        .unwrap();

    assert_eq!(info.into_inner().roles, ["observer"]);
}

#[tokio::test]
async fn g1_without_a_certificate_nobody_comes_in() {
    let pki = Pki::new(1).await;
    let agent = Agent::start(with_tls(&pki)).await;

    // A client of TLS 1.3 may learn of its refusal at its first call only.
    let refused = match connect(&pki, &agent, None).await {
        Err(_) => true,
        Ok(channel) => {
            let mut client = AgentServiceClient::new(channel);
            let called = client.get_server_info(GetServerInfoRequest {}).await;
            called.is_err_and(|status| status.code() != Code::PermissionDenied)
        }
    };

    assert!(refused);
}

#[tokio::test]
async fn g5_an_agent_outlives_a_lack_of_file_descriptors() {
    let pki = Pki::new(1).await;
    let started = pki.agent(1);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 48; exec \"$0\" \"$@\""])
        .arg(started.as_std().get_program())
        .args(started.as_std().get_args())
        .kill_on_drop(true);
    let agent = Agent::start(limited).await;
    let socket = agent.address("grpc").strip_prefix("unix:").unwrap();

    let crowd: Vec<UnixStream> = (0..100)
        .map_while(|_| UnixStream::connect(socket).ok())
        .collect();
    assert!(crowd.len() > 48);
    drop(crowd);

    agent.wait_ready(|readiness| readiness.can_sign).await;
}

fn with_tls(pki: &Pki) -> Command {
    let mut command = agent(&pki.path("vehicle-1/agent.toml"));
    command
        .args(["--grpc-address", "127.0.0.1:0"])
        .env(
            "WAYSIDE__GRPC__TCP__TLS__CERTIFICATE",
            pki.path("tls/server.pem"),
        )
        .env("WAYSIDE__GRPC__TCP__TLS__KEY", pki.path("tls/server.key"))
        .env(
            "WAYSIDE__GRPC__TCP__TLS__CLIENT_AUTHORITY",
            pki.path("tls/authority.pem"),
        );
    command
}

async fn connect(
    pki: &Pki,
    agent: &Agent,
    role: Option<&str>,
) -> Result<Channel, tonic::transport::Error> {
    let read = |name: String| std::fs::read(pki.path(&name)).unwrap();
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read("tls/authority.pem".to_owned())))
        .domain_name("localhost");
    if let Some(role) = role {
        let certificate = read(format!("tls/{role}.pem"));
        tls = tls.identity(Identity::from_pem(
            certificate,
            read(format!("tls/{role}.key")),
        ));
    }
    let address = format!("https://{}", agent.address("grpc_tcp"));
    Endpoint::from_shared(address)?
        .tls_config(tls)?
        .connect()
        .await
}
