use std::collections::BTreeSet;

/// A roadside unit that may carry requests.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Unit {
    /// Its door, `host:port`.
    pub door: String,
    /// Whose it is, by the operator's number; `None` before it was reached.
    pub operator: Option<u16>,
}

/// The units in the order in which they are tried: those of operators that have no part in it first,
/// beginning with another one each turn, and those of `avoid` last.
///
/// A unit sees no more than sealed bytes and who asks for them; the enrolment operator's own unit
/// would see the address from which its vehicle comes, and the one met on the road the vehicle's
/// tickets. Tickets from there are still better than none.
pub fn in_turn<'a>(units: &'a [Unit], avoid: &BTreeSet<u16>, turn: u64) -> Vec<&'a Unit> {
    let is_avoided = |unit: &&Unit| unit.operator.is_some_and(|it| avoid.contains(&it));
    let (mut last, mut first): (Vec<&Unit>, Vec<&Unit>) = units.iter().partition(is_avoided);
    rotate(&mut first, turn);
    rotate(&mut last, turn);
    first.append(&mut last);
    first
}

fn rotate(units: &mut [&Unit], turn: u64) {
    let len = u64::try_from(units.len()).unwrap_or(u64::MAX).max(1);
    units.rotate_left(usize::try_from(turn % len).unwrap_or(0));
}
