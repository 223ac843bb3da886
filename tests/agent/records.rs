//! Records of a car that meets no roadside unit for a whole drive, or one that comes and goes.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::timeout;
use tonic::{Code, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt as _;
use wayside::{
    crypto::SigningKey,
    rpc::{
        agent::v1::Reason,
        record::v1::{
            GetRequest, OutboxLevel, Progress, WatchRequest, WatchResponse, watch_response::Event,
        },
    },
};

use super::{
    process::{Agent, PATIENCE, Pki},
    town::{
        Town, client, everything_is_applied, everything_is_done, kill, outbox, outbox_where,
        request, states, submit, the_history_holds_each_once, the_metrics_say_that_nothing_waits,
    },
};

#[tokio::test]
async fn killed_twice_on_a_drive_without_units_a_car_delivers_every_record_once() {
    let town = Town::new(1).await;
    let unit = town.start_unit(1).await;
    town.enrol(&unit).await;
    kill(unit).await;

    let mut taken = BTreeMap::new();
    let mut asked = 0;
    for _ in 0..2 {
        let car = town.start_agent(&[]).await;
        let mut records = client(&car).await;
        // A client that never heard the answer asks again.
        for km in 1..=asked {
            let state = submit(&mut records, km).await;
            let before = taken.insert(km, state.record_id);
            assert!(before.is_none_or(|before| before == state.record_id));
        }
        let drive = async {
            loop {
                asked += 1;
                let state = submit(&mut records, asked).await;
                assert_eq!(state.progress(), Progress::Queued);
                taken.insert(asked, state.record_id);
            }
        };
        // Switched off while it takes one, or between two, or before the first.
        let moment = random_moment();
        assert!(timeout(moment, drive).await.is_err());
        kill(car).await;
        eprintln!("killed after {moment:?} with {asked} asked for");
    }

    let car = town.start_agent(&[]).await;
    let mut records = client(&car).await;
    for km in 1..=asked + 3 {
        let state = submit(&mut records, km).await;
        let before = taken.insert(km, state.record_id);
        assert!(before.is_none_or(|before| before == state.record_id));
    }
    let waiting = usize::try_from(outbox(&mut records).await.waiting).unwrap();
    assert_eq!(waiting, taken.len());

    let _unit = town.start_unit(1).await;
    everything_is_applied(&mut records).await;
    the_history_holds_each_once(&mut records, &taken).await;
    the_metrics_say_that_nothing_waits(&car).await;
}

#[tokio::test]
async fn a_unit_killed_twice_while_it_takes_records_takes_every_record_once() {
    let town = Town::new(1).await;
    let mut unit = town.start_unit(1).await;
    town.enrol(&unit).await;
    let car = town.start_agent(&[]).await;
    let mut records = client(&car).await;
    let mut taken = BTreeMap::new();
    let mut changes = records.watch(WatchRequest {}).await.unwrap().into_inner();
    for life in 0..3_u32 {
        for reading in 0..8 {
            let km = 8 * life + reading + 1;
            taken.insert(km, submit(&mut records, km).await.record_id);
        }
        if life < 2 {
            // In the middle of things: one more is done, and others are on their way.
            one_more_is_done(&mut changes).await;
            kill(unit).await;
            unit = town.start_unit(1).await;
        }
    }
    everything_is_applied(&mut records).await;
    the_history_holds_each_once(&mut records, &taken).await;
}

#[tokio::test]
async fn a_full_outbox_says_so_everywhere_and_loses_nothing() {
    let town = Town::new(1).await;
    let unit = town.start_unit(1).await;
    town.enrol(&unit).await;
    kill(unit).await;
    let car = town
        .start_agent(&[("LEDGER__OUTBOX__WAITING_MAX", "5")])
        .await;
    let mut records = client(&car).await;
    let mut taken = BTreeMap::new();
    for km in 1..=4 {
        taken.insert(km, submit(&mut records, km).await.record_id);
    }
    let nearly = i32::from(Reason::OutboxNearlyFull);
    car.wait_ready(|readiness| readiness.reasons.contains(&nearly))
        .await;
    assert_eq!(outbox(&mut records).await.level(), OutboxLevel::NearlyFull);
    assert_eq!(health(&car).await, ServingStatus::Serving);

    taken.insert(5, submit(&mut records, 5).await.record_id);
    let refused = records.submit(request(6)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let reason = refused.get_details_error_info().unwrap().reason;
    assert_eq!(reason, "OUTBOX_FULL");
    assert!(refused.get_details_retry_info().is_some());
    assert!(refused.message().contains("5 records wait"), "{refused}");
    // A retry of what is there is no new record.
    assert_eq!(submit(&mut records, 5).await.record_id, taken[&5]);
    let full = i32::from(Reason::OutboxFull);
    let readiness = car
        .wait_ready(|readiness| readiness.reasons.contains(&full))
        .await;
    assert!(readiness.undelivered_since.is_some());
    let told = outbox(&mut records).await;
    assert_eq!(told.level(), OutboxLevel::Full);
    let oldest = states(&mut records).await[0].taken_at;
    assert_eq!(told.undelivered_since, oldest);
    health_becomes(&car, ServingStatus::NotServing).await;
    metrics_say(&car, "wayside_outbox_depth 5").await;
    metrics_say(&car, "wayside_outbox_depth_max 5").await;
    let scraped = car.scrape().await;
    assert!(!scraped.contains("wayside_outbox_undelivered_seconds 0.0\n"));

    let _unit = town.start_unit(1).await;
    everything_is_applied(&mut records).await;
    health_becomes(&car, ServingStatus::Serving).await;
    taken.insert(6, submit(&mut records, 6).await.record_id);
    everything_is_applied(&mut records).await;
    the_history_holds_each_once(&mut records, &taken).await;
    let told = outbox_where(&mut records, |it| it.level() == OutboxLevel::Room).await;
    assert_eq!(told.undelivered_since, None);
    metrics_say(&car, "wayside_outbox_undelivered_seconds 0.0").await;
}

#[tokio::test]
async fn a_record_that_breaks_a_rule_is_refused_with_proof_and_the_rules_name() {
    let town = Town::new(1).await;
    let unit = town.start_unit(1).await;
    town.enrol(&unit).await;
    let car = town.start_agent(&[]).await;
    let mut records = client(&car).await;
    submit(&mut records, 50).await;
    let back = submit(&mut records, 20).await.record_id;
    everything_is_done(&mut records).await;

    let request = GetRequest {
        record_id: Some(back),
        ..GetRequest::default()
    };
    let state = records.get(request).await.unwrap().into_inner();
    let state = state.state.unwrap();
    assert_eq!(state.progress(), Progress::Refused);
    assert_eq!(state.rule, "odometer_decreased");
    assert!(!state.proof.is_empty());
    assert!(state.place.is_some());
}

#[tokio::test]
async fn without_a_ledger_records_are_refused_and_say_why() {
    let pki = Pki::new(1).await;
    let car = pki.start(1, &[]).await;
    let mut records = client(&car).await;
    let refused = records.submit(request(1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(info.reason, "LEDGER_OFF");
    assert!(!outbox(&mut records).await.enabled);
}

/// Waits until a record that waited waits no more.
async fn one_more_is_done(changes: &mut Streaming<WatchResponse>) {
    let watched = async {
        loop {
            if let Event::State(state) = changes.message().await.unwrap().unwrap().event.unwrap()
                && matches!(state.progress(), Progress::Applied)
            {
                return;
            }
        }
    };
    timeout(PATIENCE, watched).await.unwrap();
}

async fn health(car: &Agent) -> ServingStatus {
    let mut health = HealthClient::new(car.channel().await);
    let checked = health.check(record_service()).await.unwrap();
    checked.into_inner().status()
}

async fn health_becomes(car: &Agent, wanted: ServingStatus) {
    let mut health = HealthClient::new(car.channel().await);
    let mut changes = health.watch(record_service()).await.unwrap().into_inner();
    let watched = async { while changes.message().await.unwrap().unwrap().status() != wanted {} };
    timeout(PATIENCE, watched).await.unwrap();
}

fn record_service() -> HealthCheckRequest {
    HealthCheckRequest {
        service: "wayside.record.v1.RecordService".to_owned(),
    }
}

/// They are written once a second.
async fn metrics_say(car: &Agent, words: &str) {
    let written = async { while !car.scrape().await.contains(words) {} };
    timeout(PATIENCE, written).await.unwrap();
}

/// Up to about as long as an agent takes for some dozens of records.
fn random_moment() -> Duration {
    let [byte, ..] = *SigningKey::generate().to_seed();
    Duration::from_millis(byte.into())
}
