use std::{fs, path::PathBuf};

use tempfile::TempDir;

use wayside::serve::{ConfigError, DaemonConfig as _, Override, Sources, load};

use super::Config;

#[test]
fn defaults_are_valid_and_shown_in_full() {
    let config = load::<Config>(&Sources::default()).unwrap();

    let shown = config.to_toml();

    assert_eq!(toml::from_str::<Config>(&shown).unwrap().to_toml(), shown);
    assert!(shown.contains("address = \"127.0.0.1:9464\""), "{shown}");
}

#[test]
fn flag_comes_before_environment_before_file_before_default() {
    let folder = TempDir::new().unwrap();
    let file = write(
        &folder,
        "[log]\nfilter = \"file\"\n[grpc]\nmode = \"0600\"\n[record]\nqueue_max = 7",
    );
    let mut sources = Sources {
        usual: PathBuf::new(),
        file: Some(file),
        environment: vec![
            variable("WAYSIDE__LOG__FILTER", "environment"),
            variable("WAYSIDE__GRPC__MODE", "0640"),
            variable("OTHER__GRPC__MODE", "0777"),
        ],
        flags: vec![flag("log-filter", "log.filter", "flag")],
    };

    let config = load::<Config>(&sources).unwrap();

    assert_eq!(config.log.filter, "flag");
    assert_eq!(config.grpc.mode.bits(), 0o640);
    assert_eq!(config.record.queue_max.get(), 7);
    assert_eq!(config.record.files_max.get(), 8);
    sources.flags.clear();
    assert_eq!(load::<Config>(&sources).unwrap().log.filter, "environment");
}

#[test]
fn unknown_key_is_named_with_its_file_and_the_nearest() {
    let folder = TempDir::new().unwrap();
    let file = write(&folder, "[grpc]\nsoket = \"/tmp/x\"");

    let message = refused(Sources {
        file: Some(file.clone()),
        ..Sources::default()
    });

    assert_eq!(
        message,
        format!(
            "unknown key grpc.soket in file {}: did you mean grpc.socket?",
            file.display()
        )
    );
}

#[test]
fn unknown_variable_is_named_with_the_nearest_key() {
    let message = refused(Sources {
        environment: vec![variable("WAYSIDE__METRIC__ADDRESS", "127.0.0.1:1")],
        ..Sources::default()
    });

    assert_eq!(
        message,
        "unknown key metric in environment variable WAYSIDE__METRIC__ADDRESS: did you mean metrics?"
    );
}

#[test]
fn bad_values_name_key_origin_and_range() {
    for (name, value, expected) in [
        ("WAYSIDE__GRPC__MODE", "0888", "\"0000\" to \"0777\""),
        ("WAYSIDE__RECORD__QUEUE_MAX", "0", "nonzero"),
        ("WAYSIDE__METRICS__ADDRESS", "nowhere", "socket address"),
        ("WAYSIDE__SHUTDOWN__GRACE", "soon", "expected a duration"),
        ("WAYSIDE__VERSION", "v2", "`v1`"),
    ] {
        let message = refused(Sources {
            environment: vec![variable(name, value)],
            ..Sources::default()
        });
        let key = name.strip_prefix("WAYSIDE__").unwrap().to_lowercase();
        let key = key.replace("__", ".");
        assert!(
            message.starts_with(&format!("bad value for {key} in")),
            "{message}"
        );
        assert!(
            message.contains(name) && message.contains(expected),
            "{message}"
        );
    }
}

#[test]
fn out_of_range_values_name_key_and_range() {
    let message = refused(Sources {
        flags: vec![flag("grace", "shutdown.grace", "2m")],
        ..Sources::default()
    });

    assert_eq!(message, "bad value for shutdown.grace: expected 0s to 60s");
}

#[test]
fn roadside_units_that_cannot_be_dialled_or_believed_are_refused() {
    let genesis = || flag("genesis", "ledger.genesis", "/etc/wayside/genesis.toml");
    let units = |unit: &str| Override {
        origin: "flag --unit".to_owned(),
        key: "roadside.units".to_owned(),
        value: vec![unit].into(),
    };
    for (unit, is_good) in [
        ("unit.example:7450", true),
        ("[2001:db8::1]:7450", true),
        ("unit.example", false),
        ("unit.example:0", false),
        (":7450", false),
        ("unit.example:99999", false),
    ] {
        let loaded = load::<Config>(&Sources {
            flags: vec![genesis(), units(unit)],
            ..Sources::default()
        });
        assert_eq!(loaded.is_ok(), is_good, "{unit}");
    }
    let unbelieved = refused(Sources {
        flags: vec![units("unit.example:7450")],
        ..Sources::default()
    });
    assert!(unbelieved.contains("ledger.genesis"), "{unbelieved}");
}

#[test]
fn o10_limits_with_which_a_vehicle_would_be_deaf_or_defenceless_are_refused() {
    for (key, value) in [
        ("transport.connections_max", "0"),
        ("risk.response.own", "11s"),
        ("transport.handshakes_max", "0"),
        ("transport.retry_from", "64"),
        ("transport.handshake_timeout", "0s"),
        ("transport.stream_timeout", "1h"),
        ("transport.idle_timeout", "0s"),
        ("transport.dial_pause_min", "0s"),
        ("transport.dial_pause_max", "1ms"),
        ("transport.datagram_receive_buffer_len", "0"),
        ("station.verifier.telemetry_age_max", "1h"),
        ("station.verifier.future_max", "1m"),
        ("station.verifier.clock_doubt_max", "1m"),
        ("roadside.units_max", "0"),
        ("roadside.units_max", "100"),
        ("roadside.neighbours_max", "1000"),
        ("roadside.answer_timeout", "0s"),
    ] {
        let name = format!("WAYSIDE__{}", key.replace('.', "__").to_uppercase());
        let message = refused(Sources {
            environment: vec![variable(&name, value)],
            ..Sources::default()
        });
        assert!(message.contains(key), "{key} = {value}: {message}");
    }
}

#[test]
fn missing_and_broken_files_are_named() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("missing.toml");
    let broken = write(&folder, "[grpc\n");

    for file in [missing, broken] {
        let message = refused(Sources {
            file: Some(file.clone()),
            ..Sources::default()
        });
        assert!(message.contains(&file.display().to_string()), "{message}");
    }
}

#[test]
fn g1_public_addresses_without_authentication_are_refused() {
    for (name, value) in [
        ("WAYSIDE__METRICS__ADDRESS", "0.0.0.0:9464"),
        ("WAYSIDE__GRPC__TCP__ADDRESS", "[::]:7443"),
    ] {
        let error = load::<Config>(&Sources {
            environment: vec![variable(name, value)],
            ..Sources::default()
        });
        assert!(
            matches!(error, Err(ConfigError::Unauthenticated { .. })),
            "{name}"
        );
    }
}

#[test]
fn g1_public_addresses_with_authentication_are_accepted() {
    let config = load::<Config>(&Sources {
        environment: vec![
            variable("WAYSIDE__METRICS__ADDRESS", "0.0.0.0:9464"),
            variable("WAYSIDE__METRICS__BEARER_TOKEN_FILE", "/etc/token"),
            variable("WAYSIDE__GRPC__TCP__ADDRESS", "[::]:7443"),
            variable("WAYSIDE__GRPC__TCP__TLS__CERTIFICATE", "a"),
            variable("WAYSIDE__GRPC__TCP__TLS__KEY", "b"),
            variable("WAYSIDE__GRPC__TCP__TLS__CLIENT_AUTHORITY", "c"),
        ],
        ..Sources::default()
    });

    assert!(config.is_ok());
}

fn refused(sources: Sources) -> String {
    load::<Config>(&sources).unwrap_err().to_string()
}

fn write(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("agent.toml");
    fs::write(&path, text).unwrap();
    path
}

fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn flag(name: &str, key: &str, value: &str) -> Override {
    Override {
        origin: format!("flag --{name}"),
        key: key.to_owned(),
        value: value.into(),
    }
}
