use std::fs;

use serde_json::Value;

use super::unit::{Unit, json, reading};

#[test]
fn a_file_is_recorded_once_however_often_it_is_sent() {
    let unit = Unit::start();
    let [first, second] = [1, 2].map(|number| unit.enrol(number));
    let born = unit.vehicle(&first)["records"].as_u64().unwrap();
    let lines = [
        "# of one day".to_owned(),
        reading(&first, 10_000),
        reading(&second, 500),
        reading(&first, 10_010),
        // Turned back: the record before it said more.
        reading(&first, 9_000),
    ];
    fs::write(unit.path("day.jsonl"), lines.join("\n")).unwrap();
    let workshop = unit.key("workshop");
    let submit = ["submit", "--file", "day.jsonl", "--key", &workshop];

    let sent = unit.ledger(&submit);
    let answers = answers(&sent.stdout);

    assert_eq!(sent.status.code(), Some(1), "{sent:?}");
    let outcomes: Vec<&str> = answers
        .iter()
        .map(|it| it["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["applied", "applied", "applied", "refused"]);
    assert_eq!(answers[3]["rule"], "odometer_decreased");
    assert_eq!(answers[3]["line"], 5);
    let after = unit.vehicle(&first);
    assert_eq!(after["odometer_m"], 10_010_000);
    assert_eq!(after["records"].as_u64().unwrap(), born + 3);

    let again = unit.ledger(&submit);

    let repeated = self::answers(&again.stdout);
    assert_eq!(ids(&repeated), ids(&answers));
    assert!(
        repeated.iter().all(|it| it["repeated"] == true),
        "{repeated:?}"
    );
    assert_eq!(unit.vehicle(&first)["records"], after["records"]);

    fs::write(
        unit.path("day.jsonl"),
        [&lines[..4], &[reading(&second, 510)]].concat().join("\n"),
    )
    .unwrap();
    let grown = unit.ledger(&submit);
    assert!(grown.status.success(), "{grown:?}");
    assert_eq!(unit.vehicle(&first)["records"], after["records"]);
    assert_eq!(unit.vehicle(&second)["odometer_m"], 510_000);
}

#[test]
fn a_run_that_was_cut_before_it_kept_a_line_makes_no_record_twice() {
    let unit = Unit::start();
    let vehicle = unit.enrol(3);
    let lines = [reading(&vehicle, 1_000), reading(&vehicle, 1_001)];
    fs::write(unit.path("day.jsonl"), lines.join("\n")).unwrap();
    let workshop = unit.key("workshop");
    let submit = ["submit", "--file", "day.jsonl", "--key", &workshop];
    let sent = ids(&answers(unit.ledger_ok(&submit).as_bytes()));
    let records = unit.vehicle(&vehicle)["records"].clone();
    // Half a line is what a cut leaves; what it stands for was not sent.
    let beside = unit.path("day.jsonl.sent");
    let kept = fs::read_to_string(&beside).unwrap();
    let whole = kept.lines().next().unwrap().to_owned() + "\n{\"record\":";
    fs::write(&beside, whole).unwrap();

    let again = answers(unit.ledger_ok(&submit).as_bytes());

    assert_eq!(ids(&again)[0], sent[0]);
    assert_eq!(again[0]["repeated"], true);
    // The second was forgotten, so it is a second reading of the same kilometres: one record more.
    let after = unit.vehicle(&vehicle)["records"].as_u64().unwrap();
    assert_eq!(after, records.as_u64().unwrap() + 1);
}

fn answers(stdout: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stdout).unwrap();
    text.lines().map(json).collect()
}

fn ids(answers: &[Value]) -> Vec<String> {
    let ids = answers.iter().map(|it| it["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}
