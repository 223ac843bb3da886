use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;
use wayside::{
    replay::{LabelledMessage, LabelledTraffic},
    sim::{Falsity, Said, Sender, Traffic},
    time::Timestamp,
};

use super::{
    counts::Both,
    hear,
    report::{Found, Honest},
    score,
};

/// Traffic that came with the truth about each message, heard as it was said: without noise, loss or
/// liars of ours.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LabelledRow {
    source: String,
    vehicles: usize,
    messages: usize,
    /// What the importer assumed or left out.
    notes: Vec<String>,
    /// What is said of vehicles that never lie.
    honest: Honest,
    /// Those of them that Wayside flags, and how many seconds after their first message.
    flagged_after_s: BTreeMap<String, f64>,
    labels: Vec<LabelRow>,
    macro_f1_of_wayside: f64,
    macro_f1_of_catch: f64,
}

/// All messages of one label, beside those of vehicles that never lie.
#[derive(Clone, Debug, Serialize)]
struct LabelRow {
    label: String,
    #[serde(flatten)]
    found: Both<Found>,
}

impl LabelledRow {
    /// Lets both detectors hear everything, and counts label by label.
    pub(super) fn of(name: &str, heard: LabelledTraffic) -> Self {
        let (mut traffic, lies) = traffic(&heard);
        let vehicles = heard.vehicles;
        let labels: BTreeSet<String> = lies.iter().flatten().cloned().collect();
        let flaggings = hear(&traffic);
        let start = traffic.messages.first().map(|said| said.received);
        let start = start.unwrap_or(Timestamp::EPOCH);
        let mut score = |label: Option<&str>| {
            for (said, lie) in traffic.messages.iter_mut().zip(&lies) {
                let is_it = label.is_some() && lie.as_deref() == label;
                said.falsity = if is_it {
                    Falsity::Changed
                } else {
                    Falsity::None
                };
            }
            score(start, &traffic, &flaggings, Falsity::Changed)
        };
        let honest = score(None);
        let rows: Vec<_> = labels
            .into_iter()
            .map(|label| {
                let [wayside, catch] = score(Some(&label)).each_ref().map(Found::of);
                let found = Both { wayside, catch };
                LabelRow { label, found }
            })
            .collect();
        let mean = |of: fn(&LabelRow) -> &Found| {
            let sum: f64 = rows.iter().map(|row| of(row).f1).sum();
            sum / (rows.len() as f64).max(1.0)
        };
        let [ours, _] = &honest;
        let named =
            |(vehicle, after_s): (&usize, &f64)| Some((vehicles.get(*vehicle)?.clone(), *after_s));
        Self {
            source: name.to_owned(),
            vehicles: vehicles.len(),
            messages: lies.len(),
            notes: heard.notes,
            flagged_after_s: ours.accused_vehicles.iter().filter_map(named).collect(),
            honest: Honest::new(honest),
            macro_f1_of_wayside: mean(|row| &row.found.wayside),
            macro_f1_of_catch: mean(|row| &row.found.catch),
            labels: rows,
        }
    }
}

/// The same traffic without its labels, and the label of each message. A liar is whose vehicle lies under
/// any name.
fn traffic(heard: &LabelledTraffic) -> (Traffic, Vec<Option<String>>) {
    let lying: BTreeSet<usize> = heard
        .messages
        .iter()
        .filter(|message| message.lie.is_some())
        .map(|message| message.vehicle)
        .collect();
    let mut senders: BTreeMap<usize, Sender> = BTreeMap::new();
    for message in &heard.messages {
        let sender = senders.entry(message.sender).or_insert(Sender {
            vehicle: message.vehicle,
            is_liar: false,
        });
        sender.is_liar |= lying.contains(&message.vehicle);
    }
    let said = |message: &LabelledMessage| Said {
        sender: message.sender,
        telemetry: message.telemetry.clone(),
        generated: message.generated,
        received: message.received,
        falsity: Falsity::None,
    };
    let traffic = Traffic {
        messages: heard.messages.iter().map(said).collect(),
        senders: senders.into_values().collect(),
    };
    let labels = heard.messages.iter().map(|message| message.lie.clone());
    (traffic, labels.collect())
}

impl fmt::Display for LabelledRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} messages of {} vehicles, as labelled; of those that never lie, flagged after s: {:?}",
            self.source, self.messages, self.vehicles, self.flagged_after_s
        )?;
        for note in &self.notes {
            writeln!(f, "    {note}")?;
        }
        write!(f, "{}", self.honest)?;
        for row in &self.labels {
            let (label, Both { wayside, catch }) = (&row.label, &row.found);
            writeln!(f, "{label:<26} {wayside} (catch {:.3})", catch.f1)?;
        }
        writeln!(
            f,
            "macro F1 of {} labels: wayside {:.3}, catch {:.3}",
            self.labels.len(),
            self.macro_f1_of_wayside,
            self.macro_f1_of_catch
        )
    }
}
