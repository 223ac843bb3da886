use wayside::serve::{ConfigError, DaemonConfig as _, Sources, load};

use super::{Config, Profile};

#[test]
fn defaults_are_valid_and_shown_in_full() {
    let config = load::<Config>(&Sources::default()).unwrap();

    let shown = config.to_toml();

    assert_eq!(toml::from_str::<Config>(&shown).unwrap().to_toml(), shown);
    assert!(config.profile.has(Profile::Validator));
    assert!(config.identity.genesis.is_none(), "a development ledger");
}

#[test]
fn unknown_keys_are_named_with_the_nearest() {
    let message = refused(&[("WAYSIDE__ENGINE__LEADER_TIMOUT", "1s")]).to_string();

    assert!(
        message.contains("did you mean engine.leader_timeout?"),
        "{message}"
    );
}

#[test]
fn g1_public_addresses_without_authentication_are_refused() {
    for (name, value) in [
        ("WAYSIDE__METRICS__ADDRESS", "0.0.0.0:9464"),
        ("WAYSIDE__GRPC__TCP__ADDRESS", "[::]:7446"),
    ] {
        let error = refused(&[(name, value)]);
        assert!(
            matches!(error, ConfigError::Unauthenticated { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_genesis_needs_a_vote_key_and_the_other_way_round() {
    for name in ["WAYSIDE__IDENTITY__GENESIS", "WAYSIDE__IDENTITY__VOTE_KEY"] {
        let error = refused(&[(name, "/etc/wayside/file")]);
        assert!(error.to_string().contains("identity.vote_key"), "{error}");
    }
}

#[test]
fn a_relay_shows_vehicles_a_certified_key() {
    let error = refused(&[
        ("WAYSIDE__IDENTITY__GENESIS", "/etc/wayside/genesis.toml"),
        ("WAYSIDE__IDENTITY__VOTE_KEY", "/etc/wayside/vote.key"),
        ("WAYSIDE__PROFILE", "[\"relay\", \"validator\"]"),
    ]);

    assert!(error.to_string().contains("door.key"), "{error}");
}

#[test]
fn a_unit_that_does_not_vote_needs_a_key_of_its_own_and_no_vote_key() {
    let genesis = ("WAYSIDE__IDENTITY__GENESIS", "/etc/wayside/genesis.toml");
    let profile = ("WAYSIDE__PROFILE", "[\"archive\"]");
    let follower = ("WAYSIDE__IDENTITY__FOLLOWER_KEY", "/etc/wayside/unit.key");
    let vote = ("WAYSIDE__IDENTITY__VOTE_KEY", "/etc/wayside/vote.key");

    for (variables, key) in [
        (vec![profile], "identity.follower_key"),
        (vec![profile, genesis], "identity.follower_key"),
        (vec![profile, genesis, follower, vote], "identity.vote_key"),
        (vec![genesis, follower, vote], "identity.follower_key"),
        (vec![("WAYSIDE__PROFILE", "[]")], "profile"),
    ] {
        let error = refused(&variables).to_string();
        assert!(error.contains(key), "{variables:?}: {error}");
    }
    let config = load::<Config>(&sources(&[profile, genesis, follower])).unwrap();
    assert!(!config.is_validator());
}

#[test]
fn a_relay_needs_its_profile_a_place_and_an_address_that_vehicles_can_reach() {
    let place = (
        "WAYSIDE__RELAY__POSITION",
        "{ latitude_deg = 48.1, longitude_deg = 11.5 }",
    );
    let everywhere = ("WAYSIDE__RELAY__LISTEN", "0.0.0.0:7447");
    let profile = ("WAYSIDE__PROFILE", "[\"relay\", \"validator\"]");
    let reached = ("WAYSIDE__RELAY__ADDRESS", "203.0.113.7:7447");
    let nowhere = (
        "WAYSIDE__RELAY__POSITION",
        "{ latitude_deg = 91.0, longitude_deg = 11.5 }",
    );
    let itself = ("WAYSIDE__RELAY__NEIGHBOURS", "[\"203.0.113.7:7447\"]");
    for (variables, key) in [
        (vec![place], "relay"),
        (vec![profile, everywhere], "position"),
        (vec![profile, place, everywhere], "relay.address"),
        (vec![profile, nowhere], "relay.position"),
        (
            vec![profile, place, ("WAYSIDE__RELAY__RADIUS_M", "5")],
            "relay.radius_m",
        ),
        (vec![profile, place, reached, itself], "relay.neighbours"),
    ] {
        let error = refused(&variables).to_string();
        assert!(error.contains(key), "{variables:?}: {error}");
    }
    let config = load::<Config>(&sources(&[profile, place, everywhere, reached])).unwrap();
    let shown = config.to_toml();
    assert_eq!(toml::from_str::<Config>(&shown).unwrap().to_toml(), shown);
}

#[test]
fn o10_limits_with_which_a_relay_would_be_deaf_or_defenceless_are_refused() {
    let place = (
        "WAYSIDE__RELAY__POSITION",
        "{ latitude_deg = 48.1, longitude_deg = 11.5 }",
    );
    let profile = ("WAYSIDE__PROFILE", "[\"relay\", \"validator\"]");
    for (key, value) in [
        ("limits.connections_max", "0"),
        ("limits.connections_max", "1000000"),
        ("limits.handshakes_max", "0"),
        ("limits.handshakes_max", "1000000"),
        // Nobody would ever have to show where it is.
        ("limits.retry_from", "64"),
        ("limits.handshake_timeout", "0s"),
        ("limits.handshake_timeout", "1h"),
        ("limits.stream_timeout", "0s"),
        ("limits.stream_timeout", "1h"),
        ("limits.idle_timeout", "0s"),
        ("limits.datagram_send_buffer_len", "0"),
        ("limits.datagram_receive_buffer_len", "1000000000"),
        ("limits.dial_pause_max", "0s"),
        ("link.hello_timeout", "1h"),
        ("verifier.telemetry_age_max", "0s"),
        ("verifier.telemetry_age_max", "1h"),
        ("verifier.future_max", "1h"),
        ("verifier.clock_doubt_max", "1h"),
        ("rules.hazards_max", "0"),
        ("load.telemetry_per_s", "0"),
        ("radius_m", "100000"),
        ("listen", "0.0.0.0:7447"),
    ] {
        let name = format!("WAYSIDE__RELAY__{}", key.replace('.', "__").to_uppercase());
        let error = refused(&[profile, place, (&name, value)]).to_string();
        let named = key.split('.').all(|part| error.contains(part));
        // Where every address is listened to, it is the other one that is missing.
        assert!(
            named || error.contains("relay.address"),
            "{key} = {value}: {error}"
        );
    }
}

#[test]
fn of_a_changed_relay_what_waits_for_the_next_start_is_named() {
    let relay = |changes: &[(&str, &str)]| {
        let profile = ("WAYSIDE__PROFILE", "[\"relay\", \"validator\"]");
        let place = (
            "WAYSIDE__RELAY__POSITION",
            "{ latitude_deg = 48.1, longitude_deg = 11.5 }",
        );
        let variables = [&[profile, place], changes].concat();
        let config = load::<Config>(&sources(&variables)).unwrap();
        config.relay.unwrap()
    };
    let before = relay(&[]);

    let now = relay(&[
        ("WAYSIDE__RELAY__RADIUS_M", "400"),
        ("WAYSIDE__RELAY__NEIGHBOURS", "[\"203.0.113.7:7447\"]"),
        ("WAYSIDE__RELAY__RULES__HOPS_MAX", "2"),
    ]);
    assert!(before.waiting(&now).is_empty());
    let reloaded = before.reloaded(&now);
    assert_eq!((reloaded.radius_m, reloaded.rules.hops_max), (400, 2));
    let later = relay(&[
        ("WAYSIDE__RELAY__RADIUS_M", "400"),
        ("WAYSIDE__RELAY__LISTEN", "127.0.0.1:7450"),
        ("WAYSIDE__RELAY__LIMITS__CONNECTIONS_MAX", "700"),
        (
            "WAYSIDE__RELAY__TRUST_DOMAIN",
            "/etc/wayside/trust-domain.toml",
        ),
    ]);
    let waiting: Vec<String> = before.waiting(&later).into_iter().collect();
    assert_eq!(
        waiting,
        ["relay.limits", "relay.listen", "relay.trust_domain"]
    );
    assert_eq!(before.reloaded(&later).listen, before.listen);
}

fn sources(variables: &[(&str, &str)]) -> Sources {
    let environment = variables.iter();
    Sources {
        environment: environment
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Sources::default()
    }
}

fn refused(variables: &[(&str, &str)]) -> ConfigError {
    load::<Config>(&sources(variables)).unwrap_err()
}
