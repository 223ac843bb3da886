use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{DropReason, GrpcMethod, Metrics, MetricsServer, RoadsideStanding};

const NAMES: [&str; 20] = [
    "wayside_messages_published_total{type=\"telemetry\"} 1",
    "wayside_messages_delivered_total{type=\"hazard\"} 1",
    "wayside_messages_rejected_total{type=\"telemetry\",reason=\"stale\"} 1",
    "wayside_messages_dropped_total{type=\"telemetry\",reason=\"slow_reader\"} 3",
    "wayside_message_age_seconds_bucket",
    "wayside_hazard_delivery_seconds_count 1",
    "wayside_peers{state=\"connected\"} 2",
    "wayside_certificate_expiry_seconds{role=\"ticket\"} 90.0",
    "wayside_tickets_remaining 4",
    "wayside_load{state=\"normal\"} 0",
    "wayside_load{state=\"shedding_far\"} 1",
    "wayside_roadside_units{state=\"connected\"} 1",
    "wayside_roadside_neighbours{state=\"dialled\"} 5",
    "wayside_roadside_messages_lost_total{reason=\"far\"} 9",
    "wayside_clock_offset_seconds 0.5",
    "wayside_state_silent 1",
    "wayside_grpc_requests_total{service=\"s\",method=\"m\",code=\"OK\"} 1",
    "wayside_grpc_request_seconds_count{service=\"s\",method=\"m\"} 1",
    "wayside_subscriber_lag_messages 7",
    "wayside_build_info{version=\"1.2.3\"} 1",
];

fn encode(metrics: &Arc<Metrics>) -> impl Fn() -> Ready<String> + Clone + Send + Sync + 'static {
    let metrics = Arc::clone(metrics);
    move || ready(metrics.encode())
}

#[tokio::test]
async fn a_scrape_shows_every_metric_by_its_name() {
    let metrics = Arc::new(Metrics::new("1.2.3"));
    count_one_of_each(&metrics);
    let server = MetricsServer::start(([127, 0, 0, 1], 0).into(), None, encode(&metrics))
        .await
        .unwrap();

    let scraped = scrape(&server, "").await;

    for name in NAMES {
        assert!(scraped.contains(name), "{name} is missing from\n{scraped}");
    }
    server.shutdown();
}

#[tokio::test]
async fn g8_without_the_token_nothing_is_shown() {
    let metrics = Arc::new(Metrics::new("1.2.3"));
    let token = Some("secret".to_owned());
    let server = MetricsServer::start(([127, 0, 0, 1], 0).into(), token, encode(&metrics))
        .await
        .unwrap();

    for wrong in [
        "",
        "Authorization: Bearer guess\r\n",
        "Authorization: secret\r\n",
    ] {
        let answer = scrape(&server, wrong).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(!answer.contains("wayside_"), "{answer}");
    }
    let answer = scrape(&server, "Authorization: Bearer secret\r\n").await;
    assert!(answer.contains("wayside_build_info"), "{answer}");
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let metrics = Arc::new(Metrics::new("1.2.3"));
    let server = MetricsServer::start(([127, 0, 0, 1], 0).into(), None, encode(&metrics))
        .await
        .unwrap();

    let second = MetricsServer::start(server.address(), None, encode(&metrics)).await;

    let error = second.err().unwrap().to_string();
    assert!(error.contains(&server.address().to_string()), "{error}");
}

fn count_one_of_each(metrics: &Metrics) {
    let method = GrpcMethod {
        service: "s",
        method: "m",
    };
    metrics.count_published("telemetry");
    metrics.count_delivered("hazard", Duration::from_millis(3));
    metrics.count_rejected("telemetry", "stale");
    metrics.count_dropped("telemetry", DropReason::SlowReader, 3);
    metrics.set_peers("connected", 2);
    metrics.set_certificate_expiry("ticket", Duration::from_secs(90));
    metrics.set_tickets_remaining(4);
    metrics.set_load("shedding_far", &["normal", "shedding_far"]);
    metrics.set_roadside(&RoadsideStanding {
        units_known: 3,
        units_dialled: 2,
        units_connected: 1,
        neighbours_dialled: 5,
        neighbours_connected: 4,
        lost: [("far", 9)].into(),
    });
    metrics.set_clock_offset(Some(Duration::from_millis(500)));
    metrics.set_state_silent(true);
    metrics.count_grpc(method, "OK", Duration::from_millis(1));
    metrics.change_grpc_streams(method, 1);
    metrics.set_subscriber_lag(7);
}

async fn scrape(server: &MetricsServer, header: &str) -> String {
    let request =
        format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n");
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
