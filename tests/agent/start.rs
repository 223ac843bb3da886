use std::{fs, net::UdpSocket};

use super::process::{Pki, refused, wayside};

#[tokio::test]
async fn g1_public_addresses_without_authentication_are_refused() {
    let pki = Pki::new(1).await;
    for flag in ["--grpc-address", "--metrics-address"] {
        let mut command = pki.agent(1);
        if flag == "--metrics-address" {
            command = wayside(&["agent", "--config"]);
            command.arg(pki.path("vehicle-1/agent.toml"));
        }
        command.args([flag, "0.0.0.0:0"]);

        let error = refused(command).await;

        assert!(error.contains("0.0.0.0:0"), "{error}");
        assert!(error.contains("without authentication"), "{error}");
    }
}

#[tokio::test]
async fn ports_in_use_are_named() {
    let pki = Pki::new(1).await;
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (variable, taken) in [
        ("WAYSIDE__TRANSPORT__LISTEN", udp.local_addr().unwrap()),
        ("WAYSIDE__METRICS__ADDRESS", tcp.local_addr().unwrap()),
        ("WAYSIDE__GRPC__TCP__ADDRESS", tcp.local_addr().unwrap()),
    ] {
        let mut command = wayside(&["agent", "--config"]);
        command
            .arg(pki.path("vehicle-1/agent.toml"))
            .env("WAYSIDE__TRANSPORT__LISTEN", "127.0.0.1:0")
            .env("WAYSIDE__METRICS__ADDRESS", "127.0.0.1:0")
            .env(variable, taken.to_string());

        let error = refused(command).await;

        assert!(error.contains(&taken.to_string()), "{error}");
        assert!(error.contains("in use"), "{error}");
    }
}

#[tokio::test]
async fn unknown_keys_are_named_with_the_nearest() {
    let pki = Pki::new(1).await;
    let config = pki.path("vehicle-1/agent.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("socket =", "soket =")).unwrap();

    let error = refused(pki.agent(1)).await;

    assert!(error.contains("grpc.soket"), "{error}");
    assert!(error.contains("did you mean grpc.socket?"), "{error}");
    assert!(error.contains("agent.toml"), "{error}");
}

#[tokio::test]
async fn maps_that_say_nothing_of_lanes_or_of_their_place_are_refused() {
    let pki = Pki::new(1).await;
    let lane = "<lanelet id=\"1\"><leftBound><point><x>0</x><y>3</y></point>\
        <point><x>9</x><y>3</y></point></leftBound><rightBound><point><x>0</x><y>0</y></point>\
        <point><x>9</x><y>0</y></point></rightBound></lanelet>";
    let place = "<location><gpsLatitude>48</gpsLatitude><gpsLongitude>11</gpsLongitude></location>";
    for (text, problem) in [
        (format!("<commonRoad>{place}</commonRoad>"), "has no lanes"),
        (format!("<commonRoad>{lane}</commonRoad>"), "names no place"),
        (format!("<commonRoad>{place}{lane}"), "is not complete"),
    ] {
        fs::write(pki.path("map.xml"), text).unwrap();
        let mut command = pki.agent(1);
        command.env("WAYSIDE__RISK__MAP", pki.path("map.xml"));

        let error = refused(command).await;

        assert!(error.contains(problem), "{error}");
        assert!(error.contains("map.xml"), "{error}");
    }
}

#[tokio::test]
async fn missing_tickets_and_unwritable_folders_are_named() {
    let pki = Pki::new(1).await;
    for (variable, place) in [
        ("WAYSIDE__IDENTITY__TICKETS", pki.path("nowhere")),
        ("WAYSIDE__IDENTITY__TICKETS", pki.path("vehicle-1/state")),
        ("WAYSIDE__IDENTITY__TRUST_DOMAIN", pki.path("nowhere.toml")),
        ("WAYSIDE__IDENTITY__STATE", pki.path("trust-domain.toml")),
        ("WAYSIDE__RECORD__FOLDER", pki.path("trust-domain.toml")),
        ("WAYSIDE__RISK__MAP", pki.path("nowhere.xml")),
    ] {
        fs::create_dir_all(pki.path("vehicle-1/state")).unwrap();
        let mut command = pki.agent(1);
        command.env(variable, &place);

        let error = refused(command).await;

        assert!(error.contains(&place.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn two_agents_never_share_a_state_folder() {
    let pki = Pki::new(2).await;
    let _first = pki.start(1, &[]).await;
    let mut second = pki.agent(2);
    second.arg("--state").arg(pki.path("vehicle-1/state"));

    let error = refused(second).await;

    assert!(error.contains("in use by another process"), "{error}");
}

#[tokio::test]
async fn shown_configurations_are_accepted_again() {
    let pki = Pki::new(1).await;
    let shown = pki
        .agent(1)
        .args(["config", "show"])
        .output()
        .await
        .unwrap();
    let copy = pki.path("copy.toml");
    fs::write(&copy, &shown.stdout).unwrap();

    let checked = wayside(&["agent", "config", "check", "--config"])
        .arg(&copy)
        .output()
        .await
        .unwrap();

    assert!(checked.status.success(), "{checked:?}");
}
