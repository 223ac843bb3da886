use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    rc::Rc,
    sync::Arc,
};

use serde::Serialize;
use wayside::{
    geo::Position,
    id::{ActionId, StationId},
    pipeline::Event,
    plausibility::Verdict,
    sim::Report,
    time::{Now, Timestamp},
    world::{Config, KnownHazard, Level, Object, WorldEvent},
};

use super::{SAMPLES_MAX, STEPS_MS, Scene, centimetres, is_due, sample};

/// What one vehicle saw of the others while a drive was played; clones share it.
#[derive(Clone)]
pub(in crate::replay) struct Seen(Rc<RefCell<View>>);

struct View {
    viewer: usize,
    /// Who spoke under which ticket.
    speakers: HashMap<StationId, usize>,
    heard: Vec<Heard>,
    hazards: BTreeMap<ActionId, Danger>,
}

struct Heard {
    at: Timestamp,
    object: Arc<Object>,
}

struct Danger {
    heard: Timestamp,
    known: Arc<KnownHazard>,
    /// When it left the picture.
    removed: Option<Timestamp>,
}

/// What of it is shown.
#[derive(Serialize)]
pub(super) struct Shown {
    /// How long a silent station stays in the picture.
    forget_ms: u64,
    heard_count: usize,
    implausible_count: usize,
    /// A sample, then who, the latency in microseconds, the verdict (0 not judged, 1 plausible, 2
    /// implausible), the risk (−1 for none), and again.
    heard: Vec<i64>,
    /// Why something is implausible, each sentence once.
    reasons: Vec<String>,
    /// By the number of what was heard, which of the reasons.
    findings: BTreeMap<usize, Vec<usize>>,
    hazards: Vec<ShownHazard>,
}

#[derive(Serialize)]
struct ShownHazard {
    cause: String,
    by: String,
    level: &'static str,
    east_cm: i64,
    north_cm: i64,
    heard_ms: u64,
    until_ms: u64,
    findings: Vec<usize>,
}

/// Sentences, each once.
#[derive(Default)]
struct Reasons {
    numbers: HashMap<String, usize>,
    sentences: Vec<String>,
}

impl Seen {
    pub(in crate::replay) fn by(viewer: usize) -> Self {
        Self(Rc::new(RefCell::new(View {
            viewer,
            speakers: HashMap::new(),
            heard: Vec::new(),
            hazards: BTreeMap::new(),
        })))
    }

    pub(super) fn viewer(&self) -> usize {
        self.0.borrow().viewer
    }

    /// Where the first was that it heard of.
    pub(super) fn first_place(&self) -> Option<Position> {
        let view = self.0.borrow();
        Some(view.heard.first()?.object.telemetry().position)
    }

    /// Takes what a vehicle's station told.
    pub(in crate::replay) fn note(&self, vehicle: usize, event: &Event, now: Now) {
        let mut view = self.0.borrow_mut();
        if let Event::Published { station, .. } = event {
            view.speakers.insert(*station, vehicle);
        }
        if vehicle != view.viewer {
            return;
        }
        let at = now.timestamp;
        if let Event::World(WorldEvent::ObjectChanged(object)) = event {
            let object = object.clone();
            view.heard.push(Heard { at, object });
        } else if let Event::World(WorldEvent::HazardChanged(known)) = event {
            let danger = view
                .hazards
                .entry(known.action())
                .or_insert_with(|| Danger {
                    heard: at,
                    known: known.clone(),
                    removed: None,
                });
            danger.known = known.clone();
            danger.removed = None;
        } else if let Event::World(WorldEvent::HazardRemoved { action, .. }) = event
            && let Some(danger) = view.hazards.get_mut(action)
        {
            danger.removed = Some(at);
        }
    }

    pub(super) fn shown(&self, scene: &Scene<'_>) -> Shown {
        let view = self.0.borrow();
        let report = scene.report;
        let step_ms = view.step_ms(report);
        let mut shown = Shown {
            forget_ms: u64::try_from(Config::default().telemetry_age_max.as_millis())
                .unwrap_or(u64::MAX),
            heard_count: view.heard.len(),
            implausible_count: view
                .heard
                .iter()
                .filter(|heard| heard.is_implausible())
                .count(),
            heard: Vec::new(),
            reasons: Vec::new(),
            findings: BTreeMap::new(),
            hazards: Vec::new(),
        };
        let mut reasons = Reasons::default();
        let mut last = vec![None; report.vehicles];
        let mut count = 0;
        for heard in &view.heard {
            let Some((vehicle, at_ms)) = view.place(heard, report) else {
                continue;
            };
            let due = is_due(&mut last, (vehicle, at_ms), step_ms) || heard.is_implausible();
            if !due {
                continue;
            }
            shown.heard.extend(heard.columns((vehicle, at_ms), scene));
            if heard.is_implausible() {
                shown
                    .findings
                    .insert(count, reasons.of(heard.object.verdict()));
            }
            count += 1;
        }
        let hazards = view.hazards.values();
        shown.hazards = hazards
            .map(|danger| view.shown_hazard(danger, scene, &mut reasons))
            .collect();
        shown.hazards.sort_by_key(|hazard| hazard.heard_ms);
        shown.reasons = reasons.sentences;
        shown
    }
}

impl View {
    /// Who said it, and when it was heard, from the drive's start.
    fn place(&self, heard: &Heard, report: &Report) -> Option<(usize, u64)> {
        let vehicle = *self.speakers.get(&heard.object.station())?;
        let at_ms = heard.at.unix_ms().checked_sub(report.start_unix_ms)?;
        Some((vehicle, at_ms))
    }

    fn step_ms(&self, report: &Report) -> u64 {
        let is_few = |step_ms: &u64| {
            let mut last = vec![None; report.vehicles];
            let placed = self
                .heard
                .iter()
                .filter_map(|heard| self.place(heard, report));
            placed.filter(|at| is_due(&mut last, *at, *step_ms)).count() <= SAMPLES_MAX
        };
        STEPS_MS.into_iter().find(is_few).unwrap_or(u64::MAX)
    }

    fn shown_hazard(
        &self,
        danger: &Danger,
        scene: &Scene<'_>,
        reasons: &mut Reasons,
    ) -> ShownHazard {
        let hazard = danger.known.hazard();
        let offset = scene.frame.offset(hazard.position);
        let speaker = self.speakers.get(&hazard.action.station);
        let speaker = speaker.and_then(|vehicle| scene.names.get(*vehicle));
        let from_start = |at: Timestamp| at.unix_ms().saturating_sub(scene.report.start_unix_ms);
        let (code, sub_code) = (hazard.cause.code(), hazard.cause.sub_code());
        ShownHazard {
            cause: match hazard.cause.name() {
                Some(name) => format!("{name} ({code}/{sub_code})"),
                None => format!("cause {code}/{sub_code}"),
            },
            by: match speaker {
                Some(name) => (*name).to_owned(),
                None => hazard.action.station.to_string(),
            },
            level: match danger.known.level() {
                Level::Inform => "inform",
                Level::Act => "act",
            },
            east_cm: centimetres(offset.east_m),
            north_cm: centimetres(offset.north_m),
            heard_ms: from_start(danger.heard),
            until_ms: from_start(danger.removed.unwrap_or_else(|| hazard.expires())),
            findings: reasons.of(danger.known.verdict()),
        }
    }
}

impl Heard {
    fn is_implausible(&self) -> bool {
        matches!(self.object.verdict(), Verdict::Implausible(_))
    }

    fn columns(&self, (vehicle, at_ms): (usize, u64), scene: &Scene<'_>) -> Vec<i64> {
        let generated = self.object.verified().generated();
        let latency = self.at.since(generated);
        let verdict = match self.object.verdict() {
            Verdict::NotJudged => 0,
            Verdict::Plausible => 1,
            Verdict::Implausible(_) => 2,
        };
        let mut columns = sample(at_ms, self.object.telemetry(), scene.frame).to_vec();
        columns.extend([
            i64::try_from(vehicle).unwrap_or(i64::MAX),
            i64::try_from(latency.as_micros()).unwrap_or(i64::MAX),
            verdict,
            self.risk(scene).unwrap_or(NO_RISK),
        ]);
        columns
    }

    /// How dangerous it is to the viewer, 0 to 100, by what that one said last of itself.
    fn risk(&self, scene: &Scene<'_>) -> Option<i64> {
        let said = scene.own.partition_point(|(at, _)| *at <= self.at);
        let (_, own) = scene.own.get(said.checked_sub(1)?)?;
        let viewer = scene.assessor.view(own.at(self.at)?);
        let risk = self.object.risk(&viewer, self.at)?;
        #[expect(clippy::cast_possible_truncation, reason = "from 0 to 100")]
        Some(risk.score().round() as i64)
    }
}

impl Reasons {
    /// The numbers of a verdict's sentences.
    fn of(&mut self, verdict: &Verdict) -> Vec<usize> {
        let findings = verdict.findings().iter();
        findings
            .map(|finding| self.number(finding.to_string()))
            .collect()
    }

    fn number(&mut self, sentence: String) -> usize {
        let next = self.sentences.len();
        *self.numbers.entry(sentence).or_insert_with_key(|sentence| {
            self.sentences.push(sentence.clone());
            next
        })
    }
}

const NO_RISK: i64 = -1;
