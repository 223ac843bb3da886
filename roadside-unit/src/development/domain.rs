use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{AccountKey, Genesis, GenesisContent, Limits, Operator, Role, RoleGrant, ShardEntry},
    security::{UnitCertificate, UnitOrder},
    serve::{write_key, write_private},
    time::Timestamp,
};

use super::{DevelopmentError, UnitPorts, WARNING};

/// What development ledger to make.
#[derive(Clone, Debug)]
pub struct Domain {
    /// What people call it.
    pub name: String,
    /// How many shards it has, at least one; the first one governs.
    pub shards: u16,
    /// How many more it can be given while it runs; they stand in the genesis, and take no vehicles yet.
    pub spare_shards: u16,
    /// One operator with one unit for each of these.
    pub ports: Vec<UnitPorts>,
    /// One unit without a vote for each of these; the operators own them in turn.
    pub followers: Vec<UnitPorts>,
    /// How many heights lie between two snapshots of the state.
    pub snapshot_interval: u64,
    /// When it is made.
    pub created: Timestamp,
}

impl Domain {
    /// A usual distance of snapshots: short, so that they are met in development.
    pub const SNAPSHOT_INTERVAL: u64 = 256;
}

/// A development ledger that was made.
#[derive(Debug)]
pub struct Made {
    /// Its genesis.
    pub genesis: Genesis,
    /// The genesis' file.
    pub genesis_file: PathBuf,
    /// The operators' units, in the order of their ports.
    pub units: Vec<MadeUnit>,
    /// The units without a vote, in the order of their ports.
    pub followers: Vec<MadeFollower>,
}

/// The folder of a unit without a vote.
#[derive(Clone, Debug)]
pub struct MadeFollower {
    /// The folder.
    pub folder: PathBuf,
    /// The file of the key by which it is known to those that it follows.
    pub key: PathBuf,
    /// The public half of that key.
    pub account: AccountKey,
    /// The file of the key that vehicles are shown.
    pub door_key: PathBuf,
    /// The file in which an operator's cold key certifies that.
    pub door_certificate: PathBuf,
    /// Its ports.
    pub ports: UnitPorts,
}

/// The folder of one operator's unit.
#[derive(Clone, Debug)]
pub struct MadeUnit {
    /// The folder.
    pub folder: PathBuf,
    /// The file of the key that governs.
    pub cold_key: PathBuf,
    /// The file of the key that votes.
    pub vote_key: PathBuf,
    /// The file of the key that vehicles are shown.
    pub door_key: PathBuf,
    /// The file in which the cold key certifies that.
    pub door_certificate: PathBuf,
    /// The file of the key with which the operator is a custodian of records' keys.
    pub custodian_key: PathBuf,
    /// The file of the key with which the operator takes part in issuing tickets.
    pub issuing_key: PathBuf,
    /// Its ports.
    pub ports: UnitPorts,
}

impl MadeUnit {
    /// The unit with this number, from 1, of the development ledger in a folder.
    pub fn in_folder(folder: &Path, number: u16, ports: UnitPorts) -> Self {
        let folder = folder.join(format!("unit-{number}"));
        Self {
            cold_key: folder.join("cold.key"),
            vote_key: folder.join("vote.key"),
            door_key: folder.join("door.key"),
            door_certificate: folder.join("door.certificate"),
            custodian_key: folder.join("custodian.key"),
            issuing_key: folder.join("issuing.key"),
            folder,
            ports,
        }
    }
}

struct OperatorKeys {
    cold: SigningKey,
    vote: SigningKey,
    door: SigningKey,
    custodian: SigningKey,
    issuing: SigningKey,
}

/// Makes a development ledger's files below a folder; nothing that is there is overwritten.
///
/// `genesis.toml`, `keys/<role>.key` for every role but `custodian` and for two owners without one, and
/// for each operator a folder `unit-<number>` with its keys, one of which is a custodian's.
pub fn make_domain(folder: &Path, domain: &Domain) -> Result<Made, DevelopmentError> {
    make_folder(folder)?;
    let keys: Vec<OperatorKeys> = domain
        .ports
        .iter()
        .map(|_| OperatorKeys {
            cold: SigningKey::generate(),
            vote: SigningKey::generate(),
            door: SigningKey::generate(),
            custodian: SigningKey::generate(),
            issuing: SigningKey::generate(),
        })
        .collect();
    let mut roles = write_roles(&folder.join("keys"))?;
    roles.extend(custodians(&keys));
    let genesis = genesis(domain, &keys, roles)?;
    let units = (1..)
        .zip(keys.iter().zip(&domain.ports))
        .map(|(number, (keys, ports))| {
            write_unit(MadeUnit::in_folder(folder, number, *ports), keys, &genesis)
        })
        .collect::<Result<_, _>>()?;
    let owners = keys.iter().cycle();
    let followers = (1..)
        .zip(domain.followers.iter().zip(owners))
        .map(|(number, (ports, owner))| {
            let folder = folder.join(format!("follower-{number}"));
            write_follower(folder, *ports, &owner.cold, &genesis)
        })
        .collect::<Result<_, _>>()?;
    // Last, since whoever finds a genesis takes the rest to be there.
    let genesis_file = folder.join("genesis.toml");
    let text = format!("# {WARNING}\n{}", genesis.to_toml());
    let unready = genesis_file.with_extension("tmp");
    fs::write(&unready, text)
        .and_then(|()| fs::rename(&unready, &genesis_file))
        .map_err(unusable(&genesis_file))?;
    Ok(Made {
        genesis,
        genesis_file,
        units,
        followers,
    })
}

fn genesis(
    domain: &Domain,
    keys: &[OperatorKeys],
    roles: Vec<RoleGrant>,
) -> Result<Genesis, DevelopmentError> {
    let open = domain.shards.max(1);
    let shards = 0..open.saturating_add(domain.spare_shards);
    let shard_of_bucket = |bucket: u16| ShardId(bucket % open);
    let mut buckets = [ShardId::GOVERNANCE; 256];
    for (bucket, shard) in (0..).zip(&mut buckets) {
        *shard = shard_of_bucket(bucket);
    }
    let operators = (1..)
        .zip(keys.iter().zip(&domain.ports))
        .map(|(number, (keys, ports))| {
            let address = format!("127.0.0.1:{}", ports.engine);
            let addresses: BTreeMap<ShardId, String> = shards
                .clone()
                .map(|shard| (ShardId(shard), address.clone()))
                .collect();
            Operator {
                name: operator_name(number),
                cold_key: AccountKey::from(keys.cold.verifying_key()),
                vote_key: AccountKey::from(keys.vote.verifying_key()),
                addresses,
            }
        })
        .collect();
    let limits = Limits::default();
    let mut content = GenesisContent {
        version: GenesisContent::VERSION,
        name: domain.name.clone(),
        development: true,
        // Older than a heartbeat, so that every shard makes its first block at once.
        created: domain
            .created
            .saturating_sub(Duration::from_millis(limits.heartbeat_ms.into())),
        snapshot_interval: domain.snapshot_interval,
        buckets,
        shards: shards
            .map(|shard| ShardEntry {
                id: ShardId(shard),
                weight: u32::from(shard < open),
            })
            .collect(),
        operators,
        roles,
        limits,
    };
    content.sort();
    Ok(Genesis::new(content)?)
}

/// Every operator is a custodian of records' keys, with a key of its own.
fn custodians(keys: &[OperatorKeys]) -> impl Iterator<Item = RoleGrant> {
    (1..).zip(keys).map(|(number, keys)| RoleGrant {
        key: AccountKey::from(keys.custodian.verifying_key()),
        role: Role::Custodian,
        name: operator_name(number),
    })
}

/// Writes a key for every role but the operators' own, and for two owners.
fn write_roles(folder: &Path) -> Result<Vec<RoleGrant>, DevelopmentError> {
    make_folder(folder)?;
    let mut grants = Vec::new();
    for role in Role::ALL
        .into_iter()
        .filter(|role| *role != Role::Custodian)
    {
        let key = SigningKey::generate();
        write_key(&folder.join(format!("{}.key", role.name())), &key, WARNING)?;
        grants.push(RoleGrant {
            key: AccountKey::from(key.verifying_key()),
            role,
            name: format!("development {}", role.name()),
        });
    }
    for owner in OWNERS {
        let key = SigningKey::generate();
        write_key(&folder.join(format!("{owner}.key")), &key, WARNING)?;
    }
    Ok(grants)
}

fn write_unit(
    unit: MadeUnit,
    keys: &OperatorKeys,
    genesis: &Genesis,
) -> Result<MadeUnit, DevelopmentError> {
    make_folder(&unit.folder)?;
    write_key(&unit.cold_key, &keys.cold, WARNING)?;
    write_key(&unit.vote_key, &keys.vote, WARNING)?;
    write_key(&unit.door_key, &keys.door, WARNING)?;
    write_key(&unit.custodian_key, &keys.custodian, WARNING)?;
    write_key(&unit.issuing_key, &keys.issuing, WARNING)?;
    certify_door(&unit.door_certificate, &keys.cold, &keys.door, genesis)?;
    Ok(unit)
}

fn write_follower(
    folder: PathBuf,
    ports: UnitPorts,
    owner: &SigningKey,
    genesis: &Genesis,
) -> Result<MadeFollower, DevelopmentError> {
    make_folder(&folder)?;
    let (key, door) = (SigningKey::generate(), SigningKey::generate());
    let made = MadeFollower {
        key: folder.join("follower.key"),
        account: AccountKey::from(key.verifying_key()),
        door_key: folder.join("door.key"),
        door_certificate: folder.join("door.certificate"),
        folder,
        ports,
    };
    write_key(&made.key, &key, WARNING)?;
    write_key(&made.door_key, &door, WARNING)?;
    certify_door(&made.door_certificate, owner, &door, genesis)?;
    Ok(made)
}

/// Has an operator's cold key certify the key that a unit shows to vehicles.
pub fn certify_door(
    path: &Path,
    cold: &SigningKey,
    door: &SigningKey,
    genesis: &Genesis,
) -> Result<(), DevelopmentError> {
    let certificate = UnitCertificate::issue(
        cold,
        &UnitOrder {
            chain: genesis.chain(),
            key: door.verifying_key(),
            valid_from: genesis.created.saturating_sub(CERTIFICATE_BEFORE),
            valid_until: genesis.created.saturating_add(CERTIFICATE_AFTER),
        },
    );
    write_private(path, certificate.as_bytes()).map_err(unusable(path))
}

fn make_folder(path: &Path) -> Result<(), DevelopmentError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(unusable(path))
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> DevelopmentError {
    let path = path.to_owned();
    |source| DevelopmentError::Unusable { path, source }
}

fn operator_name(number: u16) -> String {
    format!("operator-{number}")
}

const CERTIFICATE_AFTER: Duration = Duration::from_secs(366 * 86_400);
const CERTIFICATE_BEFORE: Duration = Duration::from_secs(2 * 86_400);
/// Two people who own vehicles; nobody needs a role for that.
const OWNERS: [&str; 2] = ["owner", "buyer"];
