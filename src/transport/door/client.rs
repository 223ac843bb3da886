use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use quinn::{Connection, Endpoint, VarInt};
use thiserror::Error;
use tokio::time::timeout;

use super::{
    ClientConfig, DoorRefusal, DoorRequest,
    frame::{REFUSAL_LEN_MAX, answer_from_bytes},
    tls::client_config,
};
use crate::{
    crypto::VerifyingKey,
    id::ChainId,
    security::{UNIT_CERTIFICATE_LEN, UnitCertificate, UnitCertificateError},
    time::Timestamp,
    transport::quic::{SERVER_NAME, open_endpoint, peer_key},
};

/// A car's connection to a unit that it believes, from a port of its own; clones are the same.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
    connection: Connection,
    config: ClientConfig,
    operator: usize,
}

/// Whom a car believes at a door.
#[derive(Clone, Debug)]
pub struct UnitTrust {
    /// The ledger.
    pub chain: ChainId,
    /// The cold keys of its operators, by their numbers on the ledger; one who left is not there.
    pub operators: BTreeMap<usize, VerifyingKey>,
}

/// Why there is no connection to a unit.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// This machine gives no socket.
    #[error("cannot open a socket")]
    Socket(#[source] io::Error),
    /// Nobody answered at the address, or it was no unit's door.
    #[error("no unit's door at {address}: {reason}")]
    Unreachable {
        /// The address.
        address: SocketAddr,
        /// What went wrong, in words.
        reason: String,
    },
    /// It answered too slowly.
    #[error("the unit at {0} took too long")]
    Late(SocketAddr),
    /// It is not what it says.
    #[error("the unit at {address} is not believed: {reason}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: UnitCertificateError,
    },
}

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum CallError {
    /// The unit refused it.
    #[error("the unit refused: {0}")]
    Refused(DoorRefusal),
    /// The connection ended first, or the unit cut the request.
    #[error("the connection was lost: {0}")]
    Lost(String),
    /// The unit took too long.
    #[error("the unit took too long")]
    Late,
    /// The answer is longer than this car bears.
    #[error("the answer is too long")]
    TooLong,
    /// The unit sent nonsense, or the request's name is none.
    #[error("not an answer")]
    Malformed,
}

impl Client {
    /// Connects to a unit's door and checks who it is.
    pub async fn connect(
        address: SocketAddr,
        trust: &UnitTrust,
        config: ClientConfig,
        now: Timestamp,
    ) -> Result<Self, ConnectError> {
        let local: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let endpoint = open_endpoint(local, None).map_err(ConnectError::Socket)?;
        let introduced = timeout(
            config.connect_timeout,
            introduce(&endpoint, address, &config),
        );
        let (connection, certificate) = introduced
            .await
            .map_err(|_| ConnectError::Late(address))?
            .map_err(|reason| ConnectError::Unreachable { address, reason })?;
        let refused = |reason| ConnectError::Refused { address, reason };
        let key = peer_key(&connection).ok_or(refused(UnitCertificateError::WrongKey))?;
        let (numbers, keys): (Vec<usize>, Vec<VerifyingKey>) = trust.operators.iter().unzip();
        let place = UnitCertificate::from_bytes(&certificate)
            .and_then(|certificate| certificate.verify(trust.chain, &keys, &key, now))
            .map_err(refused)?;
        let unknown = UnitCertificateError::UnknownOperator;
        let operator = numbers.get(place).copied().ok_or(refused(unknown))?;
        Ok(Self {
            endpoint,
            connection,
            config,
            operator,
        })
    }

    /// Whose unit it is: the operator's number in [`UnitTrust::operators`].
    pub fn operator(&self) -> usize {
        self.operator
    }

    /// Makes one request; several may be made at one time.
    pub async fn call(&self, method: &str, body: Bytes) -> Result<Bytes, CallError> {
        self.call_within(method, body, self.config.answer_bytes_max)
            .await
    }

    /// The same for an answer of which is known that it is short: at most `answer_bytes_max` are
    /// read, and never more than the configuration bears.
    pub async fn call_within(
        &self,
        method: &str,
        body: Bytes,
        answer_bytes_max: usize,
    ) -> Result<Bytes, CallError> {
        let answer_bytes_max = answer_bytes_max.min(self.config.answer_bytes_max);
        let request = DoorRequest {
            method: method.to_owned(),
            body,
        };
        let request = request.to_bytes().ok_or(CallError::Malformed)?;
        let answer = timeout(
            self.config.call_timeout,
            self.exchange(&request, answer_bytes_max),
        );
        let answer = answer.await.map_err(|_| CallError::Late)??;
        answer_from_bytes(&answer.into())
            .map_err(|_| CallError::Malformed)?
            .map_err(CallError::Refused)
    }

    /// Ends the connection; what was not answered is lost.
    pub async fn close(self) {
        self.connection.close(VarInt::from_u32(CLOSE_DONE), b"");
        // The unit forgets the connection by itself if it does not hear of this.
        let _ = timeout(CLOSE_TIMEOUT, self.endpoint.wait_idle()).await;
    }

    async fn exchange(
        &self,
        request: &[u8],
        answer_bytes_max: usize,
    ) -> Result<Vec<u8>, CallError> {
        let lost = |error: &dyn std::error::Error| CallError::Lost(error.to_string());
        let (mut send, mut receive) = self.connection.open_bi().await.map_err(|e| lost(&e))?;
        send.write_all(request).await.map_err(|e| lost(&e))?;
        send.finish().map_err(|e| lost(&e))?;
        let len_max = (1 + answer_bytes_max).max(REFUSAL_LEN_MAX);
        receive
            .read_to_end(len_max)
            .await
            .map_err(|error| match error {
                quinn::ReadToEndError::TooLong => CallError::TooLong,
                quinn::ReadToEndError::Read(error) => lost(&error),
            })
    }
}

/// Shakes hands and reads the unit's first frame.
async fn introduce(
    endpoint: &Endpoint,
    address: SocketAddr,
    config: &ClientConfig,
) -> Result<(Connection, Vec<u8>), String> {
    let client = client_config(config).map_err(|error| error.to_string())?;
    let connecting = endpoint
        .connect_with(client, address, SERVER_NAME)
        .map_err(|error| error.to_string())?;
    let connection = connecting.await.map_err(|error| error.to_string())?;
    let mut first = connection
        .accept_uni()
        .await
        .map_err(|error| error.to_string())?;
    let certificate = first
        .read_to_end(UNIT_CERTIFICATE_LEN)
        .await
        .map_err(|error| error.to_string())?;
    Ok((connection, certificate))
}

const CLOSE_DONE: u32 = 0;
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
