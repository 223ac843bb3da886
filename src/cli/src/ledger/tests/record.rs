use super::reading;
use crate::ledger::record::Record;

#[test]
fn equal_lines_are_told_apart_and_spaces_are_not() {
    let spaced = reading(1, 5).replace(':', " : ");
    let text = [reading(1, 5), reading(1, 6), spaced].join("\n");

    let records = Record::parse_all(&text).unwrap();

    assert_eq!(records[0].name.record, records[2].name.record);
    assert_eq!(records[0].name.occurrence, 0);
    assert_eq!(records[1].name.occurrence, 0);
    assert_eq!(records[2].name.occurrence, 1);
}

#[test]
fn comments_and_empty_lines_are_left_out_and_counted() {
    let text = format!("# of Monday\n\n{}\n", reading(1, 5));
    let records = Record::parse_all(&text).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].line, 3);
}

#[test]
fn nothing_of_a_file_counts_if_one_line_is_wrong() {
    let wrong = reading(1, 5).replace("odometer_km", "odometer_miles");
    let error = Record::parse_all(&format!("{}\n{wrong}", reading(1, 4))).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.starts_with("line 2: "), "{error}");
    assert!(error.contains("odometer_miles"), "{error}");
}

#[test]
fn records_of_one_vehicle_have_a_name_in_common() {
    let [first, second, other] =
        [reading(1, 5), reading(1, 6), reading(2, 5)].map(|text| Record::parse(&text).unwrap());
    assert!(!first.subjects.is_disjoint(&second.subjects));
    assert!(first.subjects.is_disjoint(&other.subjects));
}
