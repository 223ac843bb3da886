use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use wayside::{
    crypto::SigningKey, ledger::Genesis, security::UnitCertificate, serve::read_key,
    time::Timestamp, transport::door::DoorIdentity,
};

use super::StartError;
use crate::{
    config::{Config, Profile},
    development::{Domain, MadeUnit, make_domain, usual_ports},
};

/// Which ledger, whose unit, and where it keeps things.
pub(super) struct Opened {
    pub(super) genesis: Arc<Genesis>,
    /// The vote key, or that of a follower.
    pub(super) key: SigningKey,
    pub(super) folder: PathBuf,
    pub(super) door: Option<DoorIdentity>,
    /// The key of the custodian whose shares are kept here.
    pub(super) custodian: Option<SigningKey>,
}

struct Files {
    genesis: PathBuf,
    key: PathBuf,
    door: Option<(PathBuf, PathBuf)>,
    custodian: Option<PathBuf>,
}

/// Reads genesis and keys; makes them first, if the configuration leaves that to the unit.
pub(super) fn open(config: &Config, now: Timestamp) -> Result<Opened, StartError> {
    let folder = folder(config)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|source| StartError::File {
            path: folder.clone(),
            source,
        })?;
    let identity = &config.identity;
    let key = if config.is_validator() {
        &identity.vote_key
    } else {
        &identity.follower_key
    };
    let files = match (&identity.genesis, key) {
        (Some(genesis), Some(key)) => Files {
            genesis: genesis.clone(),
            key: key.clone(),
            door: config.door.key.clone().zip(config.door.certificate.clone()),
            custodian: identity.custodian_key.clone(),
        },
        (None, _) | (_, None) => own_files(&folder, now)?,
    };
    let genesis = Arc::new(read_genesis(&files.genesis)?);
    let key = read_key(&files.key)?;
    let custodian = files.custodian.as_deref().map(read_key).transpose()?;
    let wants_door = config.profile.has(Profile::Relay);
    let door = files
        .door
        .filter(|_| wants_door)
        .map(|(key, certificate)| read_door(&genesis, &key, &certificate, now))
        .transpose()?;
    Ok(Opened {
        genesis,
        key,
        folder,
        door,
        custodian,
    })
}

/// Where the unit keeps things.
pub(super) fn folder(config: &Config) -> Result<PathBuf, StartError> {
    match &config.storage.folder {
        Some(folder) => Ok(folder.clone()),
        None => usual_folder(),
    }
}

/// The files of the unit's own development ledger, made at its first start.
fn own_files(folder: &Path, now: Timestamp) -> Result<Files, StartError> {
    let own = folder.join("development");
    let genesis = own.join("genesis.toml");
    if !genesis.exists() {
        let domain = Domain {
            name: "development".to_owned(),
            shards: OWN_SHARDS,
            spare_shards: 0,
            ports: vec![usual_ports()],
            followers: Vec::new(),
            snapshot_interval: Domain::SNAPSHOT_INTERVAL,
            created: now,
        };
        make_domain(&own, &domain)?;
    }
    let unit = MadeUnit::in_folder(&own, 1, usual_ports());
    Ok(Files {
        genesis,
        key: unit.vote_key,
        door: Some((unit.door_key, unit.door_certificate)),
        // One that an earlier release made has none.
        custodian: Some(unit.custodian_key).filter(|path| path.exists()),
    })
}

fn read_genesis(path: &Path) -> Result<Genesis, StartError> {
    let text = fs::read_to_string(path).map_err(|source| StartError::File {
        path: path.to_owned(),
        source,
    })?;
    Genesis::from_toml(&text).map_err(|reason| StartError::Genesis {
        path: path.to_owned(),
        reason,
    })
}

/// Reads what vehicles will be shown, and checks it as they will.
fn read_door(
    genesis: &Genesis,
    key: &Path,
    certificate: &Path,
    now: Timestamp,
) -> Result<DoorIdentity, StartError> {
    let bytes = fs::read(certificate).map_err(|source| StartError::File {
        path: certificate.to_owned(),
        source,
    })?;
    let refused = |reason: String| StartError::DoorCertificate {
        path: certificate.to_owned(),
        reason,
    };
    let key = read_key(key)?;
    let parsed = UnitCertificate::from_bytes(&bytes).map_err(|error| refused(error.to_string()))?;
    let operators: Vec<_> = genesis
        .operators
        .iter()
        .filter_map(|operator| operator.cold_key.admit().ok())
        .collect();
    parsed
        .verify(genesis.chain(), &operators, &key.verifying_key(), now)
        .map_err(|error| refused(error.to_string()))?;
    Ok(DoorIdentity {
        key,
        certificate: parsed,
    })
}

fn usual_folder() -> Result<PathBuf, StartError> {
    if rustix::process::geteuid().is_root() {
        return Ok(FOLDER_OF_ROOT.into());
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    let base = state.or_else(home).ok_or(StartError::NoFolder)?;
    Ok(base.join("wayside/unit"))
}

const FOLDER_OF_ROOT: &str = "/var/lib/wayside/unit";
/// One to govern and one more, so that what crosses shards can be tried.
const OWN_SHARDS: u16 = 2;
