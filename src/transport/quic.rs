use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use quinn::{
    AckFrequencyConfig, ClientConfig, Connection, Endpoint, EndpointConfig, IdleTimeout,
    NoneTokenStore, ServerConfig, TokioRuntime, TransportConfig, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rustls::pki_types::CertificateDer;
use socket2::{Domain, Protocol, Socket, Type};

use super::{Config, ResetKey, tls, udp};
use crate::{
    crypto::{SigningKey, VerifyingKey},
    time::Timestamp,
};

/// The protocol that both sides must name in the handshake.
pub const ALPN: &[u8] = b"wayside/1";

/// Why this side closed a connection, as the other side reads it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CloseCode {
    /// The station stops.
    Shutdown,
    /// A connection under a newer ticket takes its place.
    Rotated,
    /// Both sides had dialled; the other connection stays.
    Duplicate,
    /// The station wants no more of this peer.
    Refused,
    /// No more connections are allowed.
    Full,
    /// The operator, or whoever finds peers, has no more use for it.
    Unwanted,
    /// The other side is this station itself.
    Oneself,
}

impl CloseCode {
    /// Its number on the wire.
    pub fn code(self) -> u32 {
        match self {
            Self::Shutdown => 0,
            Self::Rotated => 1,
            Self::Duplicate => 2,
            Self::Refused => 3,
            Self::Full => 4,
            Self::Unwanted => 5,
            Self::Oneself => 6,
        }
    }

    pub(super) fn close(self, connection: &Connection) {
        connection.close(VarInt::from_u32(self.code()), b"");
    }
}

/// What a station is on the wire for the life of one ticket.
#[derive(Clone)]
pub(super) struct TlsIdentity {
    pub(super) key: VerifyingKey,
    pub(super) valid_until: Timestamp,
    pub(super) server: ServerConfig,
    pub(super) client: ClientConfig,
}

impl TlsIdentity {
    pub(super) fn new(
        seed: &[u8; 32],
        valid_until: Timestamp,
        config: &Config,
    ) -> Result<Self, rustls::Error> {
        let (server, client) = tls::configs(seed)?;
        let transport = Arc::new(transport_config(config));
        let no_suite = |_| rustls::Error::General("no initial cipher suite".to_owned());

        let crypto = QuicServerConfig::try_from(server).map_err(no_suite)?;
        let mut server = ServerConfig::with_crypto(Arc::new(crypto));
        server
            .transport_config(transport.clone())
            .migration(config.migration)
            .retry_token_lifetime(RETRY_TOKEN_LIFETIME)
            .max_incoming(config.handshakes_max.max(1))
            .incoming_buffer_size(INCOMING_BUFFER_LEN)
            .incoming_buffer_size_total(INCOMING_BUFFERS_LEN);
        // A token for a later connection would tie that one to this ticket.
        server.validation_token.sent(0);

        let crypto = QuicClientConfig::try_from(client).map_err(no_suite)?;
        let mut client = ClientConfig::new(Arc::new(crypto));
        client
            .transport_config(transport)
            .token_store(Arc::new(NoneTokenStore));
        Ok(Self {
            key: SigningKey::from_seed(seed).verifying_key(),
            valid_until,
            server,
            client,
        })
    }
}

/// Limits of one connection. Each allowed stream costs memory from the start, so few are.
pub(super) fn transport_config(config: &Config) -> TransportConfig {
    // Each acknowledgement wakes the other side; what is late anyway is not worth it.
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements.ack_eliciting_threshold(VarInt::from_u32(ACKNOWLEDGED_AT_ONCE));
    let mut transport = TransportConfig::default();
    let idle_timeout = config.idle_timeout();
    transport
        .max_concurrent_uni_streams(VarInt::from_u32(UNI_STREAMS_MAX))
        .max_concurrent_bidi_streams(VarInt::from_u32(BIDI_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_LEN))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_LEN))
        .send_window(u64::from(CONNECTION_WINDOW_LEN))
        .crypto_buffer_size(CRYPTO_BUFFER_LEN)
        .max_idle_timeout(Some(
            IdleTimeout::try_from(idle_timeout).expect("at most 10 s"),
        ))
        .keep_alive_interval(Some(idle_timeout / 3))
        // Datagrams are at most 1 100 bytes, which every path carries.
        .mtu_discovery_config(None)
        .datagram_send_buffer_size(config.datagram_send_buffer_len)
        .datagram_receive_buffer_size(Some(config.datagram_receive_buffer_len))
        .ack_frequency_config(Some(acknowledgements));
    transport
}

/// Opens the endpoint, which accepts nobody yet. Without a key that outlives it, nobody is told when it
/// is gone.
pub(super) fn open_endpoint(
    listen: SocketAddr,
    reset_key: Option<ResetKey>,
) -> io::Result<Endpoint> {
    let socket = Socket::new(
        Domain::for_address(listen),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if listen.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_recv_buffer_size(SOCKET_BUFFER_LEN)?;
    socket.set_send_buffer_size(SOCKET_BUFFER_LEN)?;
    socket.bind(&listen.into())?;
    let mut config = EndpointConfig::default();
    // Version 1 alone, without the drafts that quinn also speaks.
    config.supported_versions(vec![QUIC_VERSION_1]);
    if let Some(reset_key) = reset_key {
        reset_key.enter(&mut config);
    }
    let socket = Arc::new(udp::Socket::new(socket.into())?);
    Endpoint::new_with_abstract_socket(config, None, socket, Arc::new(TokioRuntime))
}

/// The key that the peer proved in the handshake.
pub(super) fn peer_key(connection: &Connection) -> Option<VerifyingKey> {
    let identity = connection.peer_identity()?;
    let chain = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    tls::key_from_spki(chain.first()?).ok()
}

/// Most bytes that a stream may bring: a hazard with everything around it.
pub(super) const STREAM_LEN_MAX: usize = 8 * 1024 + 256;

const UNI_STREAMS_MAX: u32 = 32;
const BIDI_STREAMS_MAX: u32 = 8;
const STREAM_WINDOW_LEN: u32 = 16 * 1024;
const CONNECTION_WINDOW_LEN: u32 = 128 * 1024;
const CRYPTO_BUFFER_LEN: usize = 8 * 1024;
/// What each socket asks the system for, in bytes, to hear and to speak.
pub const SOCKET_BUFFER_LEN: usize = 1024 * 1024;
const INCOMING_BUFFER_LEN: u64 = 16 * 1024;
const INCOMING_BUFFERS_LEN: u64 = 256 * 1024;
/// Packets that may wait for one acknowledgement of all, for 25 ms at most
/// (draft-ietf-quic-ack-frequency).
pub const ACKNOWLEDGED_AT_ONCE: u32 = 9;
const RETRY_TOKEN_LIFETIME: Duration = Duration::from_secs(10);
const QUIC_VERSION_1: u32 = 1;

/// What the certificate's name would be if there were one; it is not sent.
pub(super) const SERVER_NAME: &str = "wayside.invalid";
