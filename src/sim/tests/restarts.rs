use super::{Convoy, seconds};
use crate::{
    pipeline::Event,
    security::SlotClock,
    sim::{Conditions, NodeId, Seed},
};

#[test]
fn a_car_killed_at_a_thousand_instants_never_convicts_itself() {
    let mut instants = Seed(11).choices("kills");
    let mut equivocations = 0;
    // 20 drives with 50 kills each, over changes of ticket.
    for seed in 0..20 {
        let slots = SlotClock::from_length_s(5).unwrap();
        let mut convoy = Convoy::with_slots(2, Conditions::default(), seed, slots);
        for _ in 0..50 {
            convoy.drive(std::time::Duration::from_millis(instants.below(400)));
            convoy.restart(NodeId(1));
            assert!(convoy.road.connect(NodeId(0), NodeId(1)));
        }
        let before = convoy.road.take_events();
        convoy.drive(seconds(1));
        let after = convoy.road.take_events();
        assert_eq!(super::deliveries(&after, NodeId(0)), 10, "seed {seed}");
        let events = before.iter().chain(&after);
        equivocations += events
            .filter(|(_, _, event)| matches!(event, Event::Equivocation(_)))
            .count();
    }
    assert_eq!(equivocations, 0);
}

#[test]
fn a_restarted_car_is_heard_again_within_its_slot() {
    let mut convoy = Convoy::new(2, Conditions::default(), 1);
    convoy.drive(seconds(1));
    convoy.restart(NodeId(1));
    assert!(convoy.road.connect(NodeId(0), NodeId(1)));
    convoy.road.take_events();
    convoy.drive(seconds(1));
    let heard = super::deliveries(&convoy.road.take_events(), NodeId(0));
    assert_eq!(heard, 10);
}
