use super::{offices::*, world::*};
use crate::{
    id::ShardId,
    ledger::{
        ConfirmTicketKey, IssuingFacts, Outcome, Rule, ScheduleRules, SetGroup, StateView,
        WithdrawTicketKey, sample::genesis,
    },
};

#[test]
fn other_members_make_another_key() {
    let mut world = World::of(genesis(2));
    let both = &[COLD, COLD + 1];
    let scheduled = ScheduleRules {
        shard: ShardId(0),
        rules: 3,
        height: 0,
    };
    world.apply(0, both, scheduled);
    world.apply(0, both, policy());
    let members = |members: &[u16], threshold| SetGroup {
        members: members.to_vec(),
        threshold,
        ..group()
    };
    world.apply(0, both, members(&[0], 1));
    for operator in 0..2 {
        let (certified, cold) = (
            certify(&world, operator, 0, ISSUING + operator),
            cold_key(&world, operator),
        );
        world.apply(0, &[cold], certified);
    }
    world.apply(0, &[EA], part(0, 1));
    world.apply(0, both, members(&[0, 1], 2));
    let state = world.state(0);
    assert_eq!(state.key_part(GROUP, 0, 1), None);
    assert_eq!(state.key_board(GROUP).unwrap().ceremony, 1);
    let late = confirm(&world, 0, TICKET_KEY);
    let outcome = world.send(0, &[EA], late);
    assert_eq!(outcome, Outcome::Refused(Rule::CeremonyDiffers));
    world.apply(0, &[EA], part(1, 1));
    world.apply(0, &[LA], part(1, 1));
}

#[test]
fn all_members_make_a_key_and_the_board_is_cleared() {
    let mut world = World::new();
    offices(&mut world);
    for round in [1, 2] {
        for member in [TA, TB] {
            world.apply(0, &[member], part(1, round));
        }
    }
    assert_eq!(world.state(0).key_part(GROUP, 2, 1), Some(&vec![1; 100]));
    let confirmed = confirm(&world, 1, 80);
    world.apply(0, &[TA], confirmed.clone());
    assert_eq!(world.state(0).issuers().unwrap().entries.len(), 1);
    // They have to say the same.
    let other = ConfirmTicketKey {
        key: who(81),
        ..confirmed
    };
    world.apply(0, &[TB], other);
    assert_eq!(world.state(0).issuers().unwrap().entries.len(), 1);
    world.apply(0, &[TB], confirmed);
    let state = world.state(0);
    let newest = state.issuers().unwrap().entries.last().unwrap();
    assert_eq!((newest.id, newest.key), (1, who(80)));
    assert_eq!(
        (newest.members.as_slice(), newest.threshold),
        (&[2, 3][..], 2)
    );
    assert_eq!(state.key_board(GROUP).unwrap().ceremony, 2);
    for (member, round) in [(2, 1), (2, 2), (3, 1), (3, 2)] {
        assert_eq!(state.key_part(GROUP, member, round), None);
    }
}

#[test]
fn a_ceremony_that_failed_is_begun_anew() {
    let mut world = World::new();
    offices(&mut world);
    world.apply(0, &[TA], part(1, 1));
    world.apply(0, &[TB], part(2, 1));
    assert_eq!(world.state(0).key_part(GROUP, 2, 1), None);
    let outcome = world.send(0, &[TA], part(1, 2));
    assert_eq!(outcome, Outcome::Refused(Rule::CeremonyDiffers));
    world.apply(0, &[TA], part(2, 1));
}

#[test]
fn a_withdrawn_key_signs_no_tickets_that_count() {
    let mut world = World::new();
    offices(&mut world);
    let domain = |world: &World| {
        let facts = IssuingFacts::of_state(world.state(0), &world.genesis).unwrap();
        facts.trust_domain()
    };
    assert_eq!(domain(&world).unwrap().issuers().count(), 1);
    let ticket = ticket_by(&world, TICKET_KEY, slot(&world));
    assert!(domain(&world).unwrap().admit(&ticket).is_ok());
    // Issuing keys are at hand, unlike cold ones.
    world.apply(0, &[EA, LA, TB], WithdrawTicketKey { id: 0 });
    assert!(domain(&world).is_err());
    let confirmed = confirm(&world, 1, 80);
    world.apply(0, &[TA], confirmed.clone());
    world.apply(0, &[TB], confirmed);
    assert!(domain(&world).unwrap().admit(&ticket).is_err());
    let ids: Vec<_> = domain(&world).unwrap().issuers().map(|it| it.id).collect();
    assert_eq!(ids, [1], "an id names one key for ever");
}

#[test]
fn keys_whose_tickets_are_over_are_forgotten() {
    let mut world = World::new();
    offices(&mut world);
    world.wait(61 * DAY);
    let cold = [2, 3].map(|operator| cold_key(&world, operator));
    for (operator, cold) in (2..).zip(cold) {
        let certified = certify(&world, operator, 0, 80 + operator);
        world.apply(0, &[cold], certified);
    }
    let mut confirmed = confirm(&world, 1, 80);
    confirmed.until = world.time.saturating_add(DAY);
    world.apply(0, &[82], confirmed.clone());
    world.apply(0, &[83], confirmed);
    let ids = world.state(0).issuers().unwrap().entries.iter();
    assert_eq!(ids.map(|it| it.id).collect::<Vec<_>>(), [1]);
}

#[test]
fn counts_of_tickets_are_kept_for_slots_that_are_not_over() {
    let mut world = World::new();
    offices(&mut world);
    for _ in 0..20 {
        let now = slot(&world).number();
        world.apply(0, &[TA], commit(&[(now, 2), (now + 1, 3)]));
        world.wait(SLOT);
    }
    let issued = world.state(0).issued(GROUP).unwrap();
    assert_eq!((issued.batches, issued.tickets), (20, 100));
    assert!(issued.slots.len() <= usize::try_from(PRELOAD + 4).unwrap());
    let now = slot(&world).number();
    assert_eq!(issued.slots.get(&(now - 1)), Some(&5));
}
