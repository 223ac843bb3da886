//! Messages that wait for their signer's ticket.

use bytes::Bytes;

use crate::{
    id::{PeerId, StationId},
    message::MessageType,
    pipeline::waiting::Waiting,
    security::sample::start,
};

fn push(waiting: &mut Waiting, kind: MessageType, (station, peer): (u8, u64)) {
    let from = (StationId::from_bytes([station; 8]), PeerId(peer));
    waiting.push(kind, from, (Bytes::new(), 0), start());
}

#[test]
fn one_peer_takes_the_place_of_its_own_alone() {
    for (kind, share) in [(MessageType::Hazard, 32), (MessageType::Telemetry, 64)] {
        let mut waiting = Waiting::default();
        push(&mut waiting, kind, (1, 1));
        for _ in 0..1_000 {
            push(&mut waiting, kind, (2, 2));
        }
        assert_eq!(waiting.take(StationId::from_bytes([1; 8])).len(), 1);
        assert_eq!(waiting.take(StationId::from_bytes([2; 8])).len(), share);
    }
}

#[test]
fn many_peers_that_flood_take_the_place_of_each_other_alone() {
    for kind in [MessageType::Hazard, MessageType::Telemetry] {
        let mut waiting = Waiting::default();
        for _ in 0..3 {
            push(&mut waiting, kind, (1, 1));
        }
        for round in 0..1_000 {
            push(&mut waiting, kind, (2, 2 + round % 20));
        }
        assert_eq!(waiting.take(StationId::from_bytes([1; 8])).len(), 3);
    }
}
