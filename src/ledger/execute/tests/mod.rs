mod access;
mod battery;
mod bundle;
mod ceremony;
mod committee;
mod committees;
mod custody;
mod enrolment;
mod governance;
mod history;
mod issuing;
mod misbehaviour;
mod model;
mod odometer;
mod offices;
mod ownership;
mod part;
mod recall;
mod revocation;
mod revocations;
mod scenes;
mod shards;
mod testimony;
mod trip;
mod vehicle;
mod warranty;
mod wear;
mod world;

use std::collections::BTreeSet;

use self::world::World;
use crate::ledger::{Outcome, Rule};

/// What makes a ledger refuse something by a rule: everything before the last transaction is
/// applied, the last one is refused.
type Case = (Rule, fn(&mut World) -> Outcome);

const ALL: &[&[Case]] = &[
    access::CASES,
    battery::CASES,
    committee::CASES,
    custody::CASES,
    enrolment::CASES,
    governance::CASES,
    issuing::CASES,
    misbehaviour::CASES,
    odometer::CASES,
    ownership::CASES,
    part::CASES,
    recall::CASES,
    revocation::CASES,
    testimony::CASES,
    trip::CASES,
    vehicle::CASES,
    warranty::CASES,
    wear::CASES,
];

/// Holds each case against its rule.
fn hold(cases: &[Case]) {
    for (rule, case) in cases {
        let outcome = case(&mut World::new());
        assert_eq!(outcome, Outcome::Refused(*rule), "{}", rule.name());
    }
}

#[test]
fn l14_every_rule_has_a_case() {
    let held: BTreeSet<_> = ALL
        .iter()
        .copied()
        .flatten()
        .map(|(rule, _)| *rule)
        .collect();
    let all: BTreeSet<_> = Rule::ALL.iter().copied().collect();
    let missing: Vec<_> = all.difference(&held).map(|rule| rule.name()).collect();
    assert_eq!(missing, [""; 0]);
}
