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
