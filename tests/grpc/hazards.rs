//! Hazards: reported once, told, changed and ended.

use std::time::Duration;

use tonic::Code;
use vehicle_agent::Role;
use wayside::rpc::{
    hazard::v1::{
        CancelRequest, CorroborateRequest, Event, GetRequest, ListRequest, NegateRequest,
        ReportRequest, SubscribeRequest, UpdateRequest, hazard_service_client::HazardServiceClient,
        subscribe_response,
    },
    telemetry::v1::{
        PublishObjectsRequest, PublishStateRequest, SensedObject, VehicleSignals,
        telemetry_service_client::TelemetryServiceClient,
    },
    types::v1 as wire,
};
use wayside::world::Level;

use super::served::{Served, caller, fields, here, reason, state, within};

#[tokio::test]
async fn an_own_hazard_is_reported_changed_and_ended() {
    let served = Served::start().await;
    let mut client = HazardServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let request = ReportRequest {
        request_id: String::new(),
        event: Some(event()),
    };
    let answer = client.report(request).await.unwrap().into_inner();
    let action_id = answer.action_id;
    let get = GetRequest {
        action_id: action_id.clone(),
    };
    let hazard = client.get(get.clone()).await.unwrap().into_inner().hazard;
    let hazard = hazard.unwrap();
    assert!(hazard.own);
    assert_eq!((hazard.update, hazard.relevance_radius_m), (0, 1_000.0));
    let (detected, expires) = (hazard.detected_at.unwrap(), hazard.expires_at.unwrap());
    assert_eq!(expires.seconds - detected.seconds, 600);

    let update = UpdateRequest {
        action_id: action_id.clone(),
        event: Some(Event {
            relevance_radius_m: Some(250.0),
            ..event()
        }),
    };
    client.update(update).await.unwrap();
    let changed = client.get(get.clone()).await.unwrap().into_inner().hazard;
    let changed = changed.unwrap();
    assert_eq!((changed.update, changed.relevance_radius_m), (1, 250.0));

    let cancel = CancelRequest { action_id };
    client.cancel(cancel.clone()).await.unwrap();
    let gone = client.get(get).await.unwrap_err();
    assert_eq!(
        (gone.code(), reason(&gone).as_str()),
        (Code::NotFound, "HAZARD_UNKNOWN")
    );
    let twice = client.cancel(cancel).await.unwrap_err();
    assert_eq!(twice.code(), Code::NotFound);
}

#[tokio::test]
async fn a_repeated_report_is_one_event_and_a_reused_name_is_refused() {
    let served = Served::start().await;
    let mut client = HazardServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let request = ReportRequest {
        request_id: "0b8e6c4e-7a55-4c1b-9c1d-2f4f2c7b6c11".into(),
        event: Some(event()),
    };
    let first = client.report(request.clone()).await.unwrap().into_inner();
    let again = client.report(request.clone()).await.unwrap().into_inner();
    assert_eq!(first.action_id, again.action_id);
    assert_eq!(
        (first.repeated_request, again.repeated_request),
        (false, true)
    );
    assert_eq!(
        served
            .handle
            .call(|station, _| station.own_hazards().count()),
        1
    );

    let other = ReportRequest {
        event: Some(Event {
            information_quality: 3,
            ..event()
        }),
        ..request.clone()
    };
    let refused = client.report(other).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(reason(&refused), "REQUEST_ID_REUSED");

    let somebody_else = caller(2_000, Some(Role::DrivingStack));
    let channel = served.connect_as(somebody_else, false).await;
    let mut other = HazardServiceClient::new(channel);
    let theirs = other.report(request).await.unwrap().into_inner();
    assert!(!theirs.repeated_request, "names belong to their callers");
}

#[tokio::test]
async fn m21_the_stacks_own_sensors_are_the_second_source_of_a_hazard() {
    let served = Served::start().await;
    let mut neighbour = served.neighbour("bob");
    served.hear(&mut neighbour);
    let action = served.hear_breakdown(&mut neighbour);
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let mut client = HazardServiceClient::new(channel);
    let get = GetRequest {
        action_id: Some(action.into()),
    };
    let told = client.get(get).await.unwrap().into_inner().hazard.unwrap();
    assert_eq!(told.level(), wire::HazardLevel::Inform);
    assert_eq!(told.leading, Some(action.into()));

    let corroborate = CorroborateRequest {
        action_id: Some(action.into()),
    };
    let answer = client.corroborate(corroborate).await.unwrap().into_inner();
    let told = answer.hazard.unwrap();
    assert_eq!(told.level(), wire::HazardLevel::Act);
    assert_eq!((told.source_count, told.sources.len()), (2, 2));
    assert_eq!(told.sources[1].source(), wire::Source::OwnSensors);

    let unknown = CorroborateRequest {
        action_id: Some(wire::ActionId {
            station_id: "0123456789abcdef".into(),
            sequence: Some(1),
        }),
    };
    let refused = client.corroborate(unknown).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(reason(&refused), "HAZARD_UNKNOWN");
}

#[tokio::test]
async fn what_the_states_show_is_reported_without_the_stack_saying_so() {
    let served = Served::start().await;
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let mut states = TelemetryServiceClient::new(channel.clone());
    let mut hazards = HazardServiceClient::new(channel);
    let mut causes = Vec::new();
    for (speed_m_per_s, along_m_per_s2, airbag) in [
        (14.0, 0.0, false),
        (13.2, -8.0, false),
        (12.4, -8.0, false),
        (12.4, 0.0, false),
        (12.4, 0.0, true),
    ] {
        served.pass(Duration::from_millis(100));
        let request = PublishStateRequest {
            state: Some(wire::VehicleState {
                longitudinal_acceleration_m_per_s2: Some(along_m_per_s2),
                ..state(speed_m_per_s)
            }),
            signals: Some(VehicleSignals {
                airbag_deployed: Some(airbag),
                ..VehicleSignals::default()
            }),
            ..PublishStateRequest::default()
        };
        states.publish_state(request).await.unwrap();
        let list = hazards.list(ListRequest::default()).await.unwrap();
        let own = list.into_inner().hazards;
        assert!(own.iter().all(|hazard| hazard.own));
        let cause = own.first().and_then(|hazard| hazard.cause.as_ref());
        causes.push(cause.and_then(|cause| cause.code).unwrap_or(0));
    }
    assert_eq!(causes, [0, 99, 99, 0, 92]);
}

#[tokio::test]
async fn what_the_sensors_see_bears_out_a_breakdown() {
    let served = Served::start().await;
    let mut neighbour = served.neighbour("bob");
    served.hear(&mut neighbour);
    let action = served.hear_breakdown(&mut neighbour);
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let mut sensors = TelemetryServiceClient::new(channel);
    let seen = |speed_m_per_s| PublishObjectsRequest {
        objects: vec![SensedObject {
            position: Some(wire::Position {
                latitude_deg: Some(here().latitude_deg()),
                longitude_deg: Some(here().longitude_deg()),
                altitude_m: None,
            }),
            speed_m_per_s: Some(speed_m_per_s),
            ..SensedObject::default()
        }],
    };
    for (speed_m_per_s, borne_out) in [(9.0, 0), (0.0, 1)] {
        let answer = sensors.publish_objects(seen(speed_m_per_s)).await.unwrap();
        assert_eq!(answer.into_inner().hazards_borne_out, borne_out);
        let level = served
            .handle
            .call(|station, _| station.world().hazard(action).map(|known| known.level()));
        let expected = if borne_out == 0 {
            Level::Inform
        } else {
            Level::Act
        };
        assert_eq!(level, Some(expected));
    }
    for (objects, field) in [
        (vec![SensedObject::default()], "objects.position"),
        (seen(f64::NAN).objects, "objects.speed_m_per_s"),
        (seen(1.0).objects.repeat(257), "objects"),
    ] {
        let request = PublishObjectsRequest { objects };
        let refused = sensors.publish_objects(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(fields(&refused), [field]);
    }
}

#[tokio::test]
async fn g9_strings_are_bounded_and_never_echoed() {
    let served = Served::start().await;
    let mut client = HazardServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let long = "a".repeat(100_000);
    for text in [
        "\n2026-11-22T00:00:00Z ERROR forged",
        "../../../../etc/passwd",
        "\u{1b}[2J",
        "a\0b",
        "\u{202e}gnorw",
        long.as_str(),
    ] {
        let report = ReportRequest {
            request_id: text.into(),
            event: Some(event()),
        };
        let list = ListRequest {
            page_token: text.into(),
            ..ListRequest::default()
        };
        let get = GetRequest {
            action_id: Some(wire::ActionId {
                station_id: text.into(),
                sequence: Some(1),
            }),
        };
        for (refused, field) in [
            (client.report(report).await.unwrap_err(), "request_id"),
            (client.list(list).await.unwrap_err(), "page_token"),
            (client.get(get).await.unwrap_err(), "action_id.station_id"),
        ] {
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert_eq!(fields(&refused), [field]);
            assert!(!refused.message().contains(text));
            assert!(refused.message().len() < 200);
        }
    }
    assert_eq!(
        served
            .handle
            .call(|station, _| station.own_hazards().count()),
        0
    );
}

#[tokio::test]
async fn m19_bad_events_name_their_field() {
    let served = Served::start().await;
    let mut client = HazardServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let cases: [(Change, &str); 9] = [
        (|event| event.cause = None, "event.cause"),
        (|event| cause(event).code = None, "event.cause.code"),
        (|event| cause(event).code = Some(0), "event.cause.code"),
        (|event| cause(event).sub_code = 256, "event.cause.sub_code"),
        (
            |event| event.relevance_radius_m = Some(f64::NAN),
            "event.relevance_radius_m",
        ),
        (
            |event| event.speed_m_per_s = Some(-1.0),
            "event.speed_m_per_s",
        ),
        (|event| event.heading_deg = Some(360.0), "event.heading_deg"),
        (
            |event| event.information_quality = 8,
            "event.information_quality",
        ),
        (
            |event| event.validity = Some(wayside::rpc::to_wire_duration(Duration::ZERO)),
            "event.validity",
        ),
    ];
    for (change, field) in cases {
        let mut bad = event();
        change(&mut bad);
        let request = ReportRequest {
            request_id: String::new(),
            event: Some(bad),
        };
        let refused = client.report(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(fields(&refused), [field]);
    }
}

#[tokio::test]
async fn pages_list_own_and_heard_hazards_once_each() {
    let served = Served::start().await;
    let mut neighbour = served.neighbour("bob");
    served.hear(&mut neighbour);
    let heard: Vec<_> = (0..3)
        .map(|_| served.hear_breakdown(&mut neighbour))
        .collect();
    let mut client = HazardServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let request = ReportRequest {
        request_id: String::new(),
        event: Some(event()),
    };
    let own = client.report(request).await.unwrap().into_inner().action_id;
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListRequest {
            area: None,
            page_size: 3,
            page_token: page_token.clone(),
        };
        let page = client.list(request).await.unwrap().into_inner();
        seen.extend(page.hazards.into_iter().map(|hazard| hazard.action_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut expected: Vec<Option<wire::ActionId>> = heard
        .into_iter()
        .map(|action| Some(action.into()))
        .collect();
    expected.push(own);
    let key = |action: &Option<wire::ActionId>| {
        let action = action.clone().unwrap();
        (action.station_id, action.sequence)
    };
    expected.sort_by_key(key);
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn subscribers_hear_of_hazards_and_others_may_negate_them() {
    let served = Served::start().await;
    let mut neighbour = served.neighbour("bob");
    served.hear(&mut neighbour);
    let mut client = HazardServiceClient::new(served.connect(Some(Role::DrivingStack)).await);
    let mut events = client
        .subscribe(SubscribeRequest::default())
        .await
        .unwrap()
        .into_inner();
    let first = within(events.message()).await.unwrap().unwrap().event;
    assert!(matches!(
        first,
        Some(subscribe_response::Event::SnapshotEnd(_))
    ));
    let action = served.hear_breakdown(&mut neighbour);
    let told = within(events.message()).await.unwrap().unwrap().event;
    let Some(subscribe_response::Event::Hazard(hazard)) = told else {
        panic!("the hazard is told");
    };
    assert_eq!(hazard.action_id, Some(action.into()));
    assert_eq!(
        hazard.position.unwrap().latitude_deg,
        Some(here().latitude_deg())
    );

    let negate = NegateRequest {
        action_id: Some(action.into()),
    };
    client.negate(negate).await.unwrap();
    let unknown = NegateRequest {
        action_id: Some(wire::ActionId {
            station_id: "0000000000000000".into(),
            sequence: Some(1),
        }),
    };
    let refused = client.negate(unknown).await.unwrap_err();
    assert_eq!(reason(&refused), "HAZARD_UNKNOWN");
}

type Change = fn(&mut Event);

fn event() -> Event {
    Event {
        cause: Some(wire::Cause {
            code: Some(94),
            sub_code: 2,
            name: String::new(),
        }),
        position: Some(wire::Position {
            latitude_deg: Some(here().latitude_deg()),
            longitude_deg: Some(here().longitude_deg()),
            altitude_m: None,
        }),
        ..Event::default()
    }
}

fn cause(event: &mut Event) -> &mut wire::Cause {
    event.cause.as_mut().unwrap()
}
