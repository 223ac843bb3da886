//! From a lie on the road to a car that nobody hears any more, and why no honest car comes to that.

use std::{collections::VecDeque, process::Output, time::Duration};

use tokio::{
    process::Command,
    time::{Instant, sleep, timeout},
};
use wayside::{
    evidence::{Evidence, STRETCHES},
    rpc::{
        agent::v1::Readiness,
        telemetry::v1::{PublishStateRequest, telemetry_service_client::TelemetryServiceClient},
        types::v1::{Position, SignedMessage, VehicleState},
        world::v1::{
            RemovalReason, SubscribeRequest, subscribe_response::Event,
            world_service_client::WorldServiceClient,
        },
    },
    security::Envelope,
};

use super::{
    process::{Agent, PATIENCE, agent, wayside},
    roadside::is_connected,
    tickets::{LONG_SLOTS, address, clear, pki, start_units},
    town::Town,
};

/// A car lies to another one, which is all that hears it. That one hands the lies to a unit, all
/// operators find them again, and the liar's tickets count nowhere any more until that is taken back.
/// What the liar, with an operator's help, makes of the other one's words is refused.
#[tokio::test]
async fn m8_m22_a_liar_is_suspended_by_all_operators_and_whom_it_accuses_is_not() {
    let town = Town::of(5, 2, &[&["--relays", "1"][..], &LONG_SLOTS].concat()).await;
    let _units = start_units(&town).await;
    pki(&["issuing"], &town, &LONG_SLOTS).await;
    let witness = start(&town, 1, &[]).await;
    witness.wait_ready(is_connected).await;
    let peer = format!("[\"{}\"]", witness.quic());
    let liar = start(
        &town,
        2,
        &[("ROADSIDE__UNITS", "[]"), ("TRANSPORT__PEERS", &peer)],
    )
    .await;
    let liars_name = name(&liar, |readiness| readiness.peers == 1).await;
    let witness_name = name(&witness, |readiness| readiness.peers == 2).await;

    let script = async {
        let (removed, heard) = tokio::join!(
            removal(&witness, &liars_name),
            words(&liar, &witness_name, STRETCHES * STRETCH_LEN)
        );
        assert_eq!(removed, RemovalReason::Revoked);
        heard
    };
    let driven = async {
        tokio::join!(
            drive(&liar, |_| 0.0),
            // 10 m/s.
            drive(&witness, |step| f64::from(step) * 0.000_018)
        )
    };
    let heard = tokio::select! {
        heard = timeout(4 * PATIENCE, script) => heard.unwrap(),
        _ = driven => unreachable!("a drive does not end"),
    };
    let told = liar.wait_ready(|readiness| readiness.own_revocation.is_some());
    assert!(!told.await.can_sign);

    for evidence in accusations(&heard) {
        let answer = accuse(&town, &evidence).await;
        assert!(answer.contains("misbehaviour_unproven"), "{answer}");
    }
    let spared = witness.wait_ready(|readiness| readiness.list_next == 1);
    let spared = spared.await;
    assert!(spared.can_sign, "{spared:?}");
    assert!(spared.own_revocation.is_none(), "{spared:?}");

    lift(&town).await;
    let again = liar.wait_ready(|readiness| readiness.own_revocation.is_none());
    again.await;
}

/// A car says what another said a moment ago, which its own words do not show. Three cars of its slot
/// testify to that, and the two operators whose units heard the same are one more than may be false.
#[tokio::test]
async fn m22_who_repeats_another_is_suspended_by_three_witnesses_and_two_operators_that_saw_it() {
    let town = Town::of(5, 5, &[&["--relays", "2"][..], &LONG_SLOTS].concat()).await;
    let _units = start_units(&town).await;
    pki(&["issuing"], &town, &LONG_SLOTS).await;
    let (repeated, liar, first, second, third) = tokio::join!(
        start(&town, 1, &[]),
        start(&town, 2, &[]),
        start(&town, 3, &[]),
        start(&town, 4, &[]),
        start(&town, 5, &[])
    );
    let cars = [&repeated, &liar, &first, &second, &third];
    for car in cars {
        car.wait_ready(is_connected).await;
    }
    let liars_name = name(&liar, |_| true).await;

    let driven = async {
        tokio::join!(
            drive_twice(&repeated, &liar),
            stand(&first, 0.000_5),
            stand(&second, 0.001),
            stand(&third, 0.001_5)
        )
    };
    let removed = tokio::select! {
        removed = timeout(4 * PATIENCE, removal(&first, &liars_name)) => removed.unwrap(),
        _ = driven => unreachable!("a drive does not end"),
    };
    assert_eq!(removed, RemovalReason::Revoked);
    let told = liar.wait_ready(|readiness| readiness.own_revocation.is_some());
    assert!(!told.await.can_sign);
    for car in [&repeated, &first, &second, &third] {
        let spared = car.wait_ready(|readiness| readiness.list_next == 1).await;
        assert!(spared.own_revocation.is_none(), "{spared:?}");
    }
}

/// Starts a vehicle's agent, without the tickets that `wayside pki init` made.
async fn start(town: &Town, vehicle: u16, settings: &[(&str, &str)]) -> Agent {
    let folder = town.path(&format!("vehicle-{vehicle}"));
    clear(&folder);
    let mut command = agent(&folder.join("agent.toml"));
    command
        .env("WAYSIDE__TRANSPORT__PEERS", "[]")
        .env("WAYSIDE__ROADSIDE__INTRODUCE", "false");
    for (name, value) in settings {
        command.env(format!("WAYSIDE__{name}"), value);
    }
    let car = Agent::start(command).await;
    car.wait_ready(|readiness| readiness.can_sign).await;
    car
}

/// A car's name, once it is ready as wanted.
async fn name(car: &Agent, wanted: impl Fn(&Readiness) -> bool) -> String {
    car.wait_ready(wanted).await.station_id
}

/// Says five times a second that the car drives north at 10 m/s, from so many degrees north of the
/// middle of the road, whether it may or not.
async fn drive(car: &Agent, north_deg: impl Fn(u32) -> f64) {
    for step in 0.. {
        let state = VehicleState {
            speed_m_per_s: Some(10.0),
            ..at(north_deg(step), 0.0)
        };
        publish(car, state).await;
        sleep(Duration::from_millis(200)).await;
    }
}

/// Says five times a second that a car drives north with sensors that tremble, and half a second later
/// the same of another car.
async fn drive_twice(car: &Agent, copier: &Agent) {
    let (mut said, start) = (VecDeque::new(), Instant::now());
    let (mut north_m, mut before_s) = (0.0, 0.0);
    for step in 0.. {
        let (elapsed_s, tremble) = (start.elapsed().as_secs_f64(), f64::from(step % 20));
        let speed_m_per_s = 10.0 + 0.01 * tremble;
        north_m += speed_m_per_s * (elapsed_s - before_s);
        before_s = elapsed_s;
        let state = VehicleState {
            speed_m_per_s: Some(speed_m_per_s),
            longitudinal_acceleration_m_per_s2: Some(0.005 * tremble),
            ..at(north_m / 111_300.0, 0.0)
        };
        said.push_back(state);
        publish(car, state).await;
        if said.len() > 3
            && let Some(copy) = said.pop_front()
        {
            publish(copier, copy).await;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Says once a second that a car stands beside the road.
async fn stand(car: &Agent, east_deg: f64) {
    loop {
        let state = VehicleState {
            speed_m_per_s: Some(0.0),
            ..at(0.0, east_deg)
        };
        publish(car, state).await;
        sleep(Duration::from_secs(1)).await;
    }
}

/// Publishes a state, whether the car may speak or not.
async fn publish(car: &Agent, state: VehicleState) {
    let mut client = TelemetryServiceClient::new(car.channel().await);
    let request = PublishStateRequest {
        state: Some(state),
        ..PublishStateRequest::default()
    };
    let _ = client.publish_state(request).await;
}

/// Heading north, so many degrees from the middle of the road.
fn at(north_deg: f64, east_deg: f64) -> VehicleState {
    VehicleState {
        position: Some(Position {
            latitude_deg: Some(55.0 + north_deg),
            longitude_deg: Some(2.5 + east_deg),
            altitude_m: None,
        }),
        heading_deg: Some(0.0),
        ..VehicleState::default()
    }
}

/// Waits until a car forgets another one; why it does.
async fn removal(car: &Agent, other: &str) -> RemovalReason {
    let mut world = WorldServiceClient::new(car.channel().await);
    let subscribed = world.subscribe(SubscribeRequest::default()).await;
    let mut events = subscribed.unwrap().into_inner();
    loop {
        let event = events.message().await.unwrap().unwrap().event.unwrap();
        if let Event::ObjectRemoved(removed) = event
            && removed.station_id == other
        {
            return removed.reason();
        }
    }
}

/// So many signed messages that a car heard of another one.
async fn words(car: &Agent, other: &str, count: usize) -> Vec<SignedMessage> {
    let mut world = WorldServiceClient::new(car.channel().await);
    let subscribed = world.subscribe(SubscribeRequest::default()).await;
    let mut events = subscribed.unwrap().into_inner();
    let mut words: Vec<SignedMessage> = Vec::new();
    while words.len() < count {
        let event = events.message().await.unwrap().unwrap().event.unwrap();
        if let Event::Object(object) = event
            && object.station_id == other
            && let Some(signed) = object.signed
            && words.last() != Some(&signed)
        {
            words.push(signed);
        }
    }
    words
}

/// What a liar makes of an honest car's words: that they contradict each other by their sequence, and
/// by what they say.
fn accusations(words: &[SignedMessage]) -> [Vec<u8>; 2] {
    let ticket = &words.first().unwrap().ticket;
    let unnamed: Vec<_> = words
        .iter()
        .map(|signed| {
            let envelope = Envelope::parse(signed.envelope.to_vec().into());
            envelope.unwrap().to_unnamed()
        })
        .collect();
    let mut twice = [&[1, 1][..], ticket, &[2]].concat();
    unnamed
        .iter()
        .take(2)
        .for_each(|it| twice.extend_from_slice(it));
    let mut untrue = [&[1, 2][..], ticket].concat();
    for stretch in unnamed.chunks(STRETCH_LEN) {
        untrue.push(u8::try_from(stretch.len()).unwrap());
        stretch.iter().for_each(|it| untrue.extend_from_slice(it));
    }
    for evidence in [&twice, &untrue] {
        assert!(Evidence::from_bytes(evidence).is_ok(), "well formed");
    }
    [twice, untrue]
}

/// Has one operator bring evidence to the ledger; what became of it.
async fn accuse(town: &Town, evidence: &[u8]) -> String {
    let digits: String = evidence.iter().map(|byte| format!("{byte:02x}")).collect();
    let action = format!("{{\"action\":\"report_misbehaviour\",\"evidence\":\"{digits}\"}}");
    let output = undisturbed(|| {
        let mut command = wayside(&["ledger", "submit", &action]);
        command
            .args(["--unit", &address(town, 1), "--key"])
            .arg(town.path("unit-1/issuing.key"));
        command
    });
    let output = output.await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Has the operators take the first order back.
async fn lift(town: &Town) {
    let output = undisturbed(|| {
        let mut command = wayside(&["pki", "lift", "0", "--unit", &address(town, 2)]);
        command.arg("--domain").arg(town.path(""));
        command
    });
    let output = output.await;
    assert!(output.status.success(), "{output:?}");
}

/// Runs a command that signs with an operator's issuing key, once more whenever the operator's own unit
/// said something by that key in the same moment and used its number.
async fn undisturbed(command: impl Fn() -> Command) -> Output {
    let run = async {
        loop {
            let output = command().output().await.unwrap();
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            if !errors.contains("the nonce was used") {
                return output;
            }
        }
    };
    timeout(4 * PATIENCE, run).await.unwrap()
}

const STRETCH_LEN: usize = 7;
