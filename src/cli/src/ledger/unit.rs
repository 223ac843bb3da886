use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use tonic::{
    Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_types::StatusExt as _;
use wayside::{
    rpc::{
        issuing::v1::issuing_service_client::IssuingServiceClient,
        ledger::v1::{
            governance_service_client::GovernanceServiceClient,
            ledger_service_client::LedgerServiceClient, vault_service_client::VaultServiceClient,
            witness_service_client::WitnessServiceClient,
        },
        road::v1::road_service_client::RoadServiceClient,
    },
    serve::socket_path,
};

/// Which roadside unit to talk to.
#[derive(Args, Clone, Debug)]
pub(crate) struct UnitArguments {
    /// Where a roadside unit serves gRPC: `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`;
    /// the unit of this machine, if not given.
    #[arg(
        long = "unit",
        global = true,
        value_name = "ADDRESS",
        env = "WAYSIDE_UNIT"
    )]
    address: Option<String>,
    #[command(flatten)]
    tls: TlsArguments,
}

/// How to know a unit that is reached by https, and how to be known there.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TlsArguments {
    /// For https: the authority that signed the unit's certificate.
    #[arg(long, global = true, value_name = "PEM")]
    authority: Option<PathBuf>,
    /// For https: the certificate that says who you are.
    #[arg(long, global = true, value_name = "PEM", requires = "certificate_key")]
    certificate: Option<PathBuf>,
    /// For https: its private key.
    #[arg(long, global = true, value_name = "PEM", requires = "certificate")]
    certificate_key: Option<PathBuf>,
}

/// A connection to a roadside unit.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) ledger: LedgerServiceClient<Channel>,
    pub(crate) governance: GovernanceServiceClient<Channel>,
    pub(crate) vault: VaultServiceClient<Channel>,
    pub(crate) witness: WitnessServiceClient<Channel>,
    pub(crate) issuing: IssuingServiceClient<Channel>,
    pub(crate) road: RoadServiceClient<Channel>,
}

impl UnitArguments {
    /// Connects, or says where nobody answered.
    pub(crate) async fn connect(&self) -> anyhow::Result<Unit> {
        let address = match &self.address {
            Some(address) => address.clone(),
            None => format!("unix:{}", socket_path(None, SOCKET)?.display()),
        };
        Unit::connect(&address, &self.tls).await
    }

    /// Connects to another unit, and is known there by the same certificate.
    pub(crate) async fn connect_to(&self, address: &str) -> anyhow::Result<Unit> {
        Unit::connect(address, &self.tls).await
    }
}

impl TlsArguments {
    /// An address to connect to by these certificates.
    pub(crate) fn endpoint(&self, address: &str) -> anyhow::Result<Endpoint> {
        let endpoint = Endpoint::from_shared(address.to_owned())
            .with_context(|| format!("{address} is no address"))?
            .connect_timeout(CONNECT_MAX);
        if address.starts_with("https:") {
            return Ok(endpoint.tls_config(self.config()?)?);
        }
        ensure!(
            self.authority.is_none() && self.certificate.is_none(),
            "certificates are for https, not for {address}"
        );
        Ok(endpoint)
    }

    fn config(&self) -> anyhow::Result<ClientTlsConfig> {
        let read = |path: &PathBuf| {
            fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let mut config = ClientTlsConfig::new();
        if let Some(authority) = &self.authority {
            config = config.ca_certificate(Certificate::from_pem(read(authority)?));
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.certificate_key) {
            config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        Ok(config)
    }
}

impl Unit {
    /// Connects without certificates, or says where nobody answered.
    pub(crate) async fn connect_plainly(address: &str) -> anyhow::Result<Self> {
        Self::connect(address, &TlsArguments::default()).await
    }

    /// Connects, or says where nobody answered.
    pub(crate) async fn connect(address: &str, tls: &TlsArguments) -> anyhow::Result<Self> {
        let endpoint = tls.endpoint(address)?;
        let channel = endpoint.connect().await.map_err(|error| {
            // Each layer below says the same again.
            let error = anyhow::Error::from(error);
            let cause = error.root_cause();
            anyhow!("no roadside unit answers at {address} (--unit, or WAYSIDE_UNIT): {cause}")
        })?;
        Ok(Self::new(channel))
    }

    /// Speaks over a connection that is there.
    pub(crate) fn new(channel: Channel) -> Self {
        Self {
            ledger: LedgerServiceClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            governance: GovernanceServiceClient::new(channel.clone()),
            vault: VaultServiceClient::new(channel.clone())
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
            witness: WitnessServiceClient::new(channel.clone()),
            road: RoadServiceClient::new(channel.clone()),
            issuing: IssuingServiceClient::new(channel)
                .max_decoding_message_size(MESSAGE_BYTES_MAX),
        }
    }
}

/// What a unit said no with, in one line: its words, and the name of the reason for programs.
pub(crate) fn refused(status: &Status) -> anyhow::Error {
    let words = if status.message().is_empty() {
        status.code().description()
    } else {
        status.message()
    };
    match reason(status) {
        Some(reason) => anyhow!("the unit refused: {words} ({reason})"),
        None => anyhow!("the unit refused: {words} ({:?})", status.code()),
    }
}

/// The name of the reason, as `NONCE_USED`; `None` where the unit gave none.
pub(crate) fn reason(status: &Status) -> Option<String> {
    Some(status.get_details_error_info()?.reason)
}

/// Where a unit without a configuration listens.
const SOCKET: &str = "unit.sock";
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// As the units' own limit.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
