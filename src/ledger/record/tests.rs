use proptest::prelude::*;
use std::collections::BTreeSet;

use super::NonceWindow;

#[test]
fn nonces_ahead_of_the_window_wait() {
    let mut nonces = NonceWindow::default();
    assert!(!nonces.take(256));
    assert!(nonces.take(255));
    assert!(nonces.take(0));
    assert!(nonces.take(256));
    assert_eq!(nonces.next(), 1);
}

#[test]
fn the_last_number_is_never_a_nonce() {
    let mut nonces: NonceWindow =
        borsh::from_slice(&borsh::to_vec(&(u64::MAX - 1, [0_u64; 4])).unwrap()).unwrap();
    assert!(nonces.take(u64::MAX - 1));
    assert!(!nonces.take(u64::MAX));
}

proptest! {
    #[test]
    fn a_window_answers_as_a_set_of_all_used_nonces_does(
        steps in proptest::collection::vec(0_u64..300, 1..600),
    ) {
        let mut nonces = NonceWindow::default();
        let mut used = BTreeSet::new();
        for step in steps {
            // Mostly the next ones, now and then far ahead.
            let nonce = nonces.next() + if step < 200 { step / 40 } else { step };
            let next = (0..).find(|it| !used.contains(it)).unwrap();
            prop_assert_eq!(nonces.next(), next);
            let may = !used.contains(&nonce) && nonce < next + 256;
            prop_assert_eq!(nonces.take(nonce), may);
            if may {
                used.insert(nonce);
            }
            prop_assert_eq!(nonces.is_used(nonce), used.contains(&nonce));
        }
    }
}
