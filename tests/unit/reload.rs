use std::{fs, path::Path};

use rustix::process::Signal;
use tokio::time::{sleep, timeout};
use wayside::rpc::road::v1::Relay;

use super::{
    committee::Committee,
    relay::{LOOK_PAUSE, publish, show, vehicle},
};
use crate::agent::process::{Agent, PATIENCE};

#[tokio::test]
async fn sighup_changes_circle_and_neighbours_and_keeps_vehicles_and_hazards() {
    let arguments = ["--relays", "2", "--vehicles", "1"];
    let committee = Committee::start_as(2, &arguments).await;
    let unit = committee.unit(1);
    let _vehicle = vehicle(&committee, 1).await;
    publish(committee.unit(0), "km-12").await;
    wait(unit, |it| {
        it.units == 1 && it.vehicles == 1 && it.hazards == 1
    })
    .await;
    let file = committee.folder().join("unit-2/unit.toml");
    let before = fs::read_to_string(&file).unwrap();

    write_section(&file, &before, &[("radius_m", "640"), ("neighbours", "[]")]);
    unit.signal(Signal::HUP);

    let alone = wait(unit, |it| it.radius_m == 640 && it.units == 0).await;
    assert_eq!((alone.vehicles, alone.hazards), (1, 1), "{alone:?}");
    fs::write(&file, &before).unwrap();
    unit.signal(Signal::HUP);
    let again = wait(unit, |it| it.radius_m == 650 && it.units == 1).await;
    assert_eq!((again.vehicles, again.hazards), (1, 1), "{again:?}");
}

/// Waits until a unit relays as wanted.
async fn wait(unit: &Agent, wanted: impl Fn(&Relay) -> bool) -> Relay {
    let waiting = async {
        loop {
            let shown = show(unit).await;
            if wanted(&shown) {
                return shown;
            }
            sleep(LOOK_PAUSE).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap()
}

/// Writes a configuration in which these keys, which stand there once, have other values.
fn write_section(file: &Path, text: &str, values: &[(&str, &str)]) {
    let mut changed = 0;
    let lines = text.lines().map(|line| {
        let is_named = |key: &&str| line.starts_with(&format!("{key} = "));
        let value = values.iter().find(|(key, _)| is_named(key));
        value.map_or_else(
            || line.to_owned(),
            |(key, value)| {
                changed += 1;
                format!("{key} = {value}")
            },
        )
    });
    let lines: Vec<String> = lines.collect();
    assert_eq!(changed, values.len());
    fs::write(file, lines.join("\n")).unwrap();
}
