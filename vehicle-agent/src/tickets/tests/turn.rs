use std::collections::BTreeSet;

use crate::tickets::{Unit, in_turn};

#[test]
fn units_of_others_come_first_and_each_begins_once() {
    let units: Vec<_> = [Some(0), Some(1), None, Some(2)]
        .iter()
        .enumerate()
        .map(|(number, operator)| Unit {
            door: number.to_string(),
            operator: *operator,
        })
        .collect();
    let order = |turn| {
        let avoid = BTreeSet::from([1]);
        let doors = in_turn(&units, &avoid, turn);
        doors
            .into_iter()
            .map(|it| it.door.clone())
            .collect::<String>()
    };
    assert_eq!(
        [0, 1, 2, 3].map(order),
        ["0231", "2301", "3021", "0231"].map(str::to_owned)
    );
}

#[test]
fn without_units_nobody_is_asked() {
    assert!(in_turn(&[], &BTreeSet::new(), u64::MAX).is_empty());
}
