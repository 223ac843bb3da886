use std::{collections::BTreeSet, time::Duration};

use super::{Lab, around, unit_at};
use crate::{
    id::PeerId,
    relay::{Config, Interest, Notice, UnitPlace},
};

fn callable() -> Interest {
    Interest {
        listen_port: Some(4_433),
        ..around(300)
    }
}

/// To whom each vehicle was introduced, by the last byte of the address.
fn introduced(lab: &mut Lab) -> Vec<(u64, Vec<u8>)> {
    lab.pass(Duration::from_secs(1));
    lab.notices()
        .into_iter()
        .filter_map(|(peer, notice)| match notice {
            Notice::Introduction(neighbours) => {
                let last = |address: std::net::SocketAddr| match address.ip() {
                    std::net::IpAddr::V4(ip) => ip.octets()[3],
                    std::net::IpAddr::V6(_) => 0,
                };
                Some((peer, neighbours.iter().map(|it| last(it.address)).collect()))
            }
            Notice::Interest(_)
            | Notice::Units(_)
            | Notice::Sheds(_)
            | Notice::Evidence(_)
            | Notice::Testimony(_) => None,
        })
        .collect()
}

#[test]
fn the_nearest_that_may_be_called_are_introduced_and_only_what_changes_is_told() {
    let config = Config {
        introduced_max: 2,
        ..Config::default()
    };
    let mut lab = Lab::of(config);
    for (vehicle, east_m) in [(1, 0.0), (2, 50.0), (3, 120.0), (4, 200.0), (5, 900.0)] {
        lab.join(vehicle, callable());
        lab.says(vehicle, east_m);
    }
    lab.join(6, around(300));
    lab.says(6, 10.0);
    assert_eq!(
        introduced(&mut lab),
        [
            (1, vec![2, 3]),
            (2, vec![1, 3]),
            (3, vec![2, 4]),
            (4, vec![3, 2]),
        ]
    );
    assert_eq!(introduced(&mut lab), []);
    lab.relay.handle_left(PeerId(2));
    assert_eq!(
        introduced(&mut lab),
        [(1, vec![3, 4]), (3, vec![4, 1]), (4, vec![3, 1])]
    );
}

#[test]
fn the_address_is_where_it_calls_from_at_the_port_it_named() {
    let mut lab = Lab::new();
    for vehicle in [1, 2] {
        lab.join(vehicle, callable());
        lab.says(vehicle, 0.0);
    }
    lab.pass(Duration::from_secs(1));
    let station = lab.station(2);
    let neighbour = lab
        .notices()
        .into_iter()
        .find_map(|(peer, notice)| match notice {
            Notice::Introduction(neighbours) if peer == 1 => neighbours.first().copied(),
            Notice::Introduction(_)
            | Notice::Interest(_)
            | Notice::Units(_)
            | Notice::Sheds(_)
            | Notice::Evidence(_)
            | Notice::Testimony(_) => None,
        });
    let neighbour = neighbour.unwrap();
    assert_eq!(neighbour.address, "192.0.2.2:4433".parse().unwrap());
    assert_eq!(neighbour.station, station);
}

#[test]
fn who_names_no_port_any_more_is_introduced_no_more() {
    let mut lab = Lab::new();
    for vehicle in [1, 2] {
        lab.join(vehicle, callable());
        lab.says(vehicle, 0.0);
    }
    introduced(&mut lab);
    lab.relay.handle_interest(PeerId(2), around(300));
    assert_eq!(introduced(&mut lab), [(1, vec![])]);
}

#[test]
fn nobody_is_introduced_where_that_is_off() {
    let mut lab = Lab::of(Config {
        introduced_max: 0,
        ..Config::default()
    });
    for vehicle in [1, 2] {
        lab.join(vehicle, callable());
        lab.says(vehicle, 0.0);
    }
    assert_eq!(introduced(&mut lab), []);
}

#[test]
fn units_are_told_at_the_first_interest_and_when_they_change() {
    let mut lab = Lab::new();
    lab.join(1, around(300));
    assert_eq!(lab.notices(), [(1, Notice::Units(vec![unit_at(0.0)]))]);
    lab.join_as(PeerId(9), 9, true);
    let told: BTreeSet<_> = lab.notices().iter().map(|(peer, _)| *peer).collect();
    assert_eq!(told, BTreeSet::from([9]), "our interest and our place");
    let other = UnitPlace {
        address: "192.0.2.201:4433".parse().unwrap(),
        ..unit_at(1_500.0)
    };
    lab.relay.handle_units(PeerId(9), &[other]);
    lab.relay.handle_units(PeerId(1), &[other]);
    lab.pass(Duration::from_secs(1));
    assert_eq!(
        lab.notices(),
        [
            (1, Notice::Units(vec![unit_at(0.0), other])),
            (9, Notice::Units(vec![unit_at(0.0)]))
        ]
    );
    lab.relay.handle_left(PeerId(9));
    lab.pass(Duration::from_secs(1));
    assert_eq!(lab.notices(), [(1, Notice::Units(vec![unit_at(0.0)]))]);
}

#[test]
fn whom_one_hears_by_itself_changes_nothing_else() {
    let mut lab = Lab::new();
    lab.join(1, around(300));
    assert_eq!(lab.notices().len(), 1, "where units are");
    let heard = vec![lab.station(2)];
    let interest = Interest {
        heard: heard.clone(),
        ..around(300)
    };
    lab.relay.handle_interest(PeerId(1), interest.clone());
    assert_eq!(lab.notices(), []);
    assert_eq!(lab.relay.members[&PeerId(1)].interest.heard, heard);
    // Where it is counts until its own telemetry says so.
    let here = Interest {
        place: Some(unit_at(0.0).position),
        ..interest
    };
    lab.relay.handle_interest(PeerId(1), here.clone());
    assert_eq!(lab.notices().len(), 1);
    assert!(lab.relay.members[&PeerId(1)].place.is_some());
    lab.says(1, 0.0);
    let elsewhere = Interest {
        place: Some(unit_at(100.0).position),
        ..here
    };
    lab.relay.handle_interest(PeerId(1), elsewhere);
    assert_eq!(lab.notices(), []);
}

#[test]
fn a_crowd_is_introduced_little_by_little() {
    let mut lab = Lab::new();
    // Two connections each, since there are not as many names in the tests.
    for number in 0..500_u16 {
        let vehicle = u8::try_from(number % 250).unwrap();
        let peer = PeerId(number.into());
        lab.join_as(peer, vehicle, false);
        let place = Some(unit_at(f64::from(number) / 10.0).position);
        lab.relay.handle_interest(
            peer,
            Interest {
                place,
                ..callable()
            },
        );
    }
    lab.notices();
    let rounds: Vec<_> = (0..5).map(|_| introduced(&mut lab).len()).collect();
    // Each has 500 to choose from, and 65,536 are looked at in one round.
    assert_eq!(rounds, [132, 132, 132, 104, 0]);
}
