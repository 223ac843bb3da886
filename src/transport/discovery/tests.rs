use std::{net::SocketAddr, time::Duration};

use super::{frame::Announcement, table::Table};
use crate::{id::DomainId, time::Instant};

#[test]
fn announcements_survive_the_wire() {
    let announcement = of(5);
    assert_eq!(
        Announcement::decode(&announcement.encode()),
        Some(announcement)
    );
}

#[test]
fn what_is_no_announcement_is_ignored() {
    let bytes = of(5).encode();
    for cut in 0..bytes.len() {
        assert_eq!(Announcement::decode(&bytes[..cut]), None);
    }
    let mut longer = bytes.to_vec();
    longer.push(0);
    assert_eq!(Announcement::decode(&longer), None);
    // Magic and version; and a port of 0 cannot be dialled.
    for (index, byte) in [(0, b'x'), (4, 2)] {
        let mut other = bytes;
        other[index] = byte;
        assert_eq!(Announcement::decode(&other), None);
    }
    let portless = Announcement { port: 0, ..of(5) };
    assert_eq!(Announcement::decode(&portless.encode()), None);
}

#[test]
fn the_lower_nonce_dials_once() {
    let mut lower = Table::new(of(1), 8);
    let mut higher = Table::new(of(2), 8);
    assert_eq!(
        lower.handle_announcement(of(2), address(9), at(0)),
        Some(address(7440))
    );
    assert_eq!(lower.handle_announcement(of(2), address(9), at(1)), None);
    assert_eq!(higher.handle_announcement(of(1), address(9), at(0)), None);
}

#[test]
fn a_restarted_station_is_judged_anew() {
    let mut table = Table::new(of(3), 8);
    assert_eq!(table.handle_announcement(of(2), address(9), at(0)), None);
    assert_eq!(
        table.handle_announcement(of(4), address(9), at(1)),
        Some(address(7440))
    );
}

#[test]
fn other_domains_and_oneself_are_not_dialled() {
    let mut table = Table::new(of(1), 8);
    let foreign = Announcement {
        domain: DomainId(2),
        ..of(5)
    };
    assert_eq!(table.handle_announcement(foreign, address(9), at(0)), None);
    assert_eq!(table.handle_announcement(of(1), address(9), at(0)), None);
}

#[test]
fn q7_the_table_is_bounded_and_forgets() {
    let mut table = Table::new(of(1), 2);
    let dialled: Vec<_> = (1..=4)
        .filter_map(|port| {
            let announcement = Announcement { port, ..of(5) };
            table.handle_announcement(announcement, address(9), at(0))
        })
        .collect();
    assert_eq!(dialled, [address(1), address(2)]);
    assert_eq!(table.handle_timeout(at(5)), []);
    assert_eq!(table.handle_timeout(at(6)), [address(1), address(2)]);
    let late = Announcement { port: 4, ..of(5) };
    assert_eq!(
        table.handle_announcement(late, address(9), at(6)),
        Some(address(4))
    );
}

fn of(nonce: u8) -> Announcement {
    Announcement {
        domain: DomainId(1),
        port: 7440,
        nonce: [nonce; 8],
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn at(s: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(s))
}
