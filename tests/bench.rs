//! `wayside bench` prints what it promises; what the figures are, it does not judge.

use std::{fmt::Write as _, process::Command};

use serde_json::Value;

#[test]
fn verify_prints_rows_with_units_and_the_floor_that_its_ratios_divide_by() {
    let report = bench(&["verify", "--seconds", "0.2", "--json"]);

    assert_eq!(report["bench"], "verify");
    assert!(report["version"].is_string());
    let backend = report["machine"]["ed25519_backend"].as_str().unwrap();
    assert!(["avx512-native", "avx512", "avx2", "serial"].contains(&backend));
    for case in ["bare_verify_strict", "receive_path", "plausibility", "sign"] {
        let rows = report["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["case"] == case).unwrap();
        assert!(row["cpu_us_per_msg"].as_f64().unwrap() > 0.0);
    }
    for ratio in ["receive_path_beyond_verify_us", "plausibility_us"] {
        assert!(report["ratios"][ratio].is_number());
    }
}

#[test]
fn detect_prints_who_is_found_and_who_is_accused_wrongly() {
    let drive = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/drives/town.mcap");
    let case = "zero_speed";
    let report = bench(&["detect", drive, "--seeds", "1", "--case", case, "--json"]);

    let all = &report["all"];
    // A release build is held to the same by `.ci/run`.
    let golden = include_str!("golden/verdicts.json");
    let golden: Value = serde_json::from_str(golden).unwrap();
    assert_eq!(all["attacks"][0]["wayside"]["verdicts"], golden[case]);
    let [row] = &all["attacks"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    assert_eq!(row["attack"], case);
    for detector in ["wayside", "catch"] {
        for figure in ["f1", "true_positive", "latency_s_p50", "cpu_us_per_msg"] {
            assert!(row[detector][figure].is_number(), "{detector}: {figure}");
        }
    }
    assert!(row["wayside"]["f1"].as_f64().unwrap() > 0.9);
    // Each way to count lies counts fewer windows than the one before.
    let lying = |row: &Value| {
        let count = |figure: &str| row["wayside"][figure].as_u64().unwrap();
        count("true_positive") + count("false_negative")
    };
    assert!(lying(&row["as_published"]) >= lying(row));
    assert!(lying(row) >= lying(&row["beyond_noise"]));
    assert!(lying(&row["beyond_noise"]) > 0);
    // The bundled drive is honest, as it was made and with noise.
    assert_eq!(all["as_recorded"]["wayside"]["false_windows"], 0);
    assert_eq!(all["with_noise"]["wayside"]["false_windows"], 0);
}

#[test]
fn risk_prints_what_followed_its_warnings() {
    // Twice, one drives at 10 m/s to where another stands, 55.5 m before it. A time below 3 s is first
    // seen at 2.6 s. In one, it brakes with 5 m/s² from 3 s on, and has 3.2 s left at 3.8 s. In the other,
    // the one ahead drives off as fast at 2.9 s.
    for (brakes, warned) in [(true, 6), (false, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("made-up.csv");
        std::fs::write(&file, standing_and_coming(brakes)).unwrap();
        let report = bench(&["risk", file.to_str().unwrap(), "--json"]);

        let [drive] = &report["drives"].as_array().unwrap()[..] else {
            panic!("{report}");
        };
        for map in ["without_map", "with_map"] {
            let relations = drive[map]["by_relation"].as_object().unwrap();
            let found = relations.get("ahead").or_else(|| relations.get("behind"));
            let found = found.unwrap_or_else(|| panic!("{report}"));
            assert_eq!(relations.len(), 1);
            assert_eq!(drive[map]["pairs"], 1);
            assert_eq!(found["warned"], warned);
            assert_eq!(found["came_near"], 0);
            assert_eq!(found["slowed"], if brakes { warned } else { 0 });
            assert_eq!(found["for_nothing"], if brakes { 0 } else { warned });
        }
    }
}

/// Seven seconds at 10 Hz.
fn standing_and_coming(brakes: bool) -> String {
    let mut text =
        "t_s,sender,lat,lon,heading_deg,speed_mps,accel_mps2,brake,hazard,label\n".to_owned();
    for step in 0..70 {
        let at_s = f64::from(step) / 10.0;
        let braked_s = if brakes {
            (at_s - 3.0).clamp(0.0, 2.0)
        } else {
            0.0
        };
        let driven_s = if brakes {
            at_s.min(3.0) + braked_s
        } else {
            at_s
        };
        let off_s = if brakes { 0.0 } else { (at_s - 2.9).max(0.0) };
        let off_speed = if off_s > 0.0 { 10.0 } else { 0.0 };
        let coming_m = 10.0 * driven_s - 2.5 * braked_s * braked_s;
        for (name, north_m, speed) in [
            ("ahead", 60.0 + 10.0 * off_s, off_speed),
            ("coming", coming_m, 10.0 - 5.0 * braked_s),
        ] {
            let latitude = 44.49 + north_m / 111_120.0;
            writeln!(
                text,
                "{at_s},{name},{latitude:.7},11.32,0,{speed:.2},,0,0,genuine"
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn agents_prints_what_a_message_costs_and_how_long_it_takes() {
    let case = "agents_1_connection";
    let report = bench(&["agents", "--seconds", "0.3", "--case", case, "--json"]);

    let [row] = &report["rows"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    assert_eq!(row["case"], case);
    for figure in [
        "cpu_us_per_msg",
        "p50_us",
        "p99_us",
        "rss_mib",
        "delivered_msgs",
    ] {
        assert!(row[figure].as_f64().unwrap() > 0.0, "{figure}");
    }
}

#[test]
fn grpc_prints_what_a_message_costs_from_stack_to_stack() {
    let report = bench(&["grpc", "--seconds", "1.5", "--json"]);

    let rows = report["rows"].as_array().unwrap();
    for case in ["bare_tonic_relay", "publish_to_subscribe"] {
        let row = rows.iter().find(|row| row["case"] == case).unwrap();
        for figure in [
            "cpu_us_per_msg",
            "p50_us",
            "p99_us",
            "rss_mib",
            "delivered_msgs",
        ] {
            assert!(row[figure].as_f64().unwrap() > 0.0, "{case}: {figure}");
        }
    }
    assert!(report["ratios"]["grpc_to_bare_tonic_relay"].is_number());
}

#[test]
fn relay_prints_what_a_unit_spends_on_a_message() {
    let cases = ["bare_quinn_relay_100_connections", "relay_100_connections"];
    let mut arguments = vec!["relay", "--seconds", "0.6", "--json"];
    for case in cases {
        arguments.extend(["--case", case]);
    }
    let report = bench(&arguments);

    for case in cases {
        let rows = report["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["case"] == case).unwrap();
        for figure in [
            "unit_cpu_us_per_msg",
            "receiver_cpu_us_per_msg",
            "p50_us",
            "p99_us",
            "rss_mib",
            "delivered_msgs",
        ] {
            assert!(row[figure].as_f64().unwrap() > 0.0, "{case}: {figure}");
        }
    }
    assert!(report["ratios"]["relay_100_connections_to_bare_quinn_relay"].is_number());
}

#[test]
fn relay_measures_a_unit_with_cars_around_it_and_one_under_junk() {
    let report = bench(&[
        "relay",
        "--seconds",
        "1.2",
        "--case",
        "scale_10",
        "--case",
        "junk",
        "--json",
    ]);

    let figure = |case: &str, name: &str| {
        let rows = report["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["case"] == case).unwrap();
        row[name].as_f64().unwrap()
    };
    for name in [
        "msgs_per_s",
        "relayed_msgs_per_s",
        "unit_cpu_us_per_msg",
        "rss_mib",
    ] {
        assert!(figure("scale_10", name) > 0.0, "{name}");
    }
    assert!(figure("junk", "junk_msgs_per_s") > 0.0);
    assert!(figure("junk", "delivered_share") > 0.0);
}

#[test]
fn relay_measures_a_unit_under_a_flood_and_one_that_cars_come_to_and_leave() {
    let report = bench(&[
        "relay",
        "--seconds",
        "2",
        "--case",
        "flooder",
        "--case",
        "churn",
        "--json",
    ]);

    let figure = |case: &str, name: &str| {
        let rows = report["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row["case"] == case).unwrap();
        row[name].as_f64().unwrap()
    };
    for case in ["flooder_idle", "flooder"] {
        assert!(figure(case, "delivered_share") > 0.0, "{case}");
    }
    assert!(figure("flooder", "flood_datagrams_per_s") > 100.0);
    assert!(report["ratios"]["flooder_p99_to_idle_p99"].is_number());
    assert!(figure("churn", "visits") > 0.0);
    assert!(figure("churn", "rss_kib_last") > 0.0);
    assert!(figure("churn", "files_last") <= figure("churn", "files_first") + 4.0);
}

#[test]
fn ledger_prints_what_each_stage_of_a_transaction_costs() {
    let report = bench(&["ledger", "--seconds", "0.2", "--case", "stages", "--json"]);

    let rows = report["rows"].as_array().unwrap();
    for case in [
        "bare_verify_strict",
        "decode",
        "check",
        "execute",
        "tree",
        "roots",
    ] {
        let row = rows.iter().find(|row| row["case"] == case).unwrap();
        assert!(row["cpu_us_per_tx"].as_f64().unwrap() > 0.0, "{case}");
    }
    assert!(report["ratios"]["verify_block_to_bare_verify"].is_number());
}

#[test]
fn ledger_measures_a_committee_of_four() {
    let case = "ledger_2_shards_batch_100";
    let report = bench(&["ledger", "--seconds", "2", "--case", case, "--json"]);

    let [row] = &report["rows"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    assert_eq!(row["refused_tx"].as_f64(), Some(0.0));
    for figure in ["tx_per_s", "p50_us", "cpu_us_per_tx_and_member", "rss_mib"] {
        assert!(row[figure].as_f64().unwrap() > 0.0, "{figure}");
    }
}

#[test]
fn ledger_measures_how_much_disk_a_year_takes() {
    let report = bench(&[
        "ledger",
        "--case",
        "year",
        "--transactions",
        "400",
        "--json",
    ]);

    let [row] = &report["rows"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    assert_eq!(row["transactions"].as_f64(), Some(400.0));
    assert_eq!(row["vehicles"].as_f64(), Some(20.0));
    let figure = |name: &str| row[name].as_f64().unwrap();
    assert!(figure("stored_mb") > figure("pruned_mb"));
    assert!(figure("pruned_mb") > figure("snapshot_mb"));
}

#[test]
fn ledger_measures_how_a_member_comes_back_that_lost_everything() {
    let report = bench(&["ledger", "--case", "rejoin", "--vehicles", "40", "--json"]);

    let [row] = &report["rows"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    assert_eq!(row["vehicles"].as_f64(), Some(40.0));
    for figure in ["births_s", "caught_up_s", "snapshot_bytes"] {
        assert!(row[figure].as_f64().unwrap() > 0.0, "{figure}");
    }
    assert!(row["began_at_height"].as_f64() >= row["snapshot_height"].as_f64());
}

fn bench(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_wayside"))
        .arg("bench")
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}
