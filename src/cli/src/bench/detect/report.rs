use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use wayside::{
    crypto::Digest,
    replay::Drive,
    sim::{Attack, Catalogue, Falsity},
};

use super::{
    counts::{Both, Counts},
    evasive::EvasionRow,
    labelled::LabelledRow,
    score::Score,
};
use crate::bench::{machine::Machine, meter::quantile};

/// What both detectors found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    version: &'static str,
    machine: Machine,
    first_seed: u64,
    drives: Vec<DriveRow>,
    /// Recordings that tell of each message whether it is true.
    labelled: Vec<LabelledRow>,
    /// All drives together.
    all: Summary,
}

/// One recording.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DriveRow {
    source: String,
    vehicles: usize,
    /// Nobody lies; as recorded, without noise.
    as_recorded: Honest,
    /// Vehicles that Wayside flags there, and how many seconds after their first message.
    flagged_after_s: BTreeMap<String, f64>,
    /// Nobody lies; with noise and loss, under all seeds.
    with_noise: Honest,
    attacks: Vec<AttackRow>,
    /// What liars may do unseen; empty unless asked for.
    pub(super) evasions: Vec<EvasionRow>,
}

/// What is said of those who do not lie.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Honest {
    vehicle_hours: f64,
    windows: u64,
    wayside: Accused,
    catch: Accused,
    #[serde(skip)]
    scores: [Score; 2],
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Accused {
    false_windows: u64,
    false_windows_per_100_vehicle_hours: f64,
    verdicts: Vec<Digest>,
    /// Messages that each check flagged.
    checks: BTreeMap<&'static str, u64>,
}

/// One kind of attack.
#[derive(Clone, Debug, Serialize)]
pub(super) struct AttackRow {
    attack: &'static str,
    is_of_vere_mi_next_gen: bool,
    is_held_out: bool,
    is_kinematic: bool,
    #[serde(flatten)]
    found: Counts<Both<Found>>,
    #[serde(skip)]
    kind: Attack,
    #[serde(skip)]
    scores: Counts<[Score; 2]>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Found {
    pub(super) f1: f64,
    message_f1: f64,
    recall: f64,
    true_positive: u64,
    false_negative: u64,
    false_positive: u64,
    true_negative: u64,
    liars: u64,
    liars_found: usize,
    latency_s_p50: f64,
    latency_s_p99: f64,
    cpu_us_per_msg: f64,
    /// Of all that was flagged, of each drive: the same on every machine and in every build.
    verdicts: Vec<Digest>,
    /// Messages that each check flagged in lying windows.
    checks: BTreeMap<&'static str, u64>,
}

/// Means over kinds of attacks.
#[derive(Clone, Debug, Default, Serialize)]
struct Summary {
    with_noise: Honest,
    as_recorded: Honest,
    attacks: Vec<AttackRow>,
    #[serde(flatten)]
    means: Counts<Both<Means>>,
    /// Attacks on which Wayside's F1 is below the other's.
    worse_on: Vec<&'static str>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Means {
    macro_f1_of_vere_mi_next_gen: f64,
    macro_f1_of_kinematic: f64,
    macro_f1_of_held_out: f64,
    macro_f1: f64,
    /// At as many false windows as honest traffic shows; see there.
    macro_recall: f64,
    kinematic_latency_s_p99: f64,
    latency_s_p50: f64,
    latency_s_p99: f64,
    cpu_us_per_msg: f64,
}

impl Report {
    pub(super) fn new(first_seed: u64) -> Self {
        Self {
            bench: "detect",
            version: env!("CARGO_PKG_VERSION"),
            machine: Machine::read(),
            first_seed,
            drives: Vec::new(),
            labelled: Vec::new(),
            all: Summary::default(),
        }
    }

    pub(super) fn add(&mut self, row: DriveRow) {
        self.drives.push(row);
    }

    pub(super) fn add_labelled(&mut self, row: LabelledRow) {
        self.labelled.push(row);
    }

    /// Puts the drives together.
    pub(super) fn conclude(&mut self) {
        let sum = |of: fn(&DriveRow) -> &[Score; 2]| {
            let mut scores = [Score::default(), Score::default()];
            for row in &self.drives {
                for (sum, more) in scores.iter_mut().zip(of(row)) {
                    sum.add(more);
                }
            }
            scores
        };
        let with_noise = Honest::new(sum(|row| &row.with_noise.scores));
        let as_recorded = Honest::new(sum(|row| &row.as_recorded.scores));
        let mut attacks: BTreeMap<Attack, Counts<[Score; 2]>> = BTreeMap::new();
        for row in self.drives.iter().flat_map(|row| &row.attacks) {
            let sums = attacks.entry(row.kind).or_default();
            sums.add(&row.scores);
        }
        let attacks: Vec<_> = attacks
            .into_iter()
            .map(|(kind, scores)| AttackRow::new(kind, scores))
            .collect();
        let worse = attacks.iter().filter(|row| row.is_worse());
        self.all = Summary {
            with_noise,
            as_recorded,
            means: Counts::of(|lie| Both {
                wayside: Means::of(&attacks, lie, 0),
                catch: Means::of(&attacks, lie, 1),
            }),
            worse_on: worse.map(|row| row.attack).collect(),
            attacks,
        };
    }
}

impl DriveRow {
    pub(super) fn new(
        (name, drive): (&str, &Drive),
        (as_recorded, with_noise): ([Score; 2], [Score; 2]),
        attacks: Vec<AttackRow>,
    ) -> Self {
        let [ours, _] = &as_recorded;
        let named = |(vehicle, after_s): (&usize, &f64)| {
            Some((drive.vehicles.get(*vehicle)?.name.clone(), *after_s))
        };
        Self {
            source: name.to_owned(),
            vehicles: drive.vehicles.len(),
            flagged_after_s: ours.accused_vehicles.iter().filter_map(named).collect(),
            as_recorded: Honest::new(as_recorded),
            with_noise: Honest::new(with_noise),
            attacks,
            evasions: Vec::new(),
        }
    }
}

impl Honest {
    pub(super) fn new(scores: [Score; 2]) -> Self {
        let [ours, theirs] = &scores;
        Self {
            vehicle_hours: ours.vehicle_hours,
            windows: ours.accused + ours.left_alone,
            wayside: Accused::of(ours),
            catch: Accused::of(theirs),
            scores,
        }
    }
}

/// Nothing of nothing is nothing.
fn share(part: f64, of: f64) -> f64 {
    if of > 0.0 { part / of } else { 0.0 }
}

impl Accused {
    fn of(score: &Score) -> Self {
        let checks = score.checks.iter();
        Self {
            false_windows: score.accused,
            false_windows_per_100_vehicle_hours: share(
                100.0 * score.accused as f64,
                score.vehicle_hours,
            ),
            verdicts: score.verdicts.clone(),
            checks: checks
                .map(|(check, (_, honest))| (*check, *honest))
                .collect(),
        }
    }
}

impl AttackRow {
    pub(super) fn new(kind: Attack, scores: Counts<[Score; 2]>) -> Self {
        let found = |lie| {
            let [wayside, catch] = scores.by(lie).each_ref().map(Found::of);
            Both { wayside, catch }
        };
        Self {
            attack: kind.name(),
            is_of_vere_mi_next_gen: kind.catalogue() == Catalogue::VeReMiNextGen,
            is_held_out: kind.is_held_out(),
            is_kinematic: kind.is_kinematic(),
            found: Counts::of(found),
            kind,
            scores,
        }
    }

    fn is_worse(&self) -> bool {
        let Both { wayside, catch } = &self.found.changed;
        wayside.f1 < catch.f1
    }
}

impl Found {
    pub(super) fn of(score: &Score) -> Self {
        let mut latencies = score.latencies_s.clone();
        let checks = score.checks.iter();
        Self {
            f1: score.f1(),
            message_f1: score.message_f1(),
            recall: score.recall(),
            true_positive: score.found,
            false_negative: score.missed,
            false_positive: score.accused,
            true_negative: score.left_alone,
            liars: score.liars,
            liars_found: latencies.len(),
            latency_s_p50: quantile(&mut latencies, 0.5),
            latency_s_p99: quantile(&mut latencies, 0.99),
            cpu_us_per_msg: share(score.cpu_us, score.heard as f64),
            verdicts: score.verdicts.clone(),
            checks: checks.map(|(check, (lying, _))| (*check, *lying)).collect(),
        }
    }
}

impl Means {
    fn of(rows: &[AttackRow], lie: Falsity, detector: usize) -> Self {
        let (mut all, mut kinematic) = (Score::default(), Score::default());
        let mut macro_recall = 0.0;
        for row in rows {
            let Some(score) = row.scores.by(lie).get(detector) else {
                continue;
            };
            all.add(score);
            if row.is_kinematic {
                kinematic.add(score);
            }
            macro_recall += share(score.recall(), rows.len() as f64);
        }
        let mean = |is_in: fn(&AttackRow) -> bool| {
            let of = |row: &AttackRow| row.scores.by(lie).get(detector).map_or(0.0, Score::f1);
            let values: Vec<f64> = rows.iter().filter(|row| is_in(row)).map(of).collect();
            share(values.iter().sum(), values.len() as f64)
        };
        Self {
            macro_f1_of_vere_mi_next_gen: mean(|row| row.is_of_vere_mi_next_gen),
            macro_f1_of_kinematic: mean(|row| row.is_kinematic),
            macro_f1_of_held_out: mean(|row| row.is_held_out),
            macro_f1: mean(|_| true),
            macro_recall,
            kinematic_latency_s_p99: quantile(&mut kinematic.latencies_s, 0.99),
            latency_s_p50: quantile(&mut all.latencies_s, 0.5),
            latency_s_p99: quantile(&mut all.latencies_s, 0.99),
            cpu_us_per_msg: share(all.cpu_us, all.heard as f64),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}: {}", self.bench, self.version, self.machine)?;
        for row in &self.drives {
            let Accused { checks, .. } = &row.as_recorded.wayside;
            writeln!(
                f,
                "{}: {} vehicles; as recorded, flagged after s: {:?} {checks:?}",
                row.source, row.vehicles, row.flagged_after_s
            )?;
        }
        self.drives
            .iter()
            .flat_map(|row| &row.evasions)
            .try_for_each(|row| write!(f, "{row}"))?;
        self.labelled
            .iter()
            .try_for_each(|row| write!(f, "{row}"))?;
        if self.drives.is_empty() {
            return Ok(());
        }
        let all = &self.all;
        write!(f, "with noise\n{}", all.with_noise)?;
        all.attacks.iter().try_for_each(|row| write!(f, "{row}"))?;
        for (counted, Both { wayside, catch }) in [
            ("as published", &all.means.as_published),
            ("changed", &all.means.changed),
            ("beyond noise", &all.means.beyond_noise),
        ] {
            writeln!(f, "{counted:<12} wayside {wayside:?}")?;
            writeln!(f, "{counted:<12} catch   {catch:?}")?;
        }
        writeln!(f, "worse on {:?}", all.worse_on)
    }
}

impl fmt::Display for AttackRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_held_out { " (held out)" } else { "" };
        writeln!(f, "{}{mark}", self.attack)?;
        for (counted, Both { wayside, catch }) in [
            ("as published", &self.found.as_published),
            ("changed", &self.found.changed),
            ("beyond noise", &self.found.beyond_noise),
        ] {
            writeln!(f, "    {counted:<12} {wayside} (catch {:.3})", catch.f1)?;
        }
        writeln!(f, "    {:?}", self.found.changed.wayside.checks)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "F1 {:.3}  found {} missed {} accused {}  p50 {:.1} s p99 {:.1} s, {} of {} liars",
            self.f1,
            self.true_positive,
            self.false_negative,
            self.false_positive,
            self.latency_s_p50,
            self.latency_s_p99,
            self.liars_found,
            self.liars,
        )
    }
}

impl fmt::Display for Honest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, accused) in [("wayside", &self.wayside), ("catch", &self.catch)] {
            writeln!(
                f,
                "{name:<8} honest: {} of {} windows flagged in {:.1} vehicle-hours, \
                 {:.2} per 100 h {:?}",
                accused.false_windows,
                self.windows,
                self.vehicle_hours,
                accused.false_windows_per_100_vehicle_hours,
                accused.checks,
            )?;
        }
        Ok(())
    }
}
