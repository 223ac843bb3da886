use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Config, KnownHazard, Level, Sighted,
    event::{Changes, Observed, Removal, WorldEvent},
    merging::{Agreement, is_same_event},
};
use crate::{
    id::{ActionId, StationId},
    message::{Hazard, HazardStatement, Termination, UpdateKey},
    plausibility::Judged,
    security::Holder,
    time::{Instant, Now},
};

/// Every hazard that holds, and which ones ended before their validity.
#[derive(Debug, Default)]
pub(super) struct Hazards {
    entries: BTreeMap<ActionId, Entry>,
    /// By event and by the key that ended it: until the event's own station spoke, nobody knows
    /// which key is the event's.
    ended: BTreeMap<(ActionId, [u8; 32]), Ended>,
    /// Who says that an event is over of which nobody heard yet, each until when: two messages may
    /// overtake each other.
    early: BTreeMap<ActionId, BTreeMap<StationId, Instant>>,
    /// When entries, which have no key here, and ends are forgotten.
    deadlines: BTreeSet<(Instant, ActionId, Option<[u8; 32]>)>,
    /// Reports that came, changed or went: who agrees with whom is to be counted anew.
    unsettled: Vec<Arc<KnownHazard>>,
}

#[derive(Debug)]
struct Entry {
    known: Arc<KnownHazard>,
    owner: Owner,
    /// Who brought it into the picture, for the bound.
    signer: Holder,
    deadline: Instant,
    negated_by: BTreeSet<StationId>,
}

/// A cancelled event, kept until the cancellation's own validity ends.
#[derive(Debug)]
struct Ended {
    owner: Owner,
    update: u16,
    deadline: Instant,
}

/// Whose event it is, as far as this station knows.
#[derive(Clone, Copy, Debug)]
struct Owner {
    key: UpdateKey,
    /// Whether the station that the event is named after has used this key itself. Before, anybody
    /// could have named an event after it.
    confirmed: bool,
}

/// A report that is not a negation, and what it needs to be ordered.
struct Report {
    judged: Judged<HazardStatement>,
    hops: u8,
    owner: Owner,
    now: Now,
    deadline: Instant,
}

impl Hazards {
    pub(super) fn observe(
        &mut self,
        report: (Judged<HazardStatement>, u8),
        now: Now,
        config: &Config,
        changes: &mut Changes,
    ) -> Observed {
        let observed = self.take_in(report, now, config, changes);
        self.settle(changes);
        observed
    }

    fn take_in(
        &mut self,
        (judged, hops): (Judged<HazardStatement>, u8),
        now: Now,
        config: &Config,
        changes: &mut Changes,
    ) -> Observed {
        let signer = judged.verified().station();
        let hazard = &judged.verified().message().hazard;
        if hazard.expires() <= now.timestamp {
            return Observed::Expired;
        }
        let (Some(key), None | Some(Termination::Cancellation)) =
            (hazard.update_key, hazard.termination)
        else {
            let until = now.instant + hazard.expires().since(now.timestamp);
            return self.negate(hazard.action, (signer, until), changes);
        };
        let report = Report {
            owner: Owner {
                key,
                confirmed: signer == hazard.action.station,
            },
            now,
            deadline: now.instant + hazard.expires().since(now.timestamp),
            judged,
            hops,
        };
        if let Some(refused) = self.is_over(&report) {
            return refused;
        }
        match self.entries.get_mut(&report.action()) {
            None if report.is_cancellation() => {
                self.end(&report, config);
                Observed::Unmatched
            }
            None => {
                self.make_room(&report, config, changes);
                self.insert(report, None);
                Observed::Added
            }
            Some(entry) => match entry.owner.compare(&report, entry.known.hazard().update) {
                Err(Observed::Foreign) if report.is_cancellation() && !entry.owner.confirmed => {
                    // Either may be the event's key: remembered for when the event's station speaks.
                    self.end(&report, config);
                    Observed::Foreign
                }
                Err(refused) => refused,
                Ok(()) => {
                    let before = self.take(report.action());
                    if report.is_cancellation() {
                        self.end(&report, config);
                        changes.push(WorldEvent::HazardRemoved {
                            action: report.action(),
                            reason: Removal::Cancelled,
                        });
                        Observed::Cancelled
                    } else {
                        self.insert(report, before);
                        Observed::Updated
                    }
                }
            },
        }
    }

    /// Forgets what no longer holds.
    pub(super) fn forget(&mut self, now: Instant, changes: &mut Changes) {
        while let Some((deadline, action, ended_by)) = self.deadlines.first().copied()
            && deadline <= now
        {
            self.deadlines.pop_first();
            match ended_by {
                Some(key) => {
                    self.ended.remove(&(action, key));
                }
                None => self.remove(action, Removal::Expired, changes),
            }
        }
        self.settle(changes);
    }

    /// Notes that the own vehicle sees the same; returns whether there is such an event.
    pub(super) fn corroborate(&mut self, action: ActionId, changes: &mut Changes) -> bool {
        let Some(entry) = self.entries.get_mut(&action) else {
            return false;
        };
        let was_sensed = entry.known.is_sensed();
        let known = KnownHazard {
            sensed: Some(entry.known.report.clone()),
            ..KnownHazard::clone(&entry.known)
        };
        entry.known = Arc::new(known);
        if !was_sensed {
            self.unsettled.push(entry.known.clone());
            self.settle(changes);
        }
        true
    }

    /// Notes of every event that what is seen bears out that the own vehicle sees it; returns of how
    /// many.
    pub(super) fn sight(&mut self, sighted: &[Sighted], changes: &mut Changes) -> usize {
        let borne_out: Vec<_> = self
            .iter()
            .filter(|known| Sighted::bears_out(sighted, known.hazard()))
            .map(|known| known.action())
            .collect();
        for action in &borne_out {
            self.corroborate(*action, changes);
        }
        borne_out.len()
    }

    /// When the next one is to be forgotten.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, ..)| *deadline)
    }

    pub(super) fn get(&self, action: ActionId) -> Option<&Arc<KnownHazard>> {
        self.entries.get(&action).map(|entry| &entry.known)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All of them, in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<KnownHazard>> {
        self.entries.values().map(|entry| &entry.known)
    }

    /// Why a report of a cancelled event is not taken; an end that its true owner contradicts is
    /// no end, and two strangers may both say that it is over.
    fn is_over(&mut self, report: &Report) -> Option<Observed> {
        let action = report.action();
        if let Some(end) = self.ended.get_mut(&(action, report.owner.key.0)) {
            return Some(match end.owner.compare(report, end.update) {
                Err(refused) => refused,
                Ok(()) => Observed::Outdated,
            });
        }
        let mut others = self
            .ended
            .range((action, [0; 32])..=(action, [u8::MAX; 32]))
            .map(|(_, end)| end.owner);
        let is_contradicted = others
            .any(|owner| owner.confirmed || !(report.owner.confirmed || report.is_cancellation()));
        is_contradicted.then_some(Observed::Foreign)
    }

    fn negate(
        &mut self,
        action: ActionId,
        (by, until): (StationId, Instant),
        changes: &mut Changes,
    ) -> Observed {
        let Some(entry) = self.entries.get_mut(&action) else {
            self.keep_early(action, by, until);
            return Observed::Unmatched;
        };
        if entry.negated_by.len() >= NEGATIONS_MAX || !entry.negated_by.insert(by) {
            return Observed::Repeated;
        }
        let known = KnownHazard {
            negations: entry.known.negations + 1,
            ..KnownHazard::clone(&entry.known)
        };
        entry.known = Arc::new(known);
        changes.push(WorldEvent::HazardChanged(entry.known.clone()));
        Observed::Negated
    }

    /// Remembers what is said against an event that nobody reported yet; at the bound those go that
    /// would be forgotten first.
    fn keep_early(&mut self, action: ActionId, by: StationId, until: Instant) {
        if self.early.len() >= EARLY_MAX && !self.early.contains_key(&action) {
            let last = |said: &BTreeMap<_, _>| said.values().max().copied();
            let first = self.early.iter().min_by_key(|(_, said)| last(said));
            let first = first.map(|(action, _)| *action);
            first.and_then(|first| self.early.remove(&first));
        }
        let said = self.early.entry(action).or_default();
        if said.len() < NEGATIONS_MAX {
            said.insert(by, until);
        }
    }

    /// Who said already that an event is over which is reported only now.
    fn take_early(&mut self, action: ActionId, now: Now) -> BTreeSet<StationId> {
        let said = self.early.remove(&action).unwrap_or_default().into_iter();
        let held = said.filter(|(_, until)| now.instant < *until);
        held.map(|(by, _)| by).collect()
    }

    fn insert(&mut self, report: Report, before: Option<Entry>) {
        let action = report.action();
        let first_heard = before.as_ref().map(|before| before.known.first_heard);
        let first_heard = first_heard.unwrap_or(report.now);
        let negated_by = match &before {
            Some(before) => before.negated_by.clone(),
            None => self.take_early(action, report.now),
        };
        let signer = before.as_ref().map_or_else(
            || report.judged.verified().ticket().holder(),
            |before| before.signer,
        );
        // Whoever has one real danger seen must not be acted upon where it says next that there is one.
        let sensed = before.as_ref().and_then(|it| it.known.sensed.clone());
        let sensed = sensed.filter(|seen| {
            let seen = &seen.verified().message().hazard;
            is_same_event(seen, &report.judged.verified().message().hazard)
        });
        let known = Arc::new(KnownHazard {
            report: Arc::new(report.judged),
            hops: report.hops,
            first_heard,
            level: Level::Inform,
            sources: 1,
            sensed,
            merged: Vec::new(),
            leading: action,
            negations: u32::try_from(negated_by.len()).unwrap_or(u32::MAX),
        });
        self.unsettled.push(known.clone());
        self.deadlines.insert((report.deadline, action, None));
        let confirmed = report.owner.confirmed
            || before.as_ref().is_some_and(|before| {
                before.owner.confirmed && before.owner.key == report.owner.key
            });
        let entry = Entry {
            known,
            owner: Owner {
                confirmed,
                ..report.owner
            },
            signer,
            deadline: report.deadline,
            negated_by,
        };
        self.entries.insert(action, entry);
    }

    /// Forgets the oldest of the same reporter, then the oldest of all, where a bound is reached.
    fn make_room(&mut self, report: &Report, config: &Config, changes: &mut Changes) {
        let signer = report.judged.verified().ticket().holder();
        let own = || self.entries.values().filter(|entry| entry.signer == signer);
        let own_max = match signer {
            Holder::Vehicle(_) => config.signer_hazards_max,
            Holder::Unit(_) => config.unit_hazards_max,
        };
        let victim = if own().count() >= own_max.get() {
            oldest(own()).map(|action| (action, Removal::SignerFull))
        } else if self.entries.len() >= config.hazards_max.get() {
            oldest(self.entries.values()).map(|action| (action, Removal::WorldFull))
        } else {
            None
        };
        if let Some((action, reason)) = victim {
            self.remove(action, reason, changes);
        }
    }

    /// Remembers that an event is over; at the bound the end that would be forgotten first goes.
    fn end(&mut self, report: &Report, config: &Config) {
        let first = self
            .ended
            .iter()
            .map(|((action, key), end)| (end.deadline, *action, *key));
        if self.ended.len() >= config.hazards_max.get()
            && let Some((deadline, action, key)) = first.min()
        {
            self.ended.remove(&(action, key));
            self.deadlines.remove(&(deadline, action, Some(key)));
        }
        let end = Ended {
            owner: report.owner,
            update: report.hazard().update,
            deadline: report.deadline,
        };
        let key = report.owner.key.0;
        self.deadlines
            .insert((report.deadline, report.action(), Some(key)));
        self.ended.insert((report.action(), key), end);
    }

    /// Forgets the hazards that rest on one station's word.
    pub(super) fn forget_signer(
        &mut self,
        station: StationId,
        reason: Removal,
        changes: &mut Changes,
    ) {
        let theirs: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| {
                entry.signer == Holder::Vehicle(station)
                    || entry.known.verified().station() == station
            })
            .map(|(action, _)| *action)
            .collect();
        for action in theirs {
            self.remove(action, reason, changes);
        }
        for said in self.early.values_mut() {
            said.remove(&station);
        }
        self.settle(changes);
    }

    /// Counts anew who agrees with whom around every report that came, changed or went, and tells
    /// of each whose standing is another now.
    fn settle(&mut self, changes: &mut Changes) {
        let unsettled = std::mem::take(&mut self.unsettled);
        let is_new = |it: &Arc<KnownHazard>| unsettled.iter().any(|new| Arc::ptr_eq(it, new));
        let is_touched = |it: &KnownHazard| {
            let mut around = unsettled.iter();
            around.any(|new| is_same_event(new.hazard(), it.hazard()))
        };
        let told: Vec<_> = self
            .iter()
            .filter(|it| is_new(it) || is_touched(it))
            .take(SETTLED_MAX)
            .map(|it| it.action())
            .collect();
        let new = unsettled.iter().map(|it| it.action());
        let actions: BTreeSet<ActionId> = new.chain(told).collect();
        for action in actions {
            let Some(known) = self.get(action).cloned() else {
                continue;
            };
            let agreement = Agreement::of(&known, self.iter().map(|it| &**it));
            if agreement.is_told_by(&known) && !is_new(&known) {
                continue;
            }
            let known = Arc::new(KnownHazard {
                level: agreement.level,
                sources: agreement.sources,
                merged: agreement.merged,
                leading: agreement.leading,
                ..KnownHazard::clone(&known)
            });
            changes.push(WorldEvent::HazardChanged(known.clone()));
            if let Some(entry) = self.entries.get_mut(&action) {
                entry.known = known;
            }
        }
    }

    fn remove(&mut self, action: ActionId, reason: Removal, changes: &mut Changes) {
        if self.take(action).is_some() {
            changes.push(WorldEvent::HazardRemoved { action, reason });
        }
    }

    fn take(&mut self, action: ActionId) -> Option<Entry> {
        let entry = self.entries.remove(&action)?;
        self.deadlines.remove(&(entry.deadline, action, None));
        self.unsettled.push(entry.known.clone());
        Some(entry)
    }
}

impl Owner {
    /// Whether another claims the event with a better right: its namesake, where this one is not.
    fn yields_to(self, other: Self) -> bool {
        other.key != self.key && other.confirmed && !self.confirmed
    }

    /// Whether a report replaces one with `update` that is this owner's, or why not.
    fn compare(&mut self, report: &Report, update: u16) -> Result<(), Observed> {
        if self.yields_to(report.owner) {
            return Ok(());
        }
        if self.key != report.owner.key {
            return Err(Observed::Foreign);
        }
        self.confirmed |= report.owner.confirmed;
        match report.hazard().update.cmp(&update) {
            std::cmp::Ordering::Greater => Ok(()),
            std::cmp::Ordering::Equal => Err(Observed::Repeated),
            std::cmp::Ordering::Less => Err(Observed::Outdated),
        }
    }
}

impl Report {
    fn hazard(&self) -> &Hazard {
        &self.judged.verified().message().hazard
    }

    fn action(&self) -> ActionId {
        self.hazard().action
    }

    fn is_cancellation(&self) -> bool {
        self.hazard().termination == Some(Termination::Cancellation)
    }
}

fn oldest<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<ActionId> {
    entries
        .map(|entry| (entry.known.first_heard.instant, entry.known.action()))
        .min()
        .map(|(_, action)| action)
}

/// Events of which only the end is known yet.
const EARLY_MAX: usize = 256;

/// Reports around one that came, changed or went whose standing is counted anew; more in one place
/// are a flood, and keep theirs until something else changes there.
const SETTLED_MAX: usize = 64;

/// How many stations' negations of one event are counted; further ones change nothing.
const NEGATIONS_MAX: usize = 64;
