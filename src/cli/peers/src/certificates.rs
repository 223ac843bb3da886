use std::{fs, path::Path};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Makes an authority and a server's certificate for `localhost`, both for this run only.
pub(crate) fn write(folder: &Path) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    fs::write(folder.join(AUTHORITY), authority.self_signed(&key)?.pem())?;
    let authority = Issuer::new(authority, key);
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server = server.signed_by(&key, &authority)?;
    fs::write(folder.join(CERTIFICATE), server.pem())?;
    fs::write(folder.join(KEY), key.serialize_pem())?;
    Ok(())
}

/// A file's path as text.
pub(crate) fn path(folder: &Path, name: &str) -> anyhow::Result<String> {
    let path = folder.join(name);
    Ok(path.to_str().context("a path that is text")?.to_owned())
}

pub(crate) const AUTHORITY: &str = "authority.pem";
pub(crate) const CERTIFICATE: &str = "server.pem";
pub(crate) const KEY: &str = "server.key";
