use std::{path::Path, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
    version::TLS13,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use super::ListenError;
use crate::{
    serve::{CallerIdentity, Role, RoleConfig, TlsFiles},
    time::Timestamp,
};

/// The certificates of the TCP door, as they were last read.
pub(super) struct Tls {
    files: TlsFiles,
    current: ArcSwap<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    end: Option<Timestamp>,
}

impl Tls {
    pub(super) fn open(files: TlsFiles) -> Result<Self, ListenError> {
        let current = ArcSwap::from_pointee(read(&files)?);
        Ok(Self { files, current })
    }

    pub(super) fn reload(&self) -> Result<(), ListenError> {
        self.current.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().config))
    }

    pub(super) fn end(&self) -> Option<Timestamp> {
        self.current.load().end
    }
}

impl TlsFiles {
    /// Reads them as a daemon would, and returns when the daemon's certificate ends; `None` if it does
    /// not say.
    pub fn certificate_end(&self) -> Result<Option<Timestamp>, ListenError> {
        read(self).map(|current| current.end)
    }
}

/// Who a client is by its certificate, which the handshake has verified.
pub(super) fn identity<R: Role>(
    stream: &TlsStream<TcpStream>,
    roles: &RoleConfig<R>,
) -> CallerIdentity {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let uris = certificates.first().map(uris).unwrap_or_default();
    let named = uris
        .iter()
        .find(|uri| roles.certificates.contains_key(*uri));
    CallerIdentity::Certificate {
        uri: named.or(uris.first()).cloned().unwrap_or_default(),
    }
}

/// The URIs among the subject alternative names.
fn uris(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = parse_x509_certificate(certificate) else {
        return Vec::new();
    };
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::DNSName(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::IPAddress(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    };
    names.value.general_names.iter().filter_map(uri).collect()
}

fn read(files: &TlsFiles) -> Result<Current, ListenError> {
    let chain = read_certificates(&files.certificate)?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, error))?;
    let mut authorities = RootCertStore::empty();
    for authority in read_certificates(&files.client_authority)? {
        authorities
            .add(authority)
            .map_err(|error| unusable(&files.client_authority, error))?;
    }
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), Arc::clone(&provider))
            .build()
            .map_err(|error| unusable(&files.client_authority, error))?;
    let end = chain.first().and_then(end_of);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| unusable(&files.certificate, error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&files.key, error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Current {
        config: Arc::new(config),
        end,
    })
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(path, error))?;
    if certificates.is_empty() {
        return Err(unusable(path, "no certificate in it"));
    }
    Ok(certificates)
}

fn end_of(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let end_s = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Timestamp::from_unix_ms(end_s.checked_mul(1_000)?)
}

fn unusable(path: &Path, reason: impl ToString) -> ListenError {
    ListenError::Certificate {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
