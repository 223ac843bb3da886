use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use prost::Message as _;
use thiserror::Error;
use tokio::{net::lookup_host, time::timeout};
use tracing::debug;
use wayside::{
    crypto::VerifyingKey,
    id::ChainId,
    rpc::issuing::v1::{DeliverRequest, DeliverResponse},
    transport::{
        Clock,
        door::{CallError, Client, ClientConfig, ConnectError, DoorRefusal, UnitTrust},
    },
};

/// Connections to the doors of other operators' units, by where they are and whose they have to be.
pub(crate) struct Peers {
    chain: ChainId,
    clock: Clock,
    open: Mutex<BTreeMap<Place, Client>>,
}

/// A door, and the number of the operator who has to have certified it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    /// The operator.
    pub(crate) operator: u16,
    /// `host:port`.
    pub(crate) door: String,
    /// The operator's cold key.
    pub(crate) cold_key: [u8; 32],
}

/// Why another unit gave no answer.
#[derive(Debug, Error)]
pub(crate) enum PeerError {
    /// The operator's cold key is none that anybody may sign with.
    #[error("the operator's key is weak")]
    WeakKey,
    /// Its address has no meaning here.
    #[error("no such host: {0}")]
    NoHost(String),
    /// Nobody is there, or nobody who is believed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It did not answer.
    #[error(transparent)]
    Call(CallError),
    /// It refused.
    #[error(transparent)]
    Refused(DoorRefusal),
    /// It took too long in all.
    #[error("no answer in time")]
    Late,
}

impl Peers {
    pub(crate) fn new(chain: ChainId, clock: Clock) -> Self {
        Self {
            chain,
            clock,
            open: Mutex::default(),
        }
    }

    /// Makes one request at a door.
    ///
    /// A connection that was there may have ended by itself; then it is made again, once.
    pub(crate) async fn call(
        &self,
        place: &Place,
        method: &str,
        body: Bytes,
    ) -> Result<Bytes, PeerError> {
        let called = timeout(CALL_TIMEOUT, self.call_untimed(place, method, body));
        called.await.unwrap_or(Err(PeerError::Late))
    }

    /// Gives a door an operator's message; `None` if there is no answer.
    pub(super) async fn deliver(&self, place: &Place, message: Vec<u8>) -> Option<Vec<u8>> {
        let request = DeliverRequest {
            message: message.into(),
        };
        let body = request.encode_to_vec().into();
        let answer = self.call(place, "Deliver", body).await;
        let answer = answer.inspect_err(|error| {
            debug!(%error, operator = place.operator, "no answer about tickets");
        });
        let answer = DeliverResponse::decode(answer.ok()?).ok()?;
        Some(answer.answer.to_vec())
    }

    async fn call_untimed(
        &self,
        place: &Place,
        method: &str,
        body: Bytes,
    ) -> Result<Bytes, PeerError> {
        if let Some(client) = self.opened(place) {
            match client.call(method, body.clone()).await {
                Err(CallError::Lost(_)) => self.forget(place),
                other => return answered(other),
            }
        }
        let client = self.connect(place).await?;
        let answer = client.call(method, body).await;
        if answer.is_ok() {
            self.keep(place.clone(), client);
        }
        answered(answer)
    }

    async fn connect(&self, place: &Place) -> Result<Client, PeerError> {
        let cold_key = VerifyingKey::from_bytes(&place.cold_key).map_err(|_| PeerError::WeakKey)?;
        let trust = UnitTrust {
            chain: self.chain,
            operators: BTreeMap::from([(place.operator.into(), cold_key)]),
        };
        let no_host = || PeerError::NoHost(place.door.clone());
        let addresses = lookup_host(&place.door).await.map_err(|_| no_host())?;
        let addresses: Vec<SocketAddr> = addresses.take(ADDRESSES_MAX).collect();
        let mut failed = no_host();
        for address in addresses {
            let now = self.clock.now().timestamp;
            match Client::connect(address, &trust, config(), now).await {
                Ok(client) => return Ok(client),
                Err(error) => failed = error.into(),
            }
        }
        Err(failed)
    }

    fn opened(&self, place: &Place) -> Option<Client> {
        self.lock().get(place).cloned()
    }

    fn forget(&self, place: &Place) {
        self.lock().remove(place);
    }

    fn keep(&self, place: Place, client: Client) {
        let mut open = self.lock();
        if open.len() >= PLACES_MAX {
            open.clear();
        }
        open.insert(place, client);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Place, Client>> {
        // Every change is one call that leaves it whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answered(answer: Result<Bytes, CallError>) -> Result<Bytes, PeerError> {
    answer.map_err(|error| match error {
        CallError::Refused(refusal) => PeerError::Refused(refusal),
        other @ (CallError::Lost(_)
        | CallError::Late
        | CallError::TooLong
        | CallError::Malformed) => PeerError::Call(other),
    })
}

fn config() -> ClientConfig {
    ClientConfig {
        call_timeout: CALL_TIMEOUT,
        answer_bytes_max: ANSWER_BYTES_MAX,
        ..ClientConfig::default()
    }
}

/// Within the time that a door gives its own answers.
const CALL_TIMEOUT: Duration = Duration::from_secs(32);
const ANSWER_BYTES_MAX: usize = 512 * 1024;
const ADDRESSES_MAX: usize = 4;
const PLACES_MAX: usize = 256;
