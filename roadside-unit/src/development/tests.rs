use std::{fs, os::unix::fs::PermissionsExt as _};

use tempfile::TempDir;
use wayside::{
    ledger::{AccountKey, Genesis, Role},
    security::UnitCertificate,
    serve::read_key,
    time::Timestamp,
};

use super::{Domain, Made, free_ports, make_domain, ports_from};

#[test]
fn everybody_has_the_key_that_the_genesis_names() {
    let (folder, made) = made(4);

    let text = fs::read_to_string(&made.genesis_file).unwrap();
    let genesis = Genesis::from_toml(&text).unwrap();
    assert_eq!(genesis, made.genesis);
    assert!(genesis.development);
    assert_eq!(genesis.committee().keys().len(), 4);
    for role in Role::ALL
        .into_iter()
        .filter(|role| *role != Role::Custodian)
    {
        let path = folder.path().join(format!("keys/{}.key", role.name()));
        let key = AccountKey::from(read_key(&path).unwrap().verifying_key());
        let grants = genesis.roles.iter();
        assert!(grants.clone().any(|it| it.key == key && it.role == role));
    }
    for unit in &made.units {
        let vote = AccountKey::from(read_key(&unit.vote_key).unwrap().verifying_key());
        assert!(genesis.committee().index(&vote).is_some());
        let custodian = read_key(&unit.custodian_key).unwrap().verifying_key();
        let custodian = AccountKey::from(custodian);
        let mut grants = genesis.roles.iter();
        assert!(grants.any(|it| it.key == custodian && it.role == Role::Custodian));
    }
}

#[test]
fn doors_are_certified_by_their_operators() {
    let (_folder, made) = made(2);
    let operators: Vec<_> = made
        .genesis
        .operators
        .iter()
        .map(|operator| operator.cold_key.admit().unwrap())
        .collect();
    let units = made.units.iter();
    let doors = units.map(|unit| (&unit.door_certificate, &unit.door_key));
    let followers = made.followers.iter();
    let doors = doors.chain(followers.map(|it| (&it.door_certificate, &it.door_key)));
    for (certificate, key) in doors {
        let bytes = fs::read(certificate).unwrap();
        let key = read_key(key).unwrap().verifying_key();
        let certificate = UnitCertificate::from_bytes(&bytes).unwrap();
        let verified = certificate.verify(made.genesis.chain(), &operators, &key, now());
        assert!(verified.is_ok(), "{verified:?}");
    }
}

#[test]
fn private_keys_are_private_and_nothing_is_overwritten() {
    let (folder, made) = made(1);
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for unit in &made.units {
        for path in [&unit.cold_key, &unit.vote_key, &unit.door_key] {
            assert_eq!(mode(path), 0o600);
        }
    }
    let before = fs::read(&made.genesis_file).unwrap();

    assert!(make_domain(folder.path(), &domain(1)).is_err());

    assert_eq!(fs::read(&made.genesis_file).unwrap(), before);
}

#[test]
fn no_two_units_share_a_port() {
    let found = free_ports(3).unwrap();
    let counted = ports_from(65_520, 3).unwrap();
    for ports in [found, counted] {
        let mut tcp: Vec<u16> = ports
            .iter()
            .flat_map(|it| [it.engine, it.grpc, it.metrics])
            .collect();
        tcp.sort_unstable();
        tcp.dedup();
        assert_eq!(tcp.len(), 9);
    }
    assert!(ports_from(65_530, 3).is_err());
}

fn made(units: u16) -> (TempDir, Made) {
    let folder = TempDir::new().unwrap();
    let made = make_domain(folder.path(), &domain(units)).unwrap();
    (folder, made)
}

fn domain(units: u16) -> Domain {
    Domain {
        name: "test".to_owned(),
        shards: 2,
        spare_shards: 1,
        ports: ports_from(20_000, units).unwrap(),
        followers: ports_from(30_000, 1).unwrap(),
        snapshot_interval: Domain::SNAPSHOT_INTERVAL,
        created: now(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_ms(1_763_800_000_000).unwrap()
}
