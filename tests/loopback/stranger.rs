//! A QUIC client that does what no vehicle would.

use std::{net::SocketAddr, sync::Arc};

use quinn::{ClientConfig, Connection, Endpoint, crypto::rustls::QuicClientConfig};
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime},
    sign::{CertifiedKey, SigningKey},
};
use wayside::{
    crypto,
    link::{ControlFrame, HelloFrame, PROTOCOL_VERSION, TicketBytes},
    security::Credential,
};

use super::vehicle::within;

/// How a stranger shows itself.
pub(crate) enum Identity {
    /// A raw Ed25519 key.
    RawKey([u8; 32]),
    /// A raw key of another kind, NIST P-256.
    RawEcdsa,
    /// An X.509 certificate of its own making, this many times in a row.
    Certificates(usize),
    /// Nothing.
    Nobody,
}

/// A client's TLS configuration.
pub(crate) fn tls(identity: &Identity, alpn: &[&[u8]]) -> rustls::ClientConfig {
    let raw_server = !matches!(identity, Identity::Certificates(_));
    let builder =
        rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Gullible { raw_server }));
    let mut config = match identity {
        Identity::RawKey(seed) => {
            let mut der = vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03];
            der.extend([0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]);
            der.extend(seed);
            let key = aws_lc_rs::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(der)).unwrap();
            builder.with_client_cert_resolver(raw(key))
        }
        Identity::RawEcdsa => {
            let key = rcgen::KeyPair::generate().unwrap();
            let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
            let key = aws_lc_rs::sign::any_ecdsa_type(&der).unwrap();
            builder.with_client_cert_resolver(raw(key))
        }
        Identity::Certificates(len) => {
            let made = rcgen::generate_simple_self_signed(vec!["stranger".to_owned()]).unwrap();
            let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
            let chain = vec![made.cert.der().clone(); *len];
            builder.with_client_auth_cert(chain, key.into()).unwrap()
        }
        Identity::Nobody => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

/// Dials; returns once the other side had time to judge the client's identity.
pub(crate) async fn dial(
    address: SocketAddr,
    tls: rustls::ClientConfig,
) -> Result<Connection, quinn::ConnectionError> {
    dial_with(address, quic(tls)).await
}

pub(crate) async fn dial_with(
    address: SocketAddr,
    config: ClientConfig,
) -> Result<Connection, quinn::ConnectionError> {
    let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let connecting = endpoint
        .connect_with(config, address, "stranger.invalid")
        .unwrap();
    within(connecting).await
}

pub(crate) fn quic(tls: rustls::ClientConfig) -> ClientConfig {
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

/// Connects as the holder of a ticket and says hello.
pub(crate) async fn enter(address: SocketAddr, credential: &Credential) -> Connection {
    let seed = *credential.key().to_seed();
    let connection = dial(
        address,
        tls(&Identity::RawKey(seed), &[wayside::transport::ALPN]),
    )
    .await
    .unwrap();
    let hello = ControlFrame::Hello(HelloFrame {
        version: PROTOCOL_VERSION,
        ticket: TicketBytes::Vehicle(Box::new(*credential.ticket().as_bytes())),
    });
    let (mut stream, _) = within(connection.open_bi()).await.unwrap();
    within(stream.write_all(&hello.encode())).await.unwrap();
    stream.finish().unwrap();
    connection
}

fn raw(key: Arc<dyn SigningKey>) -> Arc<AlwaysResolvesClientRawPublicKeys> {
    let spki = key.public_key().unwrap();
    let chain = vec![CertificateDer::from(spki.as_ref().to_vec())];
    Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(
        CertifiedKey::new(chain, key),
    )))
}

/// Believes everybody.
#[derive(Debug)]
struct Gullible {
    raw_server: bool,
}

impl ServerCertVerifier for Gullible {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.raw_server
    }
}

/// The seed of a key that nobody issued a ticket for.
pub(crate) fn unknown_seed() -> [u8; 32] {
    *crypto::SigningKey::generate().to_seed()
}
