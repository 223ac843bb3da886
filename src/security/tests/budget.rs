use std::time::Duration;

use super::super::budget::{Budget, Spent};
use crate::time::Instant;

#[test]
fn a_burst_is_paid_for_and_then_the_rate() {
    let budget = Budget::new(10, 3);
    let mut spent = Spent::default();
    let at = |ms| Instant::from_origin(Duration::from_millis(ms));
    let paid = (0..5).filter(|_| spent.take(budget, at(1_000))).count();
    assert_eq!(paid, 3);
    assert!(!spent.take(budget, at(1_099)));
    // Ten a second is one each 100 ms.
    assert!(spent.take(budget, at(1_100)));
    assert!(!spent.take(budget, at(1_100)));
}
