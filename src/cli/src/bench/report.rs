use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::machine::Machine;

/// What a benchmark found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) bench: &'static str,
    pub(super) version: &'static str,
    pub(super) machine: Machine,
    pub(super) rows: Vec<Row>,
    /// Figures of two rows, one against the other.
    pub(super) ratios: BTreeMap<&'static str, f64>,
    /// What a peer in the same run allows, beside what was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) budgets: Vec<Budget>,
    /// Promises that did not hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) broken: Vec<String>,
}

/// One case, and its figures with their unit in the name.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) case: &'static str,
    /// What the case is, where its name does not tell.
    pub(super) note: &'static str,
    #[serde(flatten)]
    pub(super) figures: BTreeMap<&'static str, f64>,
}

/// What a peer in the same run allows, beside what was found. It fails no run, since machines differ.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Budget {
    name: String,
    found: f64,
    at_most: f64,
    is_held: bool,
}

impl Budget {
    /// `None` unless both were measured.
    pub(super) fn of(name: String, found: f64, at_most: f64) -> Option<Self> {
        (found.is_finite() && at_most.is_finite()).then_some(Self {
            name,
            found,
            at_most,
            is_held: found <= at_most,
        })
    }
}

impl Report {
    /// A report without rows.
    pub(super) fn new(bench: &'static str, machine: Machine) -> Self {
        Self {
            bench,
            version: env!("CARGO_PKG_VERSION"),
            machine,
            rows: Vec::new(),
            ratios: BTreeMap::new(),
            budgets: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// A figure of a case; not a number if there is none.
    pub(super) fn figure(&self, case: &str, name: &str) -> f64 {
        self.rows
            .iter()
            .find(|row| row.case == case)
            .and_then(|row| row.figures.get(name))
            .copied()
            .unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}: {}", self.bench, self.version, self.machine)?;
        for row in &self.rows {
            write!(f, "{:<28}", row.case)?;
            for (name, figure) in &row.figures {
                write!(f, "  {name} {figure:.2}")?;
            }
            writeln!(f)?;
            if !row.note.is_empty() {
                writeln!(f, "    {}", row.note)?;
            }
        }
        for (name, ratio) in &self.ratios {
            writeln!(f, "{name:<44} {ratio:.2}")?;
        }
        for budget in &self.budgets {
            let word = if budget.is_held { "held" } else { "MISSED" };
            let Budget {
                name,
                found,
                at_most,
                ..
            } = budget;
            writeln!(f, "{word:<7} {found:>9.2} of {at_most:>9.2}  {name}")?;
        }
        for broken in &self.broken {
            writeln!(f, "BROKEN: {broken}")?;
        }
        Ok(())
    }
}
