use std::{fs, io, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd,
};
use rustix::io::Errno;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_stream::StreamExt as _;

use super::{Doors, Incoming, ListenError, Listener, accept::accept};
use crate::serve::{CallerIdentity, GrpcConfig as Config, TcpConfig, TlsFiles, tests::Part};

type GrpcConfig = Config<Part>;

#[tokio::test]
async fn a_local_process_is_known_by_its_user() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deep/agent.sock");
    let opened = open(&GrpcConfig::default(), path.clone()).await;
    let (listener, Doors { mut unix, .. }) = opened.unwrap();

    let _client = UnixStream::connect(listener.socket()).await.unwrap();
    let caller = unix.next().await.unwrap().unwrap().caller().clone();

    let own = rustix::process::geteuid().as_raw();
    assert!(matches!(caller.identity, CallerIdentity::LocalUser { user, .. } if user == own));
    assert_eq!(caller.role, Some(Part::Speaker));
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_a_living_one_is_not() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("agent.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let (listener, _doors) = open(&GrpcConfig::default(), path.clone()).await.unwrap();

    let second = open(&GrpcConfig::default(), path.clone()).await;

    assert!(matches!(second.err().unwrap(), ListenError::SocketInUse(named) if named == path));
    drop(listener);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("agent.sock");
    fs::write(&path, "precious").unwrap();

    assert!(open(&GrpcConfig::default(), path.clone()).await.is_err());

    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_certificate_of_the_authority_is_known_by_its_uri() {
    let pki = Pki::new();
    let (listener, mut incoming) = pki.open().await;
    let address = listener.tcp_address().unwrap();

    let good = pki.client(&pki.authority, 2999);
    let (client, passed) = tokio::join!(pki.connect(address, Some(&good)), incoming.next());

    client.unwrap();
    let caller = passed.unwrap().unwrap().caller().clone();
    assert_eq!(
        caller.identity,
        CallerIdentity::Certificate {
            uri: "wayside://role/speaker".to_owned()
        }
    );
    assert_eq!(caller.role, Some(Part::Speaker));
}

#[tokio::test]
async fn g1_no_expired_or_foreign_certificates_come_in() {
    let pki = Pki::new();
    let stranger = authority();
    let (listener, mut incoming) = pki.open().await;
    let address = listener.tcp_address().unwrap();

    let refused = [
        None,
        Some(pki.client(&pki.authority, 2001)),
        Some(pki.client(&stranger, 2999)),
    ];
    for credentials in &refused {
        let error = pki.connect(address, credentials.as_ref()).await;
        assert!(error.is_err());
    }
    // The next one to pass is the good one, so none of the others did.
    let good = pki.client(&pki.authority, 2999);
    let (client, passed) = tokio::join!(pki.connect(address, Some(&good)), incoming.next());
    client.unwrap();
    assert_eq!(passed.unwrap().unwrap().caller().role, Some(Part::Speaker));
}

#[tokio::test]
async fn g5_malformed_and_stalled_handshakes_do_not_close_the_door() {
    let pki = Pki::new();
    let (listener, mut incoming) = pki.open().await;
    let address = listener.tcp_address().unwrap();
    let mut garbage = TcpStream::connect(address).await.unwrap();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let _stalled = TcpStream::connect(address).await.unwrap();
    drop(TcpStream::connect(address).await.unwrap());

    let good = pki.client(&pki.authority, 2999);
    let (client, passed) = tokio::join!(pki.connect(address, Some(&good)), incoming.next());

    client.unwrap();
    assert_eq!(passed.unwrap().unwrap().caller().role, Some(Part::Speaker));
    let mut rest = Vec::new();
    // It is told so, or cut off.
    let _ = garbage.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn g5_a_lack_of_file_descriptors_passes() {
    let mut answers = [
        Err(Errno::MFILE.into()),
        Err(Errno::NFILE.into()),
        Err(io::ErrorKind::ConnectionAborted.into()),
        Ok(7),
        Ok(8),
    ]
    .into_iter();

    let accepted = accept(|| std::future::ready(answers.next().unwrap())).await;

    assert_eq!(accepted, 7);
}

#[tokio::test]
async fn renewed_certificates_are_read_again() {
    let pki = Pki::new();
    let (listener, mut incoming) = pki.open().await;
    let address = listener.tcp_address().unwrap();
    let successor = authority();
    let stale = pki.client(&pki.authority, 2999);
    fs::write(pki.file("authority.pem"), "damaged").unwrap();
    assert!(listener.reload().is_err());
    let (client, _) = tokio::join!(pki.connect(address, Some(&stale)), incoming.next());
    client.unwrap();

    fs::write(pki.file("authority.pem"), successor.pem()).unwrap();
    listener.reload().unwrap();

    assert!(pki.connect(address, Some(&stale)).await.is_err());
    let good = pki.client(&successor, 2999);
    let (client, passed) = tokio::join!(pki.connect(address, Some(&good)), incoming.next());
    client.unwrap();
    assert!(passed.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o3_certificates_change_under_clients_and_none_is_lost() {
    let pki = Arc::new(Pki::new());
    let (listener, mut incoming) = pki.open().await;
    let address = listener.tcp_address().unwrap();
    let good = pki.client(&pki.authority, 2999);
    let echoing = tokio::spawn(async move {
        while let Some(passed) = incoming.next().await {
            let (mut reading, mut writing) = tokio::io::split(passed.unwrap());
            // A client that has gone is no error here.
            tokio::spawn(async move { tokio::io::copy(&mut reading, &mut writing).await });
        }
    });
    let mut oldest = pki.connect(address, Some(&good)).await.unwrap();
    for _ in 0..20 {
        pki.renew();
        listener.reload().unwrap();
        let mut client = pki.connect(address, Some(&good)).await.unwrap();
        for stream in [&mut client, &mut oldest] {
            stream.write_all(b"words").await.unwrap();
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"words");
        }
    }
    echoing.abort();
}

#[tokio::test]
async fn files_of_certificates_are_named_when_they_are_bad() {
    for name in ["server.pem", "server.key", "authority.pem"] {
        let pki = Pki::new();
        fs::write(pki.file(name), "").unwrap();

        let message = open(&pki.config(), pki.file("agent.sock")).await;

        let message = message.err().unwrap().to_string();
        assert!(message.contains(name), "{message}");
    }
}

async fn open(
    config: &GrpcConfig,
    socket: PathBuf,
) -> Result<(Listener, Doors<Part>), ListenError> {
    Listener::open(config, socket).await
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A client's certificate and private key.
struct Credentials {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

struct Pki {
    folder: TempDir,
    authority: Authority,
}

impl Pki {
    fn new() -> Self {
        let pki = Self {
            folder: TempDir::new().unwrap(),
            authority: authority(),
        };
        pki.renew();
        fs::write(pki.file("authority.pem"), pki.authority.pem()).unwrap();
        pki
    }

    /// Gives the server another key with a certificate.
    fn renew(&self) {
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&key, &self.authority)
            .unwrap();
        fs::write(self.file("server.pem"), server.pem()).unwrap();
        fs::write(self.file("server.key"), key.serialize_pem()).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self) -> GrpcConfig {
        GrpcConfig {
            tcp: Some(TcpConfig {
                address: ([127, 0, 0, 1], 0).into(),
                tls: Some(TlsFiles {
                    certificate: self.file("server.pem"),
                    key: self.file("server.key"),
                    client_authority: self.file("authority.pem"),
                }),
            }),
            ..GrpcConfig::default()
        }
    }

    async fn open(&self) -> (Listener, Incoming<Part>) {
        let opened = open(&self.config(), self.file("agent.sock")).await;
        let (listener, doors) = opened.unwrap();
        (listener, doors.tcp.unwrap())
    }

    fn client(&self, issuer: &Authority, until_year: i32) -> Credentials {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.not_after = date_time_ymd(until_year, 1, 1);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.subject_alt_names = ["wayside://vehicle", "wayside://role/speaker"]
            .map(|uri| SanType::URI(uri.try_into().unwrap()))
            .to_vec();
        let certificate = params.signed_by(&key, issuer).unwrap();
        Credentials {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap(),
        }
    }

    /// Connects and waits until the server has judged the client.
    async fn connect(
        &self,
        address: SocketAddr,
        credentials: Option<&Credentials>,
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match credentials {
            Some(own) => config
                .with_client_auth_cert(vec![own.certificate.clone()], own.key.clone_key())
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?;
        // In TLS 1.3 a client is judged after its handshake is done; the server's first bytes are
        // its tickets or its alert.
        judged(&mut stream).await?;
        Ok(stream)
    }
}

async fn judged(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    let (transport, session) = stream.get_mut();
    transport.readable().await?;
    let mut bytes = [0; 4_096];
    let len = transport.try_read(&mut bytes)?;
    session.read_tls(&mut &bytes[..len])?;
    session.process_new_packets().map_err(io::Error::other)?;
    if len == 0 {
        Err(io::ErrorKind::UnexpectedEof.into())
    } else {
        Ok(())
    }
}

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}
