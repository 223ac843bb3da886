use std::fmt::Write as _;

use wayside::replay::import_labelled;

use super::labelled::LabelledRow;

/// Twelve seconds at 10 Hz: `a` drives north at 10 m/s, `b` beside it says that it drives at 30 m/s,
/// and `c` speaks the truth for eleven seconds and invents `c#1` in the last.
fn row() -> LabelledRow {
    let mut text =
        "t_s,sender,true_vehicle,lat,lon,heading_deg,speed_mps,accel_mps2,brake,hazard,label\n"
            .to_owned();
    for step in 0..120 {
        let seconds = f64::from(step) / 10.0;
        let latitude = 44.49 + 10.0 * seconds / 111_120.0;
        let mut say = |who: &str, longitude: f64, speed: u32, label: &str| {
            let vehicle = who.split('#').next().unwrap();
            writeln!(
                text,
                "{seconds},{who},{vehicle},{latitude:.7},{longitude},0.0,{speed},0,0,0,{label}"
            )
            .unwrap();
        };
        say("a", 11.32, 10, "genuine");
        say("b", 11.33, 30, "speed");
        say("c", 11.34, 10, "genuine");
        if step >= 110 {
            say("c#1", 11.341, 10, "sybil");
        }
    }
    let traffic = import_labelled("made up", text.as_bytes());
    LabelledRow::of("made up", traffic.unwrap().unwrap())
}

#[test]
fn each_label_is_counted_beside_the_honest_alone() {
    let row = row();
    let json = serde_json::to_value(&row).unwrap();
    let [speed, sybil] = &json["labels"].as_array().unwrap()[..] else {
        panic!("two labels: {json}");
    };
    assert_eq!(speed["label"], "speed");
    // Its two windows of ten seconds.
    assert_eq!(speed["wayside"]["true_positive"], 2);
    assert_eq!(speed["wayside"]["false_negative"], 0);
    assert_eq!(speed["catch"]["true_positive"], 2);
    // Ten messages in one window, true in all but who says them.
    let windows = |it: &serde_json::Value| {
        it["true_positive"].as_u64().unwrap() + it["false_negative"].as_u64().unwrap()
    };
    assert_eq!(windows(&sybil["wayside"]), 1);
    // Of `a` alone: a vehicle that lies under another name is no witness of honesty.
    for label in [sybil, speed] {
        assert_eq!(label["wayside"]["true_negative"], 2);
        assert_eq!(label["wayside"]["false_positive"], 0);
    }
    assert_eq!(json["honest"]["windows"], 2);
}

#[test]
fn hours_are_of_the_honest_alone() {
    let json = serde_json::to_value(row()).unwrap();
    let hours = json["honest"]["vehicle_hours"].as_f64().unwrap();
    // From 0 s to 11.9 s.
    assert!((hours - 11.9 / 3_600.0).abs() < 1e-9, "{hours}");
}
