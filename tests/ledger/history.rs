use std::fs;

use super::unit::{Unit, json, reading};

#[test]
fn l10_a_history_verifies_offline_and_with_any_byte_changed_it_does_not() {
    let mut unit = Unit::start();
    let vehicle = unit.enrol(6);
    let workshop = unit.key("workshop");
    for km in [100, 200] {
        unit.ledger_ok(&["submit", &reading(&vehicle, km), "--key", &workshop]);
    }
    unit.ledger_ok(&["history", &vehicle, "--out", "car.wayside"]);
    unit.ledger_ok(&[
        "checkpoint",
        "--bundle",
        "car.wayside",
        "--out",
        "checkpoint",
    ]);
    unit.stop();

    let anchored = ["car.wayside", "--checkpoint", "checkpoint"];
    let (code, text) = unit.verify(&anchored);
    assert_eq!(code, Some(0), "{text}");
    for said in [
        "VERIFIED",
        "DEVELOPMENT",
        "record_odometer",
        "odometer_km 200",
        "applied",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let (_, report) = unit.verify(&[&anchored[..], &["--json"]].concat());
    let report = json(&report);
    assert_eq!(report["verdict"], "verified");
    assert_eq!(report["vehicle"], vehicle.as_str());
    assert_eq!(report["odometer_km"], 200);

    let (code, text) = unit.verify(&["car.wayside"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.starts_with("CONSISTENT, BUT NOT ANCHORED"), "{text}");

    let bytes = fs::read(unit.path("car.wayside")).unwrap();
    let step = bytes.len() / 40;
    for index in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        fs::write(unit.path("forged.wayside"), changed).unwrap();
        let (code, text) = unit.verify(&["forged.wayside", "--checkpoint", "checkpoint"]);
        assert_eq!(code, Some(1), "byte {index}: {text}");
        assert!(text.starts_with("FALSE: "), "byte {index}: {text}");
    }
}

#[test]
fn a_single_proof_says_what_it_shows_and_that_it_is_not_anchored() {
    let unit = Unit::start();
    let vehicle = unit.enrol(7);
    let workshop = unit.key("workshop");
    let done = unit.ledger_ok(&["submit", &reading(&vehicle, 42), "--key", &workshop]);
    let id = json(&done)["id"].as_str().unwrap().to_owned();
    unit.ledger_ok(&["prove", &id, "--out", "reading.proof"]);

    let (code, text) = unit.verify(&["reading.proof"]);

    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("odometer_km 42"), "{text}");
    assert!(text.contains("[applied]"), "{text}");
}

#[test]
fn a_proof_of_the_state_is_told_in_words_and_as_json() {
    let unit = Unit::start();
    let vehicle = unit.enrol(8);
    let workshop = unit.key("workshop");
    unit.ledger_ok(&["submit", &reading(&vehicle, 42), "--key", &workshop]);

    let told = unit.ledger_ok(&["prove", &vehicle, "--out", "state.proof"]);
    let (code, text) = unit.verify(&["state.proof"]);

    assert_eq!(code, Some(3), "{text}");
    for text in [told, text] {
        assert!(text.contains(&format!("vehicle {vehicle}\n")), "{text}");
        assert!(text.contains("status: active\n"), "{text}");
        assert!(text.contains("odometer:\n"), "{text}");
        assert!(text.contains("  km: 42\n"), "{text}");
        assert!(text.contains("  read: 2025-06-01T"), "{text}");
    }
    let told = unit.ledger_ok(&["prove", &vehicle, "--json", "--out", "state.proof"]);
    let (_, verified) = unit.verify(&["state.proof", "--json"]);
    for value in [json(&told), json(&verified)] {
        assert_eq!(value["key"]["vehicle"], vehicle.as_str());
        assert_eq!(value["value"]["odometer"]["km"], 42);
        assert_eq!(value["value"]["odometer"]["source"], "workshop");
    }
}

#[test]
fn what_is_no_file_of_the_ledger_is_told_apart_from_what_is_false() {
    let unit = Unit::start();
    fs::write(unit.path("note.txt"), "the car is fine").unwrap();
    let (code, text) = unit.verify(&["note.txt"]);
    assert_eq!(code, Some(1), "{text}");
    let (code, _) = unit.verify(&["nowhere.wayside"]);
    assert_eq!(code, Some(2));
}
