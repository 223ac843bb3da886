use std::{
    env,
    panic::{self, AssertUnwindSafe},
};

/// Runs a test once for each seed from `WAYSIDE_SEED` on, `WAYSIDE_SEEDS` of them or `count`; what
/// came of each.
///
/// # Panics
///
/// If any failed, with the seeds to try again.
pub(super) fn each<T>(count: u64, test: impl Fn(u64) -> T) -> Vec<T> {
    let number = |name, otherwise| env::var(name).map_or(otherwise, |it| it.parse().unwrap());
    let first = number("WAYSIDE_SEED", 0);
    let (mut passed, mut failed) = (Vec::new(), Vec::new());
    for seed in first..first + number("WAYSIDE_SEEDS", count) {
        match panic::catch_unwind(AssertUnwindSafe(|| test(seed))) {
            Ok(it) => passed.push(it),
            Err(_) => {
                eprintln!("failed with WAYSIDE_SEED={seed} WAYSIDE_SEEDS=1");
                failed.push(seed);
            }
        }
    }
    assert!(
        failed.is_empty(),
        "failed with WAYSIDE_SEED={failed:?} WAYSIDE_SEEDS=1"
    );
    passed
}
