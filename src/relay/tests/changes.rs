use super::{Lab, around, unit_at};
use crate::{
    id::PeerId,
    relay::{Config, Notice, UnitPlace},
};

#[test]
fn a_changed_circle_is_told_to_units_and_cars_and_what_is_kept_stays() {
    let mut lab = Lab::new();
    let report = lab.hazard(1, 50.0, |_| ());
    lab.warns(1, &report);
    lab.join(2, around(300));
    lab.join_as(PeerId(3), 3, true);
    lab.notices();
    let smaller = UnitPlace {
        radius_m: 200,
        ..unit_at(0.0)
    };

    lab.relay.handle_change(smaller, Config::default());

    let notices = lab.notices();
    let told = |peer: u64| {
        let to_it = notices.iter().filter(|(to, _)| *to == peer);
        to_it.map(|(_, notice)| notice).collect::<Vec<_>>()
    };
    let here = Notice::Units(vec![smaller]);
    assert_eq!(told(2), [&here]);
    assert!(
        matches!(told(3).as_slice(), [Notice::Interest(interest), told]
            if interest.place == Some(smaller.position) && *told == &here),
        "{notices:?}"
    );
    assert_eq!(lab.relay.hazards_len(), 1);
    lab.relay.handle_change(smaller, Config::default());
    assert!(lab.notices().is_empty(), "nothing changed");
}
