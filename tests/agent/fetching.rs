//! A car that fetches its tickets from a ledger's operators, and hears that they are revoked.

use std::{collections::BTreeSet, fs, path::PathBuf};

use tokio::time::timeout;
use tonic::Code;
use wayside::rpc::{
    agent::v1::{EnrolmentStanding, Readiness, Reason, TicketSupply},
    telemetry::v1::telemetry_service_client::TelemetryServiceClient,
};

use super::{
    process::{Agent, PATIENCE, state, wayside},
    town::{Town, kill},
};

#[tokio::test]
async fn a_car_fetches_its_tickets_keeps_them_and_falls_silent_when_they_are_revoked() {
    let town = Town::new(1).await;
    let unit = town.start_unit(1).await;
    pki(&town, &["issuing"], None).await;
    for file in tickets(&town) {
        fs::remove_file(file).unwrap();
    }

    let car = town.start_agent(SOON).await;
    let has_enough = |readiness: &Readiness| {
        readiness.can_sign && readiness.tickets_left >= 6 && supply(readiness).requests == 0
    };
    let readiness = car.wait_ready(has_enough).await;
    assert_eq!(supply(&readiness).standing(), EnrolmentStanding::Active);
    assert!(!readiness.list_stale, "{readiness:?}");
    let fetched: BTreeSet<_> = tickets(&town).into_iter().collect();
    kill(car).await;

    let car = town.start_agent(SOON).await;
    car.wait_ready(has_enough).await;
    assert!(fetched.is_subset(&tickets(&town).into_iter().collect()));
    let first = fetched.first().unwrap().clone();
    pki(&town, &["revoke"], Some(first)).await;
    let readiness = car.wait_ready(|it| it.own_revocation.is_some()).await;
    assert!(!readiness.can_sign);
    assert!(readiness.reasons.contains(&Reason::Revoked.into()));
    assert_eq!(readiness.list_next, 1);
    says_that_it_is_revoked(&car).await;
    kill(car).await;
    kill(unit).await;

    // Nobody is there to tell it again.
    let car = town.start_agent(SOON).await;
    let readiness = car.wait_ready(|it| it.own_revocation.is_some()).await;
    assert!(!readiness.can_sign);
    says_that_it_is_revoked(&car).await;
}

async fn says_that_it_is_revoked(car: &Agent) {
    let mut client = TelemetryServiceClient::new(car.channel().await);
    let refused = client.publish_state(state(48.0)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("revoked"), "{refused:?}");
}

fn supply(readiness: &Readiness) -> &TicketSupply {
    readiness.ticket_supply.as_ref().unwrap()
}

fn tickets(town: &Town) -> Vec<PathBuf> {
    let files = fs::read_dir(town.path("vehicle-2/tickets")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "ticket"));
    files.sort();
    files
}

async fn pki(town: &Town, arguments: &[&str], file: Option<PathBuf>) {
    let mut command = wayside(&["pki"]);
    command.args(arguments).arg("--domain").arg(town.path(""));
    command.args(file);
    let done = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// A parked car asks for the list now and then; here it does so all the time.
const SOON: &[(&str, &str)] = &[("LEDGER__REVOCATIONS__REFRESH", "1s")];
