use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use wayside::{
    id::StationId,
    plausibility::{Claim, Record, Surroundings, judge},
    security,
    sim::Said,
    time::Timestamp,
};

/// Something that hears messages and flags what it does not believe: [`Wayside`] and
/// [`Catch`](super::catch::Catch).
pub(super) trait Detector {
    /// Takes a message; returns the checks that it failed.
    fn hear(&mut self, said: &Said) -> Vec<Flag>;
}

/// A check that a message failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    pub(super) check: &'static str,
    /// By how much, where that is a whole number.
    pub(super) margin: i64,
}

/// The checks of this installation, with a record of each sender as the world keeps it, behind a
/// verifier that refuses what is too old when it comes.
pub(super) struct Wayside {
    records: BTreeMap<usize, (Timestamp, Record)>,
    by_age: BTreeSet<(Timestamp, usize)>,
    surroundings: Surroundings,
    age_max: Duration,
}

impl Default for Wayside {
    fn default() -> Self {
        Self {
            records: BTreeMap::new(),
            by_age: BTreeSet::new(),
            surroundings: Surroundings::default(),
            age_max: security::Config::default().telemetry_age_max,
        }
    }
}

impl Detector for Wayside {
    fn hear(&mut self, said: &Said) -> Vec<Flag> {
        self.forget(said.received);
        let age = said.received.since(said.generated);
        if age > self.age_max {
            // It never comes to the checks; whoever sends it shows in what is refused.
            let margin = age.saturating_sub(self.age_max).as_millis();
            return vec![Flag {
                check: REFUSED,
                margin: i64::try_from(margin).unwrap_or(i64::MAX),
            }];
        }
        let claim = Claim {
            station: station(said.sender),
            telemetry: &said.telemetry,
            generated: said.generated,
            age: Some(age),
        };
        let record = self.records.get(&said.sender).map(|(_, record)| record);
        let judgement = judge(&claim, record, &self.surroundings);
        let is_taken = match self.records.get_mut(&said.sender) {
            Some((heard, record)) => {
                let is_newer = record.observe(&claim, &judgement);
                if is_newer {
                    self.by_age.remove(&(*heard, said.sender));
                    *heard = said.received;
                }
                is_newer
            }
            None => {
                let record = Record::new(&claim, &judgement);
                self.records.insert(said.sender, (said.received, record));
                true
            }
        };
        if is_taken {
            self.by_age.insert((said.received, said.sender));
            self.surroundings.observe(&claim);
        }
        let findings = judgement.verdict().findings();
        findings
            .iter()
            .map(|finding| Flag {
                check: finding.check.name(),
                margin: finding.margin(),
            })
            .collect()
    }
}

impl Wayside {
    fn forget(&mut self, now: Timestamp) {
        while let Some((heard, sender)) = self.by_age.first().copied()
            && now.since(heard) >= FORGOTTEN
        {
            self.by_age.remove(&(heard, sender));
            if let Some((_, record)) = self.records.remove(&sender) {
                self.surroundings.forget(station(sender), &record);
            }
        }
    }
}

fn station(sender: usize) -> StationId {
    let mut name = [0; 8];
    for (byte, digit) in name.iter_mut().zip(sender.to_be_bytes()) {
        *byte = digit;
    }
    StationId::from_bytes(name)
}

/// When the world forgets a station that is silent.
const FORGOTTEN: Duration = Duration::from_secs(3);
const REFUSED: &str = "refused_as_too_old";
