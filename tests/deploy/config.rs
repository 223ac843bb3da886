use std::fs;

use crate::agent::process::{Pki, wayside};

#[tokio::test]
async fn everything_that_is_wrong_is_named_at_once() {
    let pki = Pki::new(1).await;
    let config = pki.path("wrong.toml");
    let text = "[grpc]\nsoket = \"a\"\nmode = \"0888\"\n[grpc.tcp]\naddress = \"0.0.0.0:7446\"\n\
                [metrics]\naddress = \"0.0.0.0:9464\"\n[log]\nfilter = 7\n";
    fs::write(&config, text).unwrap();
    for daemon in ["agent", "unit"] {
        let mut check = wayside(&[daemon, "config", "check", "--config"]);
        check.arg(&config).env("WAYSIDE__SHUTDOWN__GRASE", "5s");

        let output = check.output().await.unwrap();

        assert_eq!(output.status.code(), Some(1));
        let named = String::from_utf8(output.stdout).unwrap();
        for expected in [
            "unknown key grpc.soket in file",
            "did you mean grpc.socket?",
            "bad value for grpc.mode in file",
            "bad value for log.filter in file",
            "unknown key shutdown.grase in environment variable WAYSIDE__SHUTDOWN__GRASE",
            "grpc.tcp.address = 0.0.0.0:7446 can be reached by anybody",
            "metrics.address = 0.0.0.0:9464 can be reached by anybody",
        ] {
            assert!(named.contains(expected), "{expected} is missing:\n{named}");
        }
        assert_eq!(named.lines().count(), 6, "{named}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error, "error: the configuration is refused: 6 wrong\n");
    }
}

#[tokio::test]
async fn each_value_is_shown_with_where_it_comes_from() {
    let pki = Pki::new(1).await;
    let config = pki.path("vehicle-1/agent.toml");
    let mut show = wayside(&[
        "agent",
        "--log-format",
        "json",
        "config",
        "show",
        "--config",
    ]);
    show.arg(&config).env("WAYSIDE__SHUTDOWN__GRACE", "7s");

    let output = show.output().await.unwrap();

    assert!(output.status.success(), "{output:?}");
    let shown = String::from_utf8(output.stdout).unwrap();
    let socket = pki.path("vehicle-1/agent.sock");
    for line in [
        format!(
            "socket = \"{}\"  # file {}",
            socket.display(),
            config.display()
        ),
        "grace = \"7s\"  # environment variable WAYSIDE__SHUTDOWN__GRACE".to_owned(),
        "format = \"json\"  # flag --log-format".to_owned(),
        "connections_max = 64  # default".to_owned(),
        "\"wayside://role/observer\" = \"observer\"  # default".to_owned(),
    ] {
        assert!(shown.lines().any(|it| it == line), "{line}\n{shown}");
    }
}
