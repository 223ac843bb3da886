use super::{EPOCH_UNIX_MS, sumo::pack, table::LIES};
use crate::replay::{ImportError, LabelledTraffic, import_labelled};

/// One liar says what is 7 s old, one speaks under a name that it invented and twice in a step.
const HEARD: &str = "\
t_s,sender,true_vehicle,lat,lon,heading_deg,speed_mps,accel_mps2,brake,hazard,label
10.0,a,a,44.4986,11.3271,346.5,14.3,-0.9,0,0,genuine
3.0,b,b,44.4904,11.3274,353.9,4.7,0,0,0,stale
10.05,c#1,c,44.4904,11.3275,353.9,4.7,0,0,0,sybil
10.0,c,c,44.4904,11.3274,353.9,4.7,0,0,0,genuine
10.1,a,a,44.4987,11.3271,346.5,14.3,-0.9,0,0,genuine
3.1,b,b,44.4904,11.3274,353.9,4.7,0,0,0,stale
";

fn labelled(text: &str) -> LabelledTraffic {
    import_labelled("a table", text.as_bytes())
        .unwrap()
        .unwrap()
}

fn times_ms(traffic: &LabelledTraffic) -> Vec<(&str, u64, u64)> {
    let since = |ms: u64| ms - EPOCH_UNIX_MS;
    let messages = traffic.messages.iter();
    let times = messages.map(|it| {
        let name = traffic.senders[it.sender].as_str();
        (
            name,
            since(it.generated.unix_ms()),
            since(it.received.unix_ms()),
        )
    });
    times.collect()
}

#[test]
fn stale_messages_come_with_the_honest_ones_beside_them() {
    let expected = [
        ("a", 10_000, 10_000),
        ("c", 10_000, 10_000),
        ("b", 3_000, 10_000),
        ("c#1", 10_050, 10_050),
        ("a", 10_100, 10_100),
        ("b", 3_100, 10_100),
    ];
    assert_eq!(times_ms(&labelled(HEARD)), expected);
}

#[test]
fn invented_name_belongs_to_the_vehicle_behind_it() {
    let traffic = labelled(HEARD);
    let invented = traffic
        .messages
        .iter()
        .find(|it| traffic.senders[it.sender] == "c#1")
        .unwrap();
    assert_eq!(traffic.vehicles[invented.vehicle], "c");
    assert_eq!(invented.lie.as_deref(), Some("sybil"));
    assert_eq!(traffic.vehicles.len(), 3);
    let honest = traffic.messages.iter().filter(|it| it.lie.is_none());
    assert_eq!(honest.count(), 3);
}

#[test]
fn liar_who_says_a_late_time_moves_nobody_elses() {
    let text = HEARD.replace("3.0,b,b", "99.0,b,b");
    let traffic = labelled(&text);
    let last = times_ms(&traffic).pop().unwrap();
    assert_eq!(last, ("b", 99_000, 99_000));
    assert!(times_ms(&traffic).contains(&("a", 10_100, 10_100)));
}

#[test]
fn who_repeats_another_comes_after_it() {
    let honest = "10.0,c,c,44.4904,11.3274,353.9,4.7,0,0,0,genuine\n";
    let repeated = "10.0,b,b,44.4904,11.3274,353.9,4.7,0,0,0,replay\n";
    let (header, _) = HEARD.split_once('\n').unwrap();
    let traffic = labelled(&format!("{header}\n{repeated}{honest}"));
    assert_eq!(
        times_ms(&traffic),
        [("c", 10_000, 10_000), ("b", 10_000, 10_000)]
    );
}

#[test]
fn packed_table_is_read_too() {
    let packed = pack(HEARD.as_bytes());
    let traffic = import_labelled("packed", &packed).unwrap().unwrap();
    assert_eq!(traffic, labelled(HEARD));
}

#[test]
fn other_recordings_have_no_truth_about_messages() {
    for text in [
        LIES.replace("true_vehicle", "vehicle_too"),
        LIES.replace(",label", ",verdict"),
        "<fcd-export/>".to_owned(),
        String::new(),
    ] {
        assert_eq!(import_labelled("other", text.as_bytes()).unwrap(), None);
    }
}

#[test]
fn lines_that_do_not_tell_are_left_out_and_counted() {
    let text = HEARD
        .replace("10.05,c#1,c,", "10.05,c#1,,")
        .replace("10.0,c,c", "soon,c,c")
        .replace("3.1,b,b", "3.1,b,b,b");
    let traffic = labelled(&text);
    assert_eq!(traffic.messages.len(), 3);
    for words in [
        "1 lines without a true vehicle or a label",
        "time: 1 unreadable",
        "1 lines with too few or too many columns",
    ] {
        let notes = &traffic.notes;
        assert!(notes.iter().any(|it| it.contains(words)), "{notes:?}");
    }
}

#[test]
fn cut_table_is_read_to_the_cut_and_says_so() {
    let text = HEARD.trim_end().strip_suffix(",0,0,stale").unwrap();
    let traffic = labelled(text);
    assert_eq!(traffic.messages.len(), 5);
    assert!(traffic.cut.unwrap().why.contains("line 7"));
}

#[test]
fn table_without_a_message_or_a_place_is_refused() {
    let (header, _) = HEARD.split_once('\n').unwrap();
    let refused = import_labelled("a header", header.as_bytes()).unwrap_err();
    assert!(matches!(refused, ImportError::NoVehicles { .. }));
    let text = HEARD.replace(",lat,", ",north,");
    let refused = import_labelled("no place", text.as_bytes()).unwrap_err();
    assert!(matches!(refused, ImportError::Columns(_)), "{refused}");
}
