//! Figures of many of which some are wrong.

/// A value, and how much it counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Weighted {
    pub(super) value: u64,
    pub(super) weight: u64,
}

/// The value that has half of the weight on either side, the lower of two; `None` without weight.
pub(super) fn median(mut values: Vec<Weighted>) -> Option<u64> {
    let total: u64 = values.iter().map(|it| it.weight).sum();
    values.sort_unstable_by_key(|it| it.value);
    let mut passed = 0;
    values
        .into_iter()
        .filter(|it| it.weight > 0)
        .find(|it| {
            passed += it.weight;
            2 * passed >= total
        })
        .map(|it| it.value)
}

/// The median of how far the values are from a middle.
pub(super) fn deviation(values: &[Weighted], middle: u64) -> Option<u64> {
    let apart = values.iter().map(|it| Weighted {
        value: it.value.abs_diff(middle),
        weight: it.weight,
    });
    median(apart.collect())
}
