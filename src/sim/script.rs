use std::{collections::BTreeMap, time::Duration};

use super::class_of;
use crate::{
    geo::Position,
    message::{Cause, HazardStatement, Telemetry},
    replay::{Content, Drive},
    security::Class,
    time::Timestamp,
};

/// A drive as a list of what its vehicles do, step by step.
///
/// Labels that name a cause become reports of the vehicle they are about, as its driving stack
/// would make them, and are cancelled where the label ends.
#[derive(Debug)]
pub struct Script {
    /// The vehicles' names.
    pub vehicles: Vec<String>,
    /// Their ticket classes, by the first thing they say of themselves.
    pub classes: Vec<Class>,
    /// Everything that happens, grouped by time.
    pub steps: Vec<Step>,
    /// The time of the first step.
    pub start: Timestamp,
    /// The time of the last step.
    pub end: Timestamp,
}

/// Everything that happens at one moment.
#[derive(Debug, Default)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// Vehicles that have said their last word before.
    pub leaving: Vec<usize>,
    /// Who does what, in the drive's order.
    pub actions: Vec<(usize, Action)>,
}

/// One thing that a vehicle does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Its driving stack knows its state.
    State(Telemetry),
    /// Its driving stack reports what a label says.
    Report {
        /// The label's index.
        label: usize,
        /// What it is.
        cause: Cause,
        /// Where it is; the vehicle's own place if `None`.
        position: Option<Position>,
    },
    /// Its driving stack reports that the label's event is over.
    Cancel {
        /// The label's index.
        label: usize,
    },
    /// Its driving stack reports a recorded hazard.
    Hazard(HazardStatement),
    /// It said these signed bytes.
    Wire(bytes::Bytes),
}

impl Script {
    /// The first `vehicles` vehicles of a drive, up to `duration` from its start.
    pub fn of(drive: &Drive, vehicles: Option<usize>, duration: Option<Duration>) -> Self {
        let count = vehicles.map_or(drive.vehicles.len(), |most| most.min(drive.vehicles.len()));
        let until = duration.map_or(drive.end(), |duration| {
            drive.start.saturating_add(duration).min(drive.end())
        });
        let mut script = Self {
            vehicles: drive
                .vehicles
                .iter()
                .take(count)
                .map(|vehicle| vehicle.name.clone())
                .collect(),
            classes: vec![Class::Car; count],
            steps: Vec::new(),
            start: drive.start,
            end: until,
        };
        let mut steps = BTreeMap::new();
        script.add_records(drive, &mut steps);
        script.add_labels(drive, &mut steps);
        script.steps = steps
            .into_iter()
            .map(|(at, step)| Step { at, ..step })
            .collect();
        script
    }

    /// Whether somebody says signed bytes, which only count at their own time.
    pub fn has_signed_messages(&self) -> bool {
        self.steps
            .iter()
            .flat_map(|step| &step.actions)
            .any(|(_, action)| matches!(action, Action::Wire(_)))
    }

    /// Each vehicle's first and last state; `None` for one without.
    pub fn spans(&self) -> Vec<Option<(Timestamp, Timestamp)>> {
        let mut spans = vec![None; self.vehicles.len()];
        for step in &self.steps {
            for (vehicle, action) in &step.actions {
                if let (Action::State(_), Some(span)) = (action, spans.get_mut(*vehicle)) {
                    let (start, _) = span.unwrap_or((step.at, step.at));
                    *span = Some((start, step.at));
                }
            }
        }
        spans
    }

    fn add_records(&mut self, drive: &Drive, steps: &mut BTreeMap<Timestamp, Step>) {
        let mut last_words: BTreeMap<usize, Timestamp> = BTreeMap::new();
        for record in &drive.records {
            if record.vehicle >= self.vehicles.len() || record.time > self.end {
                continue;
            }
            let action = match &record.content {
                Content::State(telemetry) => {
                    if let Some(class) = self.classes.get_mut(record.vehicle)
                        && !last_words.contains_key(&record.vehicle)
                    {
                        *class = class_of(telemetry);
                    }
                    Action::State(telemetry.clone())
                }
                Content::Hazard(statement) => Action::Hazard(statement.clone()),
                Content::Wire { signed, .. } => Action::Wire(signed.clone()),
            };
            last_words.insert(record.vehicle, record.time);
            let step = steps.entry(record.time).or_default();
            step.actions.push((record.vehicle, action));
        }
        for (vehicle, at) in last_words {
            if at < self.end {
                let gone = at.saturating_add(GONE_AFTER);
                steps.entry(gone).or_default().leaving.push(vehicle);
            }
        }
    }

    fn add_labels(&self, drive: &Drive, steps: &mut BTreeMap<Timestamp, Step>) {
        for (index, label) in drive.labels.iter().enumerate() {
            let (Some(vehicle), Some(cause)) = (label.vehicle, label.cause) else {
                continue;
            };
            if vehicle >= self.vehicles.len() || label.from > self.end {
                continue;
            }
            let report = Action::Report {
                label: index,
                cause,
                position: label.position,
            };
            let begins = steps.entry(label.from).or_default();
            begins.actions.push((vehicle, report));
            if let Some(until) = label.until.filter(|until| *until <= self.end) {
                let ends = steps.entry(until).or_default();
                ends.actions
                    .push((vehicle, Action::Cancel { label: index }));
            }
        }
    }
}

/// A vehicle that has said nothing for this long is gone; recordings at 1 Hz have gaps of a second.
const GONE_AFTER: Duration = Duration::from_millis(1_500);
