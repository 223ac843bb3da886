mod chooser;
mod introductions;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use wayside::{
    geo::{LocalFrame, Offset, Position},
    time::Instant,
};

use super::Order;

/// The address of a unit or a neighbour of this number.
fn address(number: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), number)
}

/// So many metres to the east of where it all begins.
fn at_m(east_m: f64) -> Position {
    let origin = Position::from_e7(480_000_000, 110_000_000).unwrap();
    let offset = Offset {
        east_m,
        north_m: 0.0,
    };
    LocalFrame::at(origin).position(offset).unwrap()
}

fn at_s(seconds: f64) -> Instant {
    Instant::from_origin(Duration::from_secs_f64(1_000.0 + seconds))
}

/// Who is dialled after these orders; a second dialling or parting breaks a rule.
fn carry_out(dialled: &mut BTreeSet<u16>, order: Order) {
    match order {
        Order::Dial(address) => assert!(dialled.insert(address.port()), "dialled twice"),
        Order::Part(address) => assert!(dialled.remove(&address.port()), "was not dialled"),
    }
}
