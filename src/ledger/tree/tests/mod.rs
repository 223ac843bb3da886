mod map;
mod proof;
mod snapshot;

use super::Tree;

/// A tree with a value under each number below `count`.
fn numbers(count: u32) -> Tree<u32, u64> {
    Tree::new().apply((0..count).map(|key| (key, Some(value(key)))).collect())
}

fn value(key: u32) -> u64 {
    u64::from(key) * 1_000
}
