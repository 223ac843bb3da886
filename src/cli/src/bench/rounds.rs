use std::{collections::BTreeMap, time::Duration};

use super::{
    meter::{median, micros, monotonic, thread_cpu},
    report::Row,
};

/// Processor time per message or transaction of each case, round by round.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    costs_us: BTreeMap<&'static str, Vec<f64>>,
}

/// Processor time of one case within one round.
#[derive(Debug, Default)]
pub(super) struct Spent {
    costs: BTreeMap<&'static str, (Duration, u32)>,
}

/// What was found of each case, round by round.
#[derive(Debug, Default)]
pub(super) struct Medians {
    found: BTreeMap<(&'static str, &'static str), Vec<f64>>,
}

/// Runs rounds until `length` has passed, at least one. What a first round must learn (keys,
/// tracks, branches) is not counted.
pub(super) fn measure(
    length: Duration,
    mut round: impl FnMut() -> anyhow::Result<Spent>,
) -> anyhow::Result<Rounds> {
    round()?;
    let mut rounds = Rounds::default();
    let end = monotonic() + length;
    loop {
        rounds.add(&round()?);
        if monotonic() >= end {
            return Ok(rounds);
        }
    }
}

impl Medians {
    /// Takes in what one round found of a case, by the figures' names.
    pub(super) fn keep(
        &mut self,
        case: &'static str,
        figures: impl IntoIterator<Item = (&'static str, f64)>,
    ) {
        for (name, figure) in figures {
            self.found.entry((case, name)).or_default().push(figure);
        }
    }

    /// A row of each of these cases of which something was found, with the medians.
    pub(super) fn rows(
        &mut self,
        cases: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Vec<Row> {
        let row = |(case, note)| {
            let of_case = self.found.iter_mut().filter(|((name, _), _)| *name == case);
            let figures: BTreeMap<_, _> = of_case
                .map(|((_, figure), values)| (*figure, median(values)))
                .collect();
            (!figures.is_empty()).then_some(Row {
                case,
                note,
                figures,
            })
        };
        cases.into_iter().filter_map(row).collect()
    }
}

impl Spent {
    /// Runs `work`, which handles so many messages, on the account of a case.
    pub(super) fn on<R>(
        &mut self,
        case: &'static str,
        messages: usize,
        work: impl FnOnce() -> R,
    ) -> R {
        let before = thread_cpu();
        let result = work();
        let spent = thread_cpu().saturating_sub(before);
        let (total, count) = self.costs.entry(case).or_default();
        *total += spent;
        *count += u32::try_from(messages).unwrap_or(u32::MAX);
        result
    }
}

impl Rounds {
    fn add(&mut self, spent: &Spent) {
        for (case, (total, count)) in &spent.costs {
            let costs = self.costs_us.entry(case).or_default();
            costs.push(micros(*total) / f64::from((*count).max(1)));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.costs_us.values().map(Vec::len).max().unwrap_or(0)
    }

    pub(super) fn median(&self, case: &str) -> f64 {
        median(&mut self.of(case))
    }

    pub(super) fn least(&self, case: &str) -> f64 {
        self.of(case).into_iter().fold(f64::INFINITY, f64::min)
    }

    /// The median over the rounds of what a case costs more than another in the same round.
    pub(super) fn difference(&self, case: &str, floor: &str) -> f64 {
        self.compare(case, floor, |cost, floor| cost - floor)
    }

    /// The median over the rounds of what a case costs for each unit of another in the same round.
    pub(super) fn ratio(&self, case: &str, floor: &str) -> f64 {
        self.compare(case, floor, |cost, floor| cost / floor)
    }

    fn compare(&self, case: &str, floor: &str, compare: impl Fn(f64, f64) -> f64) -> f64 {
        let pairs = self.of(case).into_iter().zip(self.of(floor));
        median(&mut pairs.map(|(a, b)| compare(a, b)).collect::<Vec<_>>())
    }

    fn of(&self, case: &str) -> Vec<f64> {
        self.costs_us.get(case).cloned().unwrap_or_default()
    }
}
