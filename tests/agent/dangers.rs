//! Dangers that an agent finds in what its driving stack publishes, told to another car's stack.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tonic::Streaming;
use wayside::rpc::{
    hazard::v1::{
        CorroborateRequest, GetRequest, RemovalReason, SubscribeRequest, SubscribeResponse,
        hazard_service_client::HazardServiceClient, subscribe_response::Event,
    },
    telemetry::v1::{
        PublishObjectsRequest, PublishStateRequest, SensedObject, VehicleSignals,
        telemetry_service_client::TelemetryServiceClient,
    },
    types::v1::{Hazard, HazardLevel, Position, Source, VehicleState},
};

use super::process::{Agent, PATIENCE, Pki};

#[tokio::test]
async fn a_car_that_brakes_hard_is_told_as_one_source_until_it_does_so_no_more() {
    let cars = Cars::start(&[]).await;
    let mut told = cars.subscribe().await;
    // Up and down by 7 m/s², between 30 m/s and 2 m/s.
    let driven = cars.drive(|elapsed_s| {
        let phase_s = elapsed_s % 8.0;
        if phase_s < 4.0 {
            (
                30.0 - 7.0 * phase_s,
                -7.0,
                published(VehicleSignals::default(), 0),
            )
        } else {
            (
                2.0 + 7.0 * (phase_s - 4.0),
                7.0,
                published(VehicleSignals::default(), 0),
            )
        }
    });

    let heard = async {
        let hazard = next(&mut told, BRAKING).await;
        is_one_word(&hazard);
        ended(&mut told, &hazard).await
    };
    assert_eq!(both(heard, driven).await, RemovalReason::Cancelled);
}

#[tokio::test]
async fn a_broken_down_car_is_told_acted_upon_with_a_second_source_and_over_when_it_drives_on() {
    let cars = Cars::start(&[("STATIONARY_LIT_AFTER", "2s"), ("MOVING_AFTER", "1s")]).await;
    let mut told = cars.subscribe().await;
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let mut since_s = None;
    let driven = cars.drive(move |elapsed_s| {
        if gone.try_recv().is_ok() {
            since_s = Some(elapsed_s);
        }
        match since_s {
            None => (
                0.0,
                0.0,
                published(VehicleSignals::default(), BOTH_TURN_SIGNALS),
            ),
            Some(since_s) => {
                let speed = (elapsed_s - since_s).min(8.0);
                (speed, 1.0, published(VehicleSignals::default(), 0))
            }
        }
    });

    let heard = async {
        let hazard = next(&mut told, STATIONARY).await;
        is_one_word(&hazard);
        let mut sensors = HazardServiceClient::new(cars.listener.channel().await);
        let request = CorroborateRequest {
            action_id: hazard.action_id.clone(),
        };
        let answer = sensors.corroborate(request).await.unwrap().into_inner();
        let borne_out = answer.hazard.unwrap();
        assert_eq!(borne_out.level(), HazardLevel::Act);
        assert_eq!(borne_out.source_count, 2);
        go.send(()).unwrap();
        ended(&mut told, &hazard).await
    };
    assert_eq!(both(heard, driven).await, RemovalReason::Cancelled);
}

#[tokio::test]
async fn a_broken_down_car_is_acted_upon_once_the_others_sensors_see_that_it_stands_there() {
    let cars = Cars::start(&[("STATIONARY_LIT_AFTER", "2s")]).await;
    let mut told = cars.subscribe().await;
    let driven = cars.drive(|_| {
        let lit = published(VehicleSignals::default(), BOTH_TURN_SIGNALS);
        (0.0, 0.0, lit)
    });

    let heard = async {
        let hazard = next(&mut told, STATIONARY).await;
        is_one_word(&hazard);
        // Beyond 15 m, past it, of no known speed, and nothing at all.
        let elsewhere = [seen(20.0, Some(0.0)), seen(-20.0, Some(0.0))];
        let (passing, unknown) = (seen(0.0, Some(9.0)), seen(0.0, None));
        let all = [elsewhere.as_slice(), &[passing, unknown]].concat();
        for objects in [
            elsewhere.to_vec(),
            vec![passing],
            vec![unknown],
            all,
            vec![],
        ] {
            assert_eq!(cars.sense(&objects).await, 0, "{objects:?}");
            is_one_word(&cars.heard(&hazard).await);
        }

        let standing = [seen(20.0, Some(0.0)), seen(10.0, Some(0.2))];
        assert_eq!(cars.sense(&standing).await, 1);
        let borne_out = acted_upon(&mut told, &hazard).await;
        assert_eq!(borne_out.source_count, 2);
        let own = borne_out.sources.iter().map(|it| it.source());
        assert_eq!(own.filter(|it| *it == Source::OwnSensors).count(), 1);
        assert!(!borne_out.own, "it is not told to others");
        assert_eq!(cars.heard(&hazard).await.level(), HazardLevel::Act);
    };
    both(heard, driven).await;
}

#[tokio::test]
async fn an_airbag_is_a_crash_that_the_other_car_is_told_of() {
    let cars = Cars::start(&[]).await;
    let mut told = cars.subscribe().await;
    let driven = cars.drive(|_| {
        let airbag = VehicleSignals {
            airbag_deployed: Some(true),
            ..VehicleSignals::default()
        };
        (0.0, 0.0, published(airbag, 0))
    });

    let heard = async { is_one_word(&next(&mut told, CRASH).await) };
    both(heard, driven).await;
}

/// Two cars, of which one hears what befalls the other.
struct Cars {
    // Before the folder, which they write to.
    listener: Agent,
    driver: Agent,
    _pki: Pki,
}

impl Cars {
    /// With settings of the driver's `[station.hazards]`.
    async fn start(settings: &[(&str, &str)]) -> Self {
        let pki = Pki::new(2).await;
        let listener = pki.start(1, &[]).await;
        let mut command = pki.agent(2);
        command.args(["--peer", &listener.quic().to_string()]);
        for (name, value) in settings {
            command.env(format!("WAYSIDE__STATION__HAZARDS__{name}"), value);
        }
        let driver = Agent::start(command).await;
        for car in [&listener, &driver] {
            car.wait_ready(|readiness| readiness.can_sign && readiness.peers == 1)
                .await;
        }
        Self {
            listener,
            driver,
            _pki: pki,
        }
    }

    /// What the listener is told of hazards from now on.
    async fn subscribe(&self) -> Streaming<SubscribeResponse> {
        let mut client = HazardServiceClient::new(self.listener.channel().await);
        let subscribed = client.subscribe(SubscribeRequest::default()).await;
        subscribed.unwrap().into_inner()
    }

    /// Tells the listener's agent what its sensors see; how many hazards that bears out.
    async fn sense(&self, objects: &[SensedObject]) -> u32 {
        let mut client = TelemetryServiceClient::new(self.listener.channel().await);
        let request = PublishObjectsRequest {
            objects: objects.to_vec(),
        };
        let answer = client.publish_objects(request).await.unwrap();
        answer.into_inner().hazards_borne_out
    }

    /// A hazard as the listener has it now.
    async fn heard(&self, hazard: &Hazard) -> Hazard {
        let mut client = HazardServiceClient::new(self.listener.channel().await);
        let request = GetRequest {
            action_id: hazard.action_id.clone(),
        };
        let answer = client.get(request).await.unwrap();
        answer.into_inner().hazard.unwrap()
    }

    /// Publishes ten times a second, for ever, what the driver drives after so many seconds: its
    /// speed in m/s, its acceleration in m/s², and all else.
    async fn drive(&self, mut at: impl FnMut(f64) -> (f64, f64, PublishStateRequest)) {
        let mut client = TelemetryServiceClient::new(self.driver.channel().await);
        let start = Instant::now();
        let (mut before_s, mut north_m) = (0.0, 0.0);
        loop {
            let elapsed_s = start.elapsed().as_secs_f64();
            let (speed_m_per_s, along_m_per_s2, mut request) = at(elapsed_s);
            north_m += speed_m_per_s * (elapsed_s - before_s);
            before_s = elapsed_s;
            let state = request.state.get_or_insert_default();
            state.speed_m_per_s = Some(speed_m_per_s);
            state.longitudinal_acceleration_m_per_s2 = Some(along_m_per_s2);
            state.position = Some(place(north_m));
            client.publish_state(request).await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// What is published besides place and motion.
fn published(signals: VehicleSignals, exterior_lights: u32) -> PublishStateRequest {
    PublishStateRequest {
        state: Some(VehicleState {
            heading_deg: Some(0.0),
            exterior_lights: Some(exterior_lights),
            ..VehicleState::default()
        }),
        signals: Some(signals),
        ..PublishStateRequest::default()
    }
}

/// Something on the road, so many metres north of where a car stands that does not drive.
fn seen(north_m: f64, speed_m_per_s: Option<f64>) -> SensedObject {
    SensedObject {
        position: Some(place(north_m)),
        speed_m_per_s,
        ..SensedObject::default()
    }
}

/// So many metres north of where a drive starts.
fn place(north_m: f64) -> Position {
    Position {
        latitude_deg: Some(55.0 + north_m / 111_300.0),
        longitude_deg: Some(2.5),
        altitude_m: None,
    }
}

/// What is heard while a car drives.
async fn both<T>(heard: impl Future<Output = T>, driven: impl Future<Output = ()>) -> T {
    tokio::select! {
        heard = timeout(PATIENCE, heard) => heard.unwrap(),
        () = driven => unreachable!("a drive does not end"),
    }
}

/// The first hazard of a cause that is told.
async fn next(told: &mut Streaming<SubscribeResponse>, cause: u32) -> Hazard {
    loop {
        if let Event::Hazard(hazard) = event(told).await {
            let code = hazard.cause.as_ref().and_then(|cause| cause.code);
            assert_eq!(code, Some(cause), "{hazard:?}");
            return hazard;
        }
    }
}

/// A hazard as it is told once a driving stack may act upon it.
async fn acted_upon(told: &mut Streaming<SubscribeResponse>, hazard: &Hazard) -> Hazard {
    loop {
        if let Event::Hazard(now) = event(told).await
            && now.action_id == hazard.action_id
            && now.level() == HazardLevel::Act
        {
            return now;
        }
    }
}

/// Why a hazard is told no more, once it is not.
async fn ended(told: &mut Streaming<SubscribeResponse>, hazard: &Hazard) -> RemovalReason {
    loop {
        if let Event::Removed(removed) = event(told).await
            && removed.action_id == hazard.action_id
        {
            return removed.reason();
        }
    }
}

async fn event(told: &mut Streaming<SubscribeResponse>) -> Event {
    told.message().await.unwrap().unwrap().event.unwrap()
}

/// The other car's own word, and nobody else's.
fn is_one_word(hazard: &Hazard) {
    assert!(!hazard.own);
    assert_eq!(hazard.level(), HazardLevel::Inform);
    assert_eq!(hazard.source_count, 1);
    assert!(
        hazard
            .sources
            .iter()
            .all(|it| it.source() != Source::OwnSensors)
    );
    assert!(hazard.signed.is_some());
}

/// TS 102 894-2, causeCode.
const CRASH: u32 = 92;
const STATIONARY: u32 = 94;
const BRAKING: u32 = 99;
/// Bits 2 and 3 of the exterior lights.
const BOTH_TURN_SIGNALS: u32 = 0b1100;
