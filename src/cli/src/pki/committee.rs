use std::{
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use clap::Args;
use roadside_unit::{
    Role,
    development::{
        Domain, Made, MadeFollower, MadeUnit, UnitPorts, free_ports, make_domain, ports_from,
    },
};
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    serve::{Role as _, write_key},
    time::Timestamp,
};

use super::{
    files::{WARNING, quoted},
    tls::Authority,
};
use crate::ledger::Secret;

/// The ledger of a trust domain.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Committee {
    /// How many operators keep a ledger, each with one roadside unit; there is no ledger unless
    /// given. Its promises need four.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    operators: Option<u16>,
    /// How many roadside units more follow the ledger without a vote; the operators own them in turn.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "operators", value_parser = clap::value_parser!(u16).range(0..=16))]
    followers: u16,
    /// How many of the units also hand on what vehicles say, side by side along the main road of the
    /// bundled drive; vehicles then hear each other through them.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "operators", value_parser = clap::value_parser!(u16).range(0..=32))]
    relays: u16,
    /// How many shards the ledger has.
    #[arg(long, value_name = "N", default_value_t = 2, requires = "operators", value_parser = clap::value_parser!(u16).range(1..=64))]
    shards: u16,
    /// How many more shards can be opened while it runs (`wayside ledger weight`); until then they
    /// take no vehicles.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "operators", value_parser = clap::value_parser!(u16).range(0..=64))]
    spare_shards: u16,
    /// How many blocks lie between two snapshots of a shard's state, with which new units begin.
    #[arg(long, value_name = "N", default_value_t = Domain::SNAPSHOT_INTERVAL, requires = "operators", value_parser = clap::value_parser!(u64).range(1..))]
    snapshot_interval: u64,
    /// The first port of the first roadside unit; each takes four. Free ones are looked for unless
    /// given.
    #[arg(long, value_name = "PORT", requires = "operators")]
    base_port: Option<u16>,
}

impl Committee {
    /// One with free ports; none, for no operators.
    pub(crate) fn new(operators: u16, shards: u16) -> Self {
        Self {
            operators: Some(operators).filter(|count| *count > 0),
            followers: 0,
            relays: 0,
            shards,
            spare_shards: 0,
            snapshot_interval: Domain::SNAPSHOT_INTERVAL,
            base_port: None,
        }
    }

    /// Of whose units the first so many hand on what vehicles say.
    pub(crate) fn with_relays(self, relays: u16) -> Self {
        Self { relays, ..self }
    }

    pub(super) fn is_wanted(self) -> bool {
        self.operators.is_some()
    }

    /// Whether vehicles hear each other through units.
    pub(super) fn has_relays(self) -> bool {
        self.relays > 0
    }

    /// Makes genesis, keys, certificates and configurations; nothing, if no ledger is wanted.
    pub(super) fn make(
        self,
        root: &Path,
        authority: &Authority,
        start: Timestamp,
    ) -> anyhow::Result<Option<Made>> {
        let Some(operators) = self.operators else {
            return Ok(None);
        };
        let units = operators + self.followers;
        ensure!(
            self.relays <= units,
            "{} relays are more than the {units} units",
            self.relays
        );
        let mut ports: Vec<UnitPorts> = match self.base_port {
            Some(first) => ports_from(first, units)?,
            None => free_ports(units)?,
        };
        let followers = ports.split_off(usize::from(operators));
        let domain = Domain {
            name: "development".to_owned(),
            shards: self.shards,
            spare_shards: self.spare_shards,
            ports,
            followers,
            snapshot_interval: self.snapshot_interval,
            created: start,
        };
        let made = make_domain(root, &domain)?;
        for role in Role::ALL {
            authority.issue_client(&root.join("tls"), &role.to_string())?;
        }
        let units = made.units.iter().map(Kept::validator);
        let units = units.chain(made.followers.iter().map(Kept::follower));
        for (number, unit) in (0..).zip(units) {
            authority.issue_server(unit.folder, "unit")?;
            let mut text = configuration(&made, &unit, root)?;
            if number < self.relays {
                let relays = relays(&made, self.relays);
                text.push_str(&relay(&relays, number, &root.join("trust-domain.toml"))?);
            }
            fs::write(unit.folder.join("unit.toml"), text)
                .with_context(|| format!("cannot write to {}", unit.folder.display()))?;
        }
        Ok(Some(made))
    }
}

/// What has a vehicle's agent hear others through the relays; nothing, if there are none.
pub(super) fn write_roadside(committee: Committee, made: &Made) -> anyhow::Result<String> {
    let mut text = String::new();
    let relays = relays(made, committee.relays);
    if !relays.is_empty() {
        let relays: Vec<String> = relays.iter().map(|it| format!("\"{it}\"")).collect();
        writeln!(text, "\n[roadside]")?;
        writeln!(text, "units = [{}]", relays.join(", "))?;
    }
    Ok(text)
}

/// Where the first units relay.
fn relays(made: &Made, count: u16) -> Vec<SocketAddr> {
    let ports = made.units.iter().map(|unit| unit.ports);
    let ports = ports.chain(made.followers.iter().map(|unit| unit.ports));
    let ports = ports.take(count.into());
    let addresses = ports.map(|ports| SocketAddr::from((Ipv4Addr::LOCALHOST, ports.relay)));
    addresses.collect()
}

/// The section of one of the relays, which stand in a row; each keeps up a connection to the one before.
fn relay(relays: &[SocketAddr], number: u16, trust_domain: &Path) -> anyhow::Result<String> {
    let index = usize::from(number);
    let own = relays.get(index).context("a relay has an address")?;
    let before = index.checked_sub(1).and_then(|index| relays.get(index));
    let before = before.map(|address| format!("\"{address}\""));
    let count = f64::from(u16::try_from(relays.len()).unwrap_or(u16::MAX));
    let share_m = ROAD_M / count;
    let east_m = (f64::from(number) + 0.5) * share_m - ROAD_M / 2.0;
    let longitude_deg = ROAD_LONGITUDE_DEG + east_m / DEGREE_M;
    let mut text = String::new();
    writeln!(text, "\n[relay]")?;
    writeln!(text, "listen = \"{own}\"")?;
    writeln!(
        text,
        "position = {{ latitude_deg = {ROAD_LATITUDE_DEG:.1}, longitude_deg = {longitude_deg:.7} }}"
    )?;
    writeln!(text, "radius_m = {:.0}", share_m / 2.0 + OVERLAP_M)?;
    writeln!(text, "neighbours = [{}]", before.unwrap_or_default())?;
    writeln!(text, "trust_domain = {}", quoted(trust_domain))?;
    Ok(text)
}

/// What lets a vehicle be brought to the ledger: who owns it and which vehicle it is.
///
/// Vehicles are at home in all open shards in turn.
pub(super) fn write_vehicle(made: &Made, folder: &Path, number: u16) -> anyhow::Result<String> {
    write_key(&folder.join("owner.key"), &SigningKey::generate(), WARNING)?;
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).context("no randomness")?;
    let open = made.genesis.shards.iter().filter(|it| it.weight > 0);
    let homes: Vec<ShardId> = open.map(|shard| shard.id).collect();
    let home = homes
        .iter()
        .cycle()
        .nth(usize::from(number))
        .context("a ledger has shards")?;
    let vin = format!("WVSDEV{:011}", u32::from(number) + 1);
    let secret = Secret::make(&folder.join("vehicle.toml"), *home, salt, vin)?;
    let units = made.units.iter().map(|unit| unit.ports);
    let units = units.chain(made.followers.iter().map(|unit| unit.ports));
    let doors: Vec<String> = units
        .map(|ports| format!("\"127.0.0.1:{}\"", ports.door))
        .collect();
    let mut text = String::new();
    writeln!(text, "\n[ledger]")?;
    writeln!(text, "genesis = {}", quoted(&made.genesis_file))?;
    writeln!(text, "vehicle_id = \"{}\"", secret.vehicle)?;
    writeln!(
        text,
        "enrolment_key = {}",
        quoted(&folder.join("enrolment.key"))
    )?;
    writeln!(text, "units = [{}]", doors.join(", "))?;
    // A test does not wait to hide when it dials.
    writeln!(text, "jitter = \"0s\"")?;
    Ok(text)
}

/// What one unit's configuration is made from.
struct Kept<'a> {
    folder: &'a Path,
    ports: UnitPorts,
    profile: &'static str,
    /// The name and the file of the key that names it.
    key: (&'static str, &'a Path),
    custodian_key: Option<&'a Path>,
    issuing_key: Option<&'a Path>,
    door_key: &'a Path,
    door_certificate: &'a Path,
}

impl<'a> Kept<'a> {
    /// An operator's unit, which does everything that a unit can.
    fn validator(unit: &'a MadeUnit) -> Self {
        Self {
            folder: &unit.folder,
            ports: unit.ports,
            profile: "[\"relay\", \"validator\", \"archive\"]",
            key: ("vote_key", &unit.vote_key),
            custodian_key: Some(&unit.custodian_key),
            issuing_key: Some(&unit.issuing_key),
            door_key: &unit.door_key,
            door_certificate: &unit.door_certificate,
        }
    }

    /// A unit without a vote.
    fn follower(unit: &'a MadeFollower) -> Self {
        Self {
            folder: &unit.folder,
            ports: unit.ports,
            profile: "[\"relay\"]",
            key: ("follower_key", &unit.key),
            custodian_key: None,
            issuing_key: None,
            door_key: &unit.door_key,
            door_certificate: &unit.door_certificate,
        }
    }
}

fn configuration(made: &Made, unit: &Kept<'_>, root: &Path) -> anyhow::Result<String> {
    let file = |name: &str| quoted(&unit.folder.join(name));
    let ports = unit.ports;
    let authority: PathBuf = root.join("tls/authority.pem");
    let mut text = format!("# {WARNING}\nversion = \"v1\"\n");
    writeln!(text, "profile = {}", unit.profile)?;
    writeln!(text, "\n[identity]")?;
    writeln!(text, "genesis = {}", quoted(&made.genesis_file))?;
    let (name, key) = unit.key;
    writeln!(text, "{name} = {}", quoted(key))?;
    if let Some(key) = unit.custodian_key {
        writeln!(text, "custodian_key = {}", quoted(key))?;
    }
    if name == "vote_key" {
        writeln!(text, "\n[engine]")?;
        writeln!(text, "listen = \"127.0.0.1:{}\"", ports.engine)?;
        let followers = made.followers.iter();
        let followers: Vec<String> = followers.map(|it| format!("\"{}\"", it.account)).collect();
        writeln!(text, "followers = [{}]", followers.join(", "))?;
    }
    if let Some(key) = unit.issuing_key {
        writeln!(text, "\n[issuing]")?;
        writeln!(text, "keys = [{}]", quoted(key))?;
    }
    writeln!(text, "\n[storage]")?;
    writeln!(text, "folder = {}", file("data"))?;
    writeln!(text, "\n[door]")?;
    writeln!(text, "key = {}", quoted(unit.door_key))?;
    writeln!(text, "certificate = {}", quoted(unit.door_certificate))?;
    writeln!(text, "\n[door.server]")?;
    writeln!(text, "listen = \"127.0.0.1:{}\"", ports.door)?;
    writeln!(text, "\n[grpc]")?;
    writeln!(text, "socket = {}", file("unit.sock"))?;
    writeln!(text, "\n[grpc.tcp]")?;
    writeln!(text, "address = \"127.0.0.1:{}\"", ports.grpc)?;
    writeln!(text, "\n[grpc.tcp.tls]")?;
    writeln!(text, "certificate = {}", file("unit.pem"))?;
    writeln!(text, "key = {}", file("unit.key"))?;
    writeln!(text, "client_authority = {}", quoted(&authority))?;
    writeln!(text, "\n[metrics]")?;
    writeln!(text, "address = \"127.0.0.1:{}\"", ports.metrics)?;
    Ok(text)
}

/// The middle of the bundled drive's town, and how long its main road is, from west to east.
const ROAD_LATITUDE_DEG: f64 = 55.0;
const ROAD_LONGITUDE_DEG: f64 = 2.5;
const ROAD_M: f64 = 1_400.0;
/// A degree of longitude there.
const DEGREE_M: f64 = 63_850.0;
/// How far a relay serves beyond its share of the road, so that vehicles are handed over without a gap and
/// side roads are served.
const OVERLAP_M: f64 = 300.0;
