//! What becomes of an order to revoke a car that an authority does not serve.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    process::{Agent, agent},
    tickets::{address, clear, current_ticket, pki, publish, start_units, unit_of},
    town::{Town, kill},
};

/// Takes a little longer than the minute that the ledger gives an authority.
#[tokio::test]
async fn l19_a_car_is_revoked_although_the_second_authority_is_down() {
    let town = Town::new(5).await;
    let mut units = start_units(&town).await;
    pki(&["issuing"], &town, &[]).await;
    let car = start(&town).await;
    car.wait_ready(|readiness| readiness.can_sign).await;
    let authority = unit_of(&town, "linkage").await;
    kill(units.remove(authority - 1)).await;
    let left = address(&town, if authority == 1 { 2 } else { 1 });
    let ticket = current_ticket(&town.path("vehicle-2/tickets"));
    let ticket = ticket.display().to_string();
    let script = async {
        let revoked = pki(&["revoke", "--unit", &left], &town, &[&ticket]).await;
        assert_eq!(revoked.trim(), "revoked: entry 0");
        falls_silent(&car).await;
    };
    // A parked car would hear of it later.
    tokio::select! {
        () = script => {}
        () = drive(&car) => unreachable!("a drive does not end"),
    }
}

/// Starts the second vehicle's agent, without the tickets that `wayside pki init` made.
async fn start(town: &Town) -> Agent {
    clear(&town.path("vehicle-2"));
    let mut command = agent(&town.path("vehicle-2/agent.toml"));
    command.env("WAYSIDE__TRANSPORT__PEERS", "[]");
    Agent::start(command).await
}

async fn falls_silent(car: &Agent) {
    let told = car.wait_ready(|readiness| readiness.own_revocation.is_some());
    let told = told.await;
    assert!(!told.can_sign, "{told:?}");
}

/// Says where the car is, five times a second, whether it may or not.
async fn drive(car: &Agent) {
    for step in 0.. {
        let _ = publish(car, step).await;
        sleep(Duration::from_millis(200)).await;
    }
}
