use std::{sync::Arc, time::Duration};

use quinn::{
    IdleTimeout, NoneTokenStore, TransportConfig, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rustls::{
    Error,
    client::Resumption,
    server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage},
};

use super::{ClientConfig, ServerConfig};
use crate::{
    crypto::SigningKey,
    transport::tls::{RawKeyVerifier, certified_key, provider},
};

/// The protocol that both sides must name in the handshake.
pub const DOOR_ALPN: &[u8] = b"wayside-ledger/1";

/// The unit's half: it shows its key and asks for none.
pub(super) fn server_config(
    key: &SigningKey,
    config: &ServerConfig,
) -> Result<quinn::ServerConfig, Error> {
    let mut server = quinn::ServerConfig::with_crypto(server_crypto(key)?);
    server
        .transport_config(Arc::new(transport(SERVER_WINDOW_LEN, REQUESTS_MAX)))
        .migration(false)
        .max_incoming(config.handshakes_max.max(1))
        .incoming_buffer_size(INCOMING_BUFFER_LEN)
        .incoming_buffer_size_total(INCOMING_BUFFERS_LEN);
    // A token for a later connection would tie that one to this.
    server.validation_token.sent(0);
    Ok(server)
}

/// The same with another key. Whoever was told to come again under the old one still may.
pub(super) fn renewed(
    before: &quinn::ServerConfig,
    key: &SigningKey,
    config: &ServerConfig,
) -> Result<quinn::ServerConfig, Error> {
    let mut server = before.clone();
    server.crypto = server_crypto(key)?;
    server.max_incoming(config.handshakes_max.max(1));
    Ok(server)
}

fn server_crypto(key: &SigningKey) -> Result<Arc<QuicServerConfig>, Error> {
    let key = certified_key(&key.to_seed())?;
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key)));
    tls.alpn_protocols = vec![DOOR_ALPN.to_vec()];
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    tls.max_early_data_size = 0;
    Ok(Arc::new(QuicServerConfig::try_from(tls).map_err(no_suite)?))
}

/// The car's half: it shows nothing.
pub(super) fn client_config(config: &ClientConfig) -> Result<quinn::ClientConfig, Error> {
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(RawKeyVerifier))
        .with_no_client_auth();
    tls.alpn_protocols = vec![DOOR_ALPN.to_vec()];
    tls.resumption = Resumption::disabled();
    tls.enable_early_data = false;
    tls.enable_sni = false;
    let crypto = QuicClientConfig::try_from(tls).map_err(no_suite)?;
    let mut client = quinn::ClientConfig::new(Arc::new(crypto));
    let window = CLIENT_WINDOW_LEN.min(u32::try_from(config.answer_bytes_max).unwrap_or(u32::MAX));
    client
        .transport_config(Arc::new(transport(window.max(SERVER_WINDOW_LEN), 0)))
        .token_store(Arc::new(NoneTokenStore));
    Ok(client)
}

/// Limits of one connection: the unit opens one uni stream, for its certificate, and the car as
/// many bidi streams as it has requests at one time. A car that waits for an answer keeps the
/// connection alive; how long a unit bears that is in its configuration.
fn transport(window: u32, requests: u32) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let is_client = requests == 0;
    let uni = u32::from(is_client);
    transport
        .max_concurrent_uni_streams(VarInt::from_u32(uni))
        .max_concurrent_bidi_streams(VarInt::from_u32(requests))
        .stream_receive_window(VarInt::from_u32(window))
        .receive_window(VarInt::from_u32(window.saturating_mul(2)))
        .send_window(u64::from(CLIENT_WINDOW_LEN))
        .crypto_buffer_size(CRYPTO_BUFFER_LEN)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS))))
        .keep_alive_interval(is_client.then_some(KEEP_ALIVE))
        .mtu_discovery_config(None)
        .datagram_receive_buffer_size(None);
    transport
}

fn no_suite(_: quinn::crypto::rustls::NoInitialCipherSuite) -> Error {
    Error::General("no initial cipher suite".to_owned())
}

/// Requests of one connection at one time; further ones wait.
const REQUESTS_MAX: u32 = 8;
const SERVER_WINDOW_LEN: u32 = 64 * 1024;
const CLIENT_WINDOW_LEN: u32 = 1024 * 1024;
const CRYPTO_BUFFER_LEN: usize = 8 * 1024;
const IDLE_MS: u32 = 10_000;
/// Two of them may be lost before the connection is.
const KEEP_ALIVE: Duration = Duration::from_secs(4);
const INCOMING_BUFFER_LEN: u64 = 16 * 1024;
const INCOMING_BUFFERS_LEN: u64 = 256 * 1024;
