use std::time::Duration;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{
    evidence::Testimony,
    ledger::{AccusedStation, AccusedTicket, Label, Rule},
    time::Timestamp,
};

/// What stations testify against others, the oldest case first; at most [`CASES_MAX`].
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Cases(pub Vec<Case>);

/// What stations testify against one.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Case {
    /// The station that they testify against.
    pub accused: AccusedStation,
    /// Its ticket.
    pub ticket: AccusedTicket,
    /// The number of the slot, which is the witnesses' too.
    pub slot: u32,
    /// What its words fail, by the first witness.
    pub reason: Label,
    /// Who testified, in order.
    pub witnesses: Vec<WitnessNote>,
    /// The operators that believe them.
    pub believed_by: Vec<u16>,
}

/// That a station testified.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct WitnessNote {
    /// Which one.
    pub station: AccusedStation,
    /// When the message was signed that it testified about.
    #[serde(rename = "at_unix_ms")]
    pub at: Timestamp,
}

impl Case {
    /// Whether three stations of one slot, which are three vehicles, testified about one minute.
    pub fn is_ripe(&self) -> bool {
        let mut times: Vec<_> = self.witnesses.iter().map(|it| it.at).collect();
        times.sort_unstable();
        times.windows(WITNESSES_MIN).any(|times| {
            let ends = times.first().zip(times.last());
            ends.is_some_and(|(first, last)| last.since(*first) <= APART_MAX)
        })
    }
}

impl Cases {
    /// The case against a station.
    pub(in crate::ledger) fn of_mut(&mut self, accused: AccusedStation) -> Option<&mut Case> {
        self.0.iter_mut().find(|case| case.accused == accused)
    }

    /// Closes the case against a station.
    pub(in crate::ledger) fn remove(&mut self, accused: AccusedStation) {
        self.0.retain(|case| case.accused != accused);
    }

    /// Adds a testimony that was verified.
    pub(in crate::ledger) fn add(&mut self, testimony: &Testimony) -> Result<(), Rule> {
        let accused = AccusedStation::from(testimony.accused());
        let witness = WitnessNote {
            station: AccusedStation::from(testimony.witness()),
            at: testimony.at(),
        };
        let all = self.0.iter().flat_map(|case| &case.witnesses);
        if all.filter(|it| it.station == witness.station).count() >= TESTIMONIES_MAX {
            return Err(Rule::WitnessOverQuota);
        }
        if let Some(case) = self.of_mut(accused) {
            if case
                .witnesses
                .iter()
                .any(|it| it.station == witness.station)
            {
                return Err(Rule::WitnessKnown);
            }
            if case.witnesses.len() < WITNESSES_MAX {
                case.witnesses.push(witness);
            }
            return Ok(());
        }
        // What fewest believe makes way, the oldest of them first.
        if self.0.len() >= CASES_MAX {
            let cases = self.0.iter().enumerate();
            let least = cases.min_by_key(|(_, case)| case.witnesses.len());
            if let Some(place) = least.map(|(place, _)| place) {
                self.0.remove(place);
            }
        }
        self.0.push(Case {
            accused,
            ticket: testimony.accused().into(),
            slot: testimony.accused().slot().number(),
            reason: label(testimony.check().name()),
            witnesses: vec![witness],
            believed_by: Vec::new(),
        });
        Ok(())
    }
}

/// What a check is called in a case.
fn label(check: &str) -> Label {
    let name = check.parse();
    name.expect("names of checks are short words")
}

/// The most cases that are open.
pub const CASES_MAX: usize = 64;
/// So many vehicles have to agree.
const WITNESSES_MIN: usize = 3;
/// More are not counted.
const WITNESSES_MAX: usize = 16;
/// How far apart the messages are at most that they testify about.
const APART_MAX: Duration = Duration::from_secs(60);
/// Against so many stations one may testify in a slot.
const TESTIMONIES_MAX: usize = 3;
