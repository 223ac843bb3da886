use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::Value;
use wayside::ledger::Action;

/// One line of a file of records: what shall happen, in the user's words.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// The line, from 1.
    pub(super) line: usize,
    /// What the line asks for.
    pub(super) action: Action,
    /// What tells this record from the others of the file.
    pub(super) name: RecordName,
    /// What it is about: of two records with one of these in common, the later one waits.
    pub(super) subjects: BTreeSet<String>,
}

/// What a record says, and how many of the same stood before it in the file; so that lines may be
/// added and moved about between two runs.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct RecordName {
    /// The record as JSON, however its line was spaced.
    pub(super) record: String,
    /// 0 for the first of equal ones.
    pub(super) occurrence: u64,
}

impl Record {
    /// Reads lines of JSON, one action each; empty ones and those that begin with `#` are left out.
    ///
    /// Fails for the first line that is no action, so that nothing is sent of a file that is wrong.
    pub(super) fn parse_all(text: &str) -> anyhow::Result<Vec<Self>> {
        let mut records = Vec::new();
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let mut record = Self::parse(text).with_context(|| format!("line {line}"))?;
            let occurrences = seen.entry(record.name.record.clone()).or_default();
            record.line = line;
            record.name.occurrence = *occurrences;
            *occurrences += 1;
            records.push(record);
        }
        Ok(records)
    }

    /// Reads one action from JSON.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let action: Action = serde_json::from_str(text).context("not a record of the ledger")?;
        let mut subjects = BTreeSet::new();
        collect_names(&serde_json::to_value(&action)?, &mut subjects);
        Ok(Self {
            line: 1,
            name: RecordName {
                record: serde_json::to_string(&action)?,
                occurrence: 0,
            },
            action,
            subjects,
        })
    }
}

/// Collects what must not be overtaken: vehicles, parts, and accounts whose roles change.
fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect_names(value, names)),
        Value::Object(fields) => {
            for (field, value) in fields {
                match value.as_str() {
                    Some(name) if ORDERED.contains(&field.as_str()) => {
                        names.insert(name.to_owned());
                    }
                    _ => collect_names(value, names),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The fields that name them.
const ORDERED: [&str; 8] = [
    "claim", "key", "part", "policy", "serial", "tag", "to", "vehicle",
];
