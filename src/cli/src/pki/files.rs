use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};
use vehicle_agent::identity::read_trust_domain;
use wayside::{
    crypto::SigningKey,
    security::{Issuer, TrustDomain},
    serve::{from_hex, to_hex, write_private},
};

/// Where everything of a trust domain lies.
pub(super) struct Layout {
    root: PathBuf,
}

/// A private key's file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    warning: String,
    id: u16,
    key: String,
}

impl Layout {
    /// Makes the folder of a new trust domain.
    pub(super) fn create(root: &Path) -> anyhow::Result<Self> {
        make_private_folder(root)?;
        let root = root.canonicalize()?;
        let is_empty = fs::read_dir(&root)?.next().is_none();
        ensure!(
            is_empty,
            "{} is not empty: nothing is overwritten",
            root.display()
        );
        Ok(Self { root })
    }

    /// The folder of a trust domain that is there.
    pub(super) fn open(root: &Path) -> anyhow::Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot use {}", root.display()))?;
        Ok(Self { root })
    }

    pub(super) fn trust_domain(&self) -> PathBuf {
        self.root.join("trust-domain.toml")
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// A vehicle's folder.
    pub(super) fn vehicle(&self, name: &str) -> anyhow::Result<PathBuf> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(is_plain);
        ensure!(
            is_name && !["tls", "keys"].contains(&name) && !name.starts_with("unit-"),
            "{name:?} is no name for a vehicle: use 1 to 64 letters, digits, - and _"
        );
        Ok(self.root.join(name))
    }

    /// Makes a vehicle's folders and its enrolment key.
    pub(super) fn enrol(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.vehicle(name)?;
        if folder.exists() {
            bail!(
                "{} is there already: nothing is overwritten",
                folder.display()
            );
        }
        for part in [&folder, &folder.join(TICKETS), &folder.join("state")] {
            make_private_folder(part)?;
        }
        write_key(&folder.join("enrolment.key"), &SigningKey::generate())?;
        Ok(folder)
    }

    pub(super) fn write_domain(
        &self,
        domain: &TrustDomain,
        issuer: &SigningKey,
    ) -> anyhow::Result<()> {
        write_key(&self.issuer(), issuer)?;
        let text = format!("# {WARNING}\n{}", domain.to_toml());
        fs::write(self.trust_domain(), text)?;
        Ok(())
    }

    pub(super) fn read_issuer(&self) -> anyhow::Result<(TrustDomain, Issuer)> {
        let domain = read_trust_domain(&self.trust_domain())?;
        let path = self.issuer();
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read the issuer's key {}", path.display()))?;
        // The parser's message would show the key.
        let text: KeyText = toml::from_str(&text)
            .ok()
            .with_context(|| format!("{} is not an issuer's key", path.display()))?;
        let seed: [u8; 32] = from_hex(&text.key)
            .and_then(|seed| seed.as_slice().try_into().ok())
            .with_context(|| format!("{} has no key of 64 digits", path.display()))?;
        let issuer = Issuer::new(SigningKey::from_seed(&seed), text.id, &domain);
        Ok((domain, issuer))
    }

    fn issuer(&self) -> PathBuf {
        self.root.join("issuer.key")
    }
}

/// Makes a folder that only its owner may enter, if it is not there.
pub(super) fn make_private_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make {}", path.display()))
}

/// A path as TOML writes text.
pub(super) fn quoted(path: &Path) -> String {
    toml::Value::String(path.display().to_string()).to_string()
}

fn write_key(path: &Path, key: &SigningKey) -> anyhow::Result<()> {
    let text = KeyText {
        warning: WARNING.to_owned(),
        id: ISSUER_ID,
        key: to_hex(key.to_seed().as_slice()),
    };
    Ok(write_private(path, toml::to_string(&text)?.as_bytes())?)
}

pub(super) const ISSUER_ID: u16 = 1;
pub(super) const TICKETS: &str = "tickets";
pub(super) const WARNING: &str =
    "DEVELOPMENT: one issuer holds every role, so no promise about tickets holds. Never on a road.";
