//! The clock of a replayed drive, commanded by the stack under test.

use std::{sync::Mutex, time::Duration};

use tokio::sync::mpsc;
use tonic::Code;
use vehicle_agent::{
    Role,
    grpc::{Bench, DriveDescription, VehicleDescription},
};
use wayside::{
    rpc::{
        replay::v1::{
            ClockState, GetDriveRequest, PauseRequest, PlayRequest, SeekRequest, StepRequest,
            WatchClockRequest, replay_service_client::ReplayServiceClient,
        },
        to_wire_duration, to_wire_time,
    },
    serve::Limits,
    transport::Clock,
};

use super::served::{Served, fields, reason, within};

#[tokio::test]
async fn a_stack_plays_pauses_and_steps_the_drive() {
    let served = Served::with(Limits::default(), |clock| Some(bench(clock))).await;
    let mut client = ReplayServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let drive = client
        .get_drive(GetDriveRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (drive.name.as_str(), drive.served_vehicle.as_str()),
        ("town", "a")
    );
    let start = drive.start.unwrap();

    let step = StepRequest {
        duration: Some(to_wire_duration(Duration::from_secs(2))),
    };
    let clock = client.step(step).await.unwrap().into_inner().clock.unwrap();
    assert_eq!(clock.state(), ClockState::Paused);
    assert!(clock.now.unwrap().seconds >= start.seconds + 2);

    let play = PlayRequest { rate: Some(2.0) };
    let clock = client.play(play).await.unwrap().into_inner().clock.unwrap();
    assert_eq!(
        (clock.state(), clock.rate.to_bits()),
        (ClockState::Running, 2f64.to_bits())
    );
    let refused = client.step(step).await.unwrap_err();
    assert_eq!(reason(&refused), "CLOCK_RUNNING");
    let clock = client
        .pause(PauseRequest {})
        .await
        .unwrap()
        .into_inner()
        .clock;
    assert_eq!(clock.unwrap().state(), ClockState::Paused);
}

#[tokio::test]
async fn a_watched_clock_is_told_at_once_and_at_each_change() {
    let served = Served::with(Limits::default(), |clock| Some(bench(clock))).await;
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let mut client = ReplayServiceClient::new(channel);
    let request = WatchClockRequest {
        interval: Some(to_wire_duration(Duration::from_millis(1))),
    };
    let mut clocks = client.watch_clock(request).await.unwrap().into_inner();
    let first = within(clocks.message()).await.unwrap().unwrap().clock;
    assert_eq!(first.unwrap().state(), ClockState::Paused);
    client.play(PlayRequest { rate: None }).await.unwrap();
    let second = within(clocks.message()).await.unwrap().unwrap().clock;
    assert_eq!(second.unwrap().state(), ClockState::Running);
}

#[tokio::test]
async fn a_seek_is_an_order_to_whoever_plays_the_drive() {
    let served = Served::with(Limits::default(), |clock| Some(bench(clock))).await;
    let mut client = ReplayServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let to = served
        .clock
        .now()
        .timestamp
        .saturating_add(Duration::from_secs(30));
    let seek = |time| SeekRequest {
        time: Some(to_wire_time(time)),
    };
    let clock = client.seek(seek(to)).await.unwrap().into_inner().clock;
    assert_eq!(clock.unwrap().now, Some(to_wire_time(to)));
    let beyond = to.saturating_add(Duration::from_secs(31));
    let refused = client.seek(seek(beyond)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::OutOfRange, "OUTSIDE_DRIVE")
    );
}

#[tokio::test]
async fn m19_bad_rates_and_durations_name_their_field() {
    let served = Served::with(Limits::default(), |clock| Some(bench(clock))).await;
    let mut client = ReplayServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    for rate in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1_001.0] {
        let refused = client
            .play(PlayRequest { rate: Some(rate) })
            .await
            .unwrap_err();
        assert_eq!(fields(&refused), ["rate"]);
    }
    for duration in [None, Some(Duration::ZERO), Some(Duration::from_secs(3_601))] {
        let duration = duration.map(to_wire_duration);
        let refused = client.step(StepRequest { duration }).await.unwrap_err();
        assert_eq!(fields(&refused), ["duration"]);
    }
    let refused = client.seek(SeekRequest { time: None }).await.unwrap_err();
    assert_eq!(fields(&refused), ["time"]);
}

/// A minute that somebody plays.
pub(super) fn bench(clock: &Clock) -> Bench {
    let start = clock.now().timestamp;
    let end = start.saturating_add(Duration::from_secs(60));
    let (seeks, mut orders) = mpsc::channel(1);
    let moved = clock.clone();
    tokio::spawn(async move {
        while let Some(order) = orders.recv().await {
            let vehicle_agent::grpc::SeekOrder { to, done } = order;
            moved.seek(to);
            let _ = done.send(());
        }
    });
    Bench {
        clock: clock.clone(),
        drive: DriveDescription {
            name: "town".into(),
            start,
            end,
            vehicles: vec![VehicleDescription {
                name: "a".into(),
                start,
                end,
            }],
            served: "a".into(),
        },
        seeks,
        rate: Mutex::new(1.0),
    }
}
