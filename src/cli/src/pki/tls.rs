use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    time::Duration,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use vehicle_agent::Role;
use wayside::{
    serve::{Role as _, write_private},
    time::Timestamp,
};

use super::files::make_private_folder;

/// Signs the certificates of gRPC servers on this machine and of their clients.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    start: Timestamp,
}

impl Authority {
    /// Writes an authority, the certificate of the agents' gRPC servers on this machine, and one
    /// client certificate for each role.
    pub(super) fn write(folder: &Path, start: Timestamp) -> anyhow::Result<Self> {
        make_private_folder(folder)?;
        let issuer = authority(start)?;
        write_pair(folder, "authority", &issuer.pem(), issuer.key())?;
        let authority = Self { issuer, start };
        authority.issue_server(folder, "server")?;
        for role in Role::ALL {
            authority.issue_client(folder, &role.to_string())?;
        }
        Ok(authority)
    }

    /// Writes the certificate of a server on this machine.
    pub(super) fn issue_server(&self, folder: &Path, name: &str) -> anyhow::Result<()> {
        let mut server = params(name, self.start);
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        sign(folder, name, server, &self.issuer)
    }

    /// Writes the certificate of a client with a role.
    pub(super) fn issue_client(&self, folder: &Path, role: &str) -> anyhow::Result<()> {
        let mut client = params(role, self.start);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let uri = format!("wayside://role/{role}");
        client.subject_alt_names = vec![SanType::URI(uri.as_str().try_into()?)];
        sign(folder, role, client, &self.issuer)
    }
}

fn authority(start: Timestamp) -> anyhow::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = params("authority", start);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn params(name: &str, start: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Wayside DEVELOPMENT {name}"));
    let start = date_time_ymd(1970, 1, 1) + Duration::from_secs(start.unix_s());
    params.not_before = start - BEFORE;
    params.not_after = start + AFTER;
    params
}

fn sign(
    folder: &Path,
    name: &str,
    params: CertificateParams,
    authority: &CertifiedIssuer<'static, KeyPair>,
) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, authority)?;
    write_pair(folder, name, &certificate.pem(), &key)
}

fn write_pair(folder: &Path, name: &str, certificate: &str, key: &KeyPair) -> anyhow::Result<()> {
    fs::write(folder.join(format!("{name}.pem")), certificate)?;
    let key = key.serialize_pem();
    Ok(write_private(
        &folder.join(format!("{name}.key")),
        key.as_bytes(),
    )?)
}

const AFTER: Duration = Duration::from_secs(90 * 86_400);
const BEFORE: Duration = Duration::from_secs(86_400);
