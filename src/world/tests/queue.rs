use proptest::prelude::*;

use crate::world::{
    GapReason, Overflow,
    queue::{Overflowed, Popped, Queue, QueueConfig},
};

fn queue(len_max: usize, latest_only: bool, overflow: Overflow) -> Queue<u8, u32> {
    Queue::new(QueueConfig {
        len_max,
        latest_only,
        overflow,
    })
}

#[test]
fn a_loss_before_the_queue_keeps_its_reason() {
    let mut queue = queue(2, false, Overflow::DropNewest);
    queue.push(0, 0).unwrap();
    queue.push_gap(3, GapReason::Overload);
    queue.push(0, 1).unwrap();
    queue.push(0, 2).unwrap();
    let reasons: Vec<Option<GapReason>> = std::iter::from_fn(|| queue.pop())
        .map(|popped| match popped {
            Popped::Change(_) => None,
            Popped::Gap { reason, .. } => Some(reason),
        })
        .collect();
    let (lost, slow) = (Some(GapReason::Overload), Some(GapReason::SlowReader));
    assert_eq!(reasons, [None, lost, None, slow]);
}

#[test]
fn a_queue_that_may_not_drop_says_that_it_is_full() {
    let mut queue = queue(1, false, Overflow::Close);
    assert_eq!(queue.push(0, 0), Ok(()));
    assert_eq!(queue.push(1, 1), Err(Overflowed));
}

proptest! {
    /// Every change comes out or is counted in a gap, and those that come out are in order.
    #[test]
    fn nothing_is_lost_in_silence(
        pushes in proptest::collection::vec(proptest::option::weighted(0.7, 0_u8..4), 0..200),
        len_max in 1_usize..8,
        newest in any::<bool>(),
    ) {
        let overflow = if newest { Overflow::DropNewest } else { Overflow::DropOldest };
        let mut queue = queue(len_max, false, overflow);
        let (mut pushed, mut accounted, mut last) = (0_u32, 0_u64, None);
        let mut take = |popped: Popped<u32>| {
            match popped {
                Popped::Change(change) => {
                    prop_assert!(last < Some(change));
                    // What stands before a change accounts for all that is missing before it.
                    prop_assert_eq!(u64::from(change), accounted);
                    last = Some(change);
                    accounted += 1;
                }
                Popped::Gap { dropped, .. } => accounted += dropped,
            }
            Ok(accounted)
        };
        for key in pushes {
            if let Some(key) = key {
                queue.push(key, pushed).unwrap();
                pushed += 1;
            } else if let Some(popped) = queue.pop() {
                take(popped)?;
            }
        }
        let mut total = take(Popped::Gap { dropped: 0, reason: GapReason::SlowReader })?;
        while let Some(popped) = queue.pop() {
            total = take(popped)?;
        }
        prop_assert_eq!(total, u64::from(pushed));
    }

    /// Without a buffer exactly the newest change of each key comes out.
    #[test]
    fn the_latest_of_each_key_comes_out(keys in proptest::collection::vec(0_u8..6, 0..100)) {
        let mut queue = queue(6, true, Overflow::Close);
        let mut newest = std::collections::BTreeMap::new();
        for (change, key) in (0_u32..).zip(keys) {
            queue.push(key, change).unwrap();
            newest.insert(key, change);
        }
        let mut changes = Vec::new();
        while let Some(popped) = queue.pop() {
            if let Popped::Change(change) = popped {
                changes.push(change);
            }
        }
        changes.sort_unstable();
        let mut expected: Vec<u32> = newest.into_values().collect();
        expected.sort_unstable();
        prop_assert_eq!(changes, expected);
    }
}
