use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{
    agent::process::{Agent, PATIENCE, Pki, agent, wayside},
    unit::process::Alone,
};

#[tokio::test]
async fn boards_and_alerts_name_only_what_daemons_serve() {
    let mut served = served_by_a_unit().await;
    served.extend(served_by_a_relay().await);
    served.extend(served_by_agents().await);

    let mut named = named_by_the_board();
    named.extend(names_in(&expressions_of_rules().join(" ")));

    assert!(named.len() > 25, "{named:?}");
    let unserved: Vec<&String> = named.difference(&served).collect();
    assert!(unserved.is_empty(), "nobody serves {unserved:?}");
}

#[tokio::test]
async fn what_is_scraped_is_what_the_domain_of_the_composition_serves() {
    let folder = TempDir::new().unwrap();
    let domain = folder.path().join("domain");
    let mut init = wayside(&["pki", "init", "--slots", "1"]);
    init.args(arguments_of_the_composition()).arg(&domain);

    let made = init.output().await.unwrap();

    assert!(made.status.success(), "{made:?}");
    let scraped = targets();
    assert_eq!(scraped.len(), 6);
    for daemon in [
        "unit-1/unit.toml",
        "unit-2/unit.toml",
        "unit-3/unit.toml",
        "unit-4/unit.toml",
        "vehicle-1/agent.toml",
        "vehicle-2/agent.toml",
    ] {
        assert!(read("compose.yaml").contains(&format!("${{WAYSIDE_DOMAIN}}/{daemon}")));
        let text = fs::read_to_string(domain.join(daemon)).unwrap();
        let config: toml::Table = text.parse().unwrap();
        let metrics = config.get("metrics").and_then(toml::Value::as_table);
        let address = metrics.and_then(|it| it.get("address")?.as_str()).unwrap();
        assert!(
            scraped.contains(address),
            "{address} of {daemon}: {scraped:?}"
        );
    }
}

/// What a unit serves that keeps a ledger with an entry.
async fn served_by_a_unit() -> BTreeSet<String> {
    let unit = Alone::start().await;
    unit.enrol().await;
    names_of_samples(&unit.process.scrape().await)
}

/// What a unit serves that relays, and what a vehicle does that was told of it.
async fn served_by_a_relay() -> BTreeSet<String> {
    let folder = TempDir::new().unwrap();
    let domain = folder.path().join("domain");
    let arguments = ["--operators", "1", "--relays", "1", "--vehicles", "1"];
    let mut init = wayside(&["pki", "init"]);
    init.args(arguments).arg("--out");
    let made = init.arg(&domain).output().await.unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut relay = wayside(&["unit", "--metrics-address", "127.0.0.1:0", "--config"]);
    relay.arg(domain.join("unit-1/unit.toml"));
    let relay = Agent::start(relay).await;
    let mut vehicle = agent(&domain.join("vehicle-1/agent.toml"));
    vehicle.env("WAYSIDE__TRANSPORT__PEERS", "[]");
    let vehicle = Agent::start(vehicle).await;
    let served = async {
        loop {
            let mut served = names_of_samples(&relay.scrape().await);
            served.extend(names_of_samples(&vehicle.scrape().await));
            let awaited = ["wayside_relay_peers", "wayside_roadside_units"];
            if awaited.iter().all(|name| served.contains(*name)) {
                return served;
            }
        }
    };
    timeout(PATIENCE, served).await.unwrap()
}

/// What two agents serve, one of which hears a third and one of which refuses most of what it says.
async fn served_by_agents() -> BTreeSet<String> {
    let pki = Pki::new(3).await;
    let hearing = pki.start(1, &[]).await;
    let mut hardly_listening = pki.agent(2);
    hardly_listening
        .env("WAYSIDE__TRANSPORT__PEERS", "[]")
        .env("WAYSIDE__STATION__VERIFIER__TELEMETRY_BUDGET__PER_S", "1")
        .env("WAYSIDE__STATION__VERIFIER__TELEMETRY_BUDGET__BURST", "1");
    let refusing = Agent::start(hardly_listening).await;
    let speaking = pki.start(3, &[hearing.quic(), refusing.quic()]).await;
    speaking
        .wait_ready(|readiness| readiness.can_sign && readiness.peers == 2)
        .await;

    let mut latitude_deg = 55.0;
    let served = async {
        loop {
            latitude_deg += 0.001;
            speaking.publish(latitude_deg).await;
            let mut served = BTreeSet::new();
            for one in [&speaking, &hearing, &refusing] {
                served.extend(names_of_samples(&one.scrape().await));
            }
            let awaited = ["published", "delivered", "rejected"];
            let awaited = awaited.map(|it| format!("wayside_messages_{it}_total"));
            if awaited.iter().all(|name| served.contains(name)) {
                return served;
            }
        }
    };
    timeout(PATIENCE, served).await.unwrap()
}

/// The names of all samples in a text of metrics.
fn names_of_samples(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| line.starts_with("wayside_"));
    let names = samples.filter_map(|line| line.split(['{', ' ']).next());
    names.map(str::to_owned).collect()
}

fn named_by_the_board() -> BTreeSet<String> {
    let board: Value = serde_json::from_str(&read("grafana/wayside.json")).unwrap();
    let panels = board.get("panels").and_then(Value::as_array).unwrap();
    let targets = panels.iter().filter_map(|it| it.get("targets")?.as_array());
    let expressions = targets
        .flatten()
        .map(|it| it.get("expr").and_then(Value::as_str));
    expressions.flat_map(|it| names_in(it.unwrap())).collect()
}

fn expressions_of_rules() -> Vec<String> {
    let rules = read("prometheus/rules.yml");
    let lines = rules.lines().map(str::trim);
    let expressions = lines.filter_map(|line| line.strip_prefix("expr: "));
    expressions.map(str::to_owned).collect()
}

/// The metrics of ours that an expression names.
fn names_in(expression: &str) -> BTreeSet<String> {
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let words = expression.split(|it| !is_part(it));
    let ours = words.filter(|word| word.starts_with("wayside_"));
    ours.map(str::to_owned).collect()
}

/// The addresses that Prometheus scrapes.
fn targets() -> BTreeSet<String> {
    let text = read("prometheus/prometheus.yml");
    let quoted = text.split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// How the domain is made, as the composition says at its top.
fn arguments_of_the_composition() -> Vec<String> {
    let text = read("compose.yaml");
    let (_, command) = text.split_once("wayside pki init ").unwrap();
    let (arguments, _) = command.split_once(" /tmp/").unwrap();
    let words = arguments.split_whitespace();
    let words = words.filter(|word| !["#", "\\"].contains(word));
    words.map(str::to_owned).collect()
}

fn read(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("roadside-unit/deploy/compose").join(name);
    fs::read_to_string(path).unwrap()
}
