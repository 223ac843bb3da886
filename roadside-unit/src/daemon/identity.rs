use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::warn;
use wayside::{
    crypto::{SigningKey, VerifyingKey},
    id::ShardId,
    ledger::{Genesis, StateView as _},
    security::{UnitCertificate, UnitCertificateError},
    serve::read_key,
    time::Timestamp,
    transport::door::DoorIdentity,
};
use wayside_engine::Handle;

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
    /// The files of the door's key and certificate, if it is to be opened.
    pub(super) door: Option<DoorFiles>,
    /// The key of the custodian whose shares are kept here.
    pub(super) custodian: Option<SigningKey>,
    /// The files of the operator's issuing keys; none, if the unit issues nothing.
    pub(super) issuing: Vec<PathBuf>,
}

/// What vehicles are shown.
#[derive(Clone)]
pub(super) struct DoorFiles {
    pub(super) key: PathBuf,
    pub(super) certificate: PathBuf,
}

struct Files {
    genesis: PathBuf,
    key: PathBuf,
    door: Option<DoorFiles>,
    custodian: Option<PathBuf>,
    issuing: Vec<PathBuf>,
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
            door: DoorFiles::of(config),
            custodian: identity.custodian_key.clone(),
            issuing: config.issuing.keys.clone(),
        },
        (None, _) | (_, None) => own_files(&folder, now)?,
    };
    let genesis = Arc::new(read_genesis(&files.genesis)?);
    let key = read_key(&files.key)?;
    let custodian = files.custodian.as_deref().map(read_key).transpose()?;
    let wants_door = config.profile.has(Profile::Relay);
    Ok(Opened {
        genesis,
        key,
        folder,
        door: files.door.filter(|_| wants_door),
        custodian,
        issuing: files.issuing,
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
        door: Some(DoorFiles {
            key: unit.door_key,
            certificate: unit.door_certificate,
        }),
        // One that an earlier release made has none.
        custodian: Some(unit.custodian_key).filter(|path| path.exists()),
        issuing: [unit.issuing_key]
            .into_iter()
            .filter(|path| path.exists())
            .collect(),
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

impl DoorFiles {
    /// Those that the configuration names.
    pub(super) fn of(config: &Config) -> Option<Self> {
        let (key, certificate) = (config.door.key.clone(), config.door.certificate.clone());
        key.zip(certificate)
            .map(|(key, certificate)| Self { key, certificate })
    }

    /// Reads what vehicles will be shown, and checks it as they will.
    ///
    /// A certificate of an operator of whom nothing has been heard is believed for now: it may have
    /// joined in a block that this unit lacks yet, and vehicles judge for themselves.
    pub(super) fn read(
        &self,
        genesis: &Genesis,
        engine: &Handle,
        now: Timestamp,
    ) -> Result<DoorIdentity, StartError> {
        let bytes = fs::read(&self.certificate).map_err(|source| StartError::File {
            path: self.certificate.clone(),
            source,
        })?;
        let refused = |reason: UnitCertificateError| StartError::DoorCertificate {
            path: self.certificate.clone(),
            reason: reason.to_string(),
        };
        let key = read_key(&self.key)?;
        let certificate = UnitCertificate::from_bytes(&bytes).map_err(refused)?;
        let known = cold_keys(genesis, engine);
        match certificate.verify(genesis.chain(), &known, &key.verifying_key(), now) {
            Ok(_) => {}
            Err(UnitCertificateError::UnknownOperator) => {
                let path = self.certificate.display();
                warn!(%path, "no operator that this unit knows of has certified the door's key");
            }
            Err(reason) => return Err(refused(reason)),
        }
        Ok(DoorIdentity { key, certificate })
    }
}

/// The keys by which operators certify their units: as the ledger says now, or as it began where this
/// unit does not keep the governing shard.
fn cold_keys(genesis: &Genesis, engine: &Handle) -> Vec<VerifyingKey> {
    let keys: Vec<_> = match engine.tip(ShardId::GOVERNANCE) {
        Some(tip) => tip.state.operators().map(|(_, it)| it.cold_key).collect(),
        None => genesis.operators.iter().map(|it| it.cold_key).collect(),
    };
    keys.iter().filter_map(|key| key.admit().ok()).collect()
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
