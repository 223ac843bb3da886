use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    time::Duration,
};

use super::{
    linkage::{LinkageAuthority, LinkageSeed, RevokedSeries},
    refusal::Refusal,
    slot::{Slot, SlotClock},
};
use crate::time::{Instant, Now, Timestamp};

/// Verified news of the revocation list.
///
/// Whoever makes one has checked that the list says so: the verifier believes it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RevocationNews {
    /// Up to which entry, exclusive, the list is known with it.
    pub next: u64,
    /// When the list ended there.
    pub as_of: Timestamp,
    /// Revocations by their number in the list, or `None` for one that was lifted.
    pub entries: Vec<(u64, Option<RevokedSeries>)>,
}

/// The linkage values of revoked tickets, slot by slot.
///
/// A revoked vehicle is told by two chains of seeds. Nothing is computed for a message: the slots
/// whose tickets can come now have a table each, which grows by one step of every chain when time
/// moves on. The tables of earlier slots, for hazards that outlive their ticket's slot, are kept
/// while there is room and else made when they are asked for, within a budget: at once where that is
/// short, else part by part, so that nothing else waits long.
#[derive(Debug)]
pub(super) struct Revocations {
    slots: SlotClock,
    series: BTreeMap<u64, Chains>,
    /// Of the slots in `window`.
    tables: BTreeMap<Slot, Table>,
    window: Option<RangeInclusive<Slot>>,
    /// Where the window was when it was last looked for revocations that are over.
    cleared: Option<RangeInclusive<Slot>>,
    /// Of other slots, each with when it was last asked for.
    older: BTreeMap<Slot, (Instant, Table)>,
    /// The table of another slot that is not yet whole.
    begun: Option<Begun>,
    /// Until when the tables made on demand are paid for.
    busy_until: Instant,
    next: u64,
    as_of: Option<Timestamp>,
}

/// Linkage values, each with the number of the revocation that it belongs to.
type Table = BTreeSet<([u8; 12], u64)>;

/// A table that is made part by part.
#[derive(Debug)]
struct Begun {
    slot: Slot,
    table: Table,
    /// The first revocation that is not in it yet.
    next: u64,
}

/// One revoked vehicle, and its chains where they stand in the window's last slot.
struct Chains {
    series: RevokedSeries,
    slot: Slot,
    seeds: [LinkageSeed; 2],
}

/// Tickets to be found in a series: who holds the ticket of a slot with a linkage value.
pub(super) type Sought<T> = BTreeMap<(Slot, [u8; 12]), T>;

impl Revocations {
    pub(super) fn new(slots: SlotClock) -> Self {
        Self {
            slots,
            series: BTreeMap::new(),
            tables: BTreeMap::new(),
            window: None,
            cleared: None,
            older: BTreeMap::new(),
            begun: None,
            busy_until: Instant::default(),
            next: 0,
            as_of: None,
        }
    }

    /// When the list that is known was the whole list; `None` if there never was one.
    pub(super) fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// Up to which entry, exclusive, the list is known.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Revocations that are known and not over.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// The last slot that a revocation names; `None` if it is not known.
    pub(super) fn last_slot(&self, number: u64) -> Option<Slot> {
        self.series
            .get(&number)
            .map(|chains| chains.series.slot_until)
    }

    /// Whether tickets of a slot can come yet.
    pub(super) fn is_due(&mut self, slot: Slot, now: Now) -> bool {
        self.advance(now);
        self.window
            .as_ref()
            .is_none_or(|window| slot <= *window.end())
    }

    /// Moves the window to where time is.
    pub(super) fn advance(&mut self, now: Now) {
        let window = window_at(self.slots, now.timestamp);
        if self.window.as_ref() == Some(&window) {
            return;
        }
        let over = now.timestamp.saturating_sub(KEPT_AFTER);
        let slots = self.slots;
        for (slot, table) in std::mem::take(&mut self.tables) {
            if window.contains(&slot) {
                self.tables.insert(slot, table);
            } else if slot < *window.start() && slots.valid_until(slot) >= over {
                self.older.insert(slot, (now.instant, table));
            }
        }
        for slot in slots_of(&window) {
            if self.tables.contains_key(&slot) {
                continue;
            }
            let table = self.older.remove(&slot).map(|(_, table)| table);
            let table = table.unwrap_or_else(|| self.table_by_chains(slot));
            self.tables.insert(slot, table);
        }
        // News do not reach the tables beyond the window, where it was before the clock went back.
        let newest = *window.end();
        self.window = Some(window);
        self.older
            .retain(|slot, _| *slot <= newest && slots.valid_until(*slot) >= over);
        self.trim();
    }

    /// Forgets the revocations that are over for good. Not to be called while the clock is doubted:
    /// they would not come back with the right time.
    pub(super) fn forget_over(&mut self, now: Now) {
        self.advance(now);
        if self.cleared == self.window {
            return;
        }
        self.cleared.clone_from(&self.window);
        let over = now.timestamp.saturating_sub(SERIES_KEPT_AFTER);
        let slots = self.slots;
        self.series
            .retain(|_, chains| slots.valid_until(chains.series.slot_until) >= over);
    }

    /// Takes in news; returns which of the sought tickets are revoked by it, and the revocations
    /// that no longer are any.
    pub(super) fn handle_news<T: Copy + Ord>(
        &mut self,
        news: &RevocationNews,
        sought: &Sought<T>,
        now: Now,
    ) -> (Vec<(T, u64)>, BTreeSet<u64>) {
        self.advance(now);
        let mut found = Vec::new();
        let mut lifted = BTreeSet::new();
        if !news.entries.is_empty() {
            self.begun = None;
        }
        for (number, series) in &news.entries {
            match series {
                Some(series) => {
                    if !self.series.contains_key(number) {
                        found.extend(self.add(*number, *series, sought));
                    }
                }
                None => {
                    if self.series.remove(number).is_some() {
                        lifted.insert(*number);
                    }
                }
            }
        }
        if !lifted.is_empty() {
            let older = self.older.values_mut().map(|(_, table)| table);
            for table in self.tables.values_mut().chain(older) {
                table.retain(|(_, number)| !lifted.contains(number));
            }
        }
        found.retain(|(_, number)| !lifted.contains(number));
        self.next = self.next.max(news.next);
        self.as_of = self.as_of.max(Some(news.as_of));
        self.trim();
        (found, lifted)
    }

    /// Goes on with a table that was begun; to be called now and then.
    pub(super) fn handle_timeout(&mut self, now: Now) {
        self.go_on(STEPS_ASIDE, now);
    }

    /// Refuses a ticket that is revoked, or of which that cannot be told yet.
    pub(super) fn check(&mut self, slot: Slot, linkage: [u8; 12], now: Now) -> Result<(), Refusal> {
        self.advance(now);
        if self.series.is_empty() {
            return Ok(());
        }
        self.go_on(STEPS_BESIDE, now);
        if !self.has_table(slot) && !self.make(slot, now) {
            return Err(Refusal::OverBudget);
        }
        match self.find(slot, linkage, now) {
            Some(number) => Err(Refusal::Revoked(number)),
            None => Ok(()),
        }
    }

    /// The revocation of a ticket, whatever it costs to find.
    pub(super) fn find(&mut self, slot: Slot, linkage: [u8; 12], now: Now) -> Option<u64> {
        if let Some(table) = self.tables.get(&slot) {
            return look_up(table, linkage);
        }
        if !self.older.contains_key(&slot) {
            let table = self.table_from_start(slot);
            self.older.insert(slot, (now.instant, table));
        }
        let (used, table) = self.older.get_mut(&slot)?;
        *used = now.instant;
        let found = look_up(table, linkage);
        self.trim();
        found
    }

    /// Adds a series to all tables; returns the sought tickets that are its.
    fn add<T: Copy>(
        &mut self,
        number: u64,
        series: RevokedSeries,
        sought: &Sought<T>,
    ) -> Vec<(T, u64)> {
        let mut chains = Chains::new(series);
        let mut found = Vec::new();
        let newest = self.window.as_ref().map(|window| *window.end());
        let end = newest.map_or(series.slot_from, |newest| newest.min(series.slot_until));
        // Step by step to the window's end, past all tables and all tickets that are known.
        while chains.slot <= end {
            let value = chains.value();
            if let Some(holder) = sought.get(&(chains.slot, value)) {
                found.push((*holder, number));
            }
            let older = self.older.get_mut(&chains.slot).map(|(_, table)| table);
            if let Some(table) = self.tables.get_mut(&chains.slot).or(older) {
                table.insert((value, number));
            }
            if chains.slot == end || !chains.step() {
                break;
            }
        }
        self.series.insert(number, chains);
        found
    }

    /// The table of a slot of the window, by moving every chain there.
    fn table_by_chains(&mut self, slot: Slot) -> Table {
        let mut table = Table::new();
        let mut behind = Vec::new();
        for (number, chains) in &mut self.series {
            if !chains.covers(slot) {
                continue;
            }
            if chains.slot > slot {
                behind.push(*number);
                continue;
            }
            while chains.slot < slot && chains.step() {}
            table.insert((chains.value(), *number));
        }
        // The clock went back.
        for number in behind {
            let chains = self.series.get(&number);
            let value = chains.and_then(|chains| chains.series.linkage_at(slot));
            table.extend(value.map(|value| (value, number)));
        }
        table
    }

    fn table_from_start(&self, slot: Slot) -> Table {
        self.series
            .iter()
            .filter_map(|(number, chains)| Some((chains.series.linkage_at(slot)?, *number)))
            .collect()
    }

    fn has_table(&self, slot: Slot) -> bool {
        self.tables.contains_key(&slot) || self.older.contains_key(&slot)
    }

    /// Makes the table of a slot outside of the window, or begins it; whether it is there now.
    fn make(&mut self, slot: Slot, now: Now) -> bool {
        if self.begun.is_some() || !self.pay(slot, now) {
            return false;
        }
        self.begun = Some(Begun {
            slot,
            table: Table::new(),
            next: 0,
        });
        self.go_on(STEPS_ASIDE, now);
        self.has_table(slot)
    }

    /// Adds revocations to the table that was begun, for so many steps of both chains.
    fn go_on(&mut self, steps_max: u64, now: Now) {
        let Some(mut begun) = self.begun.take() else {
            return;
        };
        let mut steps = 0;
        for (number, chains) in self.series.range(begun.next..) {
            if steps >= steps_max {
                begun.next = *number;
                self.begun = Some(begun);
                return;
            }
            steps += chains.steps_to(begun.slot);
            let value = chains.series.linkage_at(begun.slot);
            begun.table.extend(value.map(|value| (value, *number)));
        }
        // The clock may have gone back to it.
        if !self.tables.contains_key(&begun.slot) {
            self.older.insert(begun.slot, (now.instant, begun.table));
            self.trim();
        }
    }

    /// Whether a table may be made now for a slot outside of the window.
    fn pay(&mut self, slot: Slot, now: Now) -> bool {
        if self.busy_until.since(now.instant) > BUSY_MAX {
            return false;
        }
        let steps = self.series.values().map(|chains| chains.steps_to(slot));
        let cost = Duration::from_nanos(steps.sum::<u64>().saturating_mul(STEP_PRICE_NS));
        self.busy_until = self.busy_until.max(now.instant) + cost;
        true
    }

    /// Forgets the tables that were not asked for the longest; the last one stays, however long it is.
    fn trim(&mut self) {
        let mut values: usize = self.older.values().map(|(_, table)| table.len()).sum();
        while self.older.len() > 1 && (values > OLDER_VALUES_MAX || self.older.len() > OLDER_MAX) {
            let unused = self.older.iter().min_by_key(|(_, (used, _))| *used);
            let Some(slot) = unused.map(|(slot, _)| *slot) else {
                return;
            };
            let removed = self.older.remove(&slot);
            values -= removed.map_or(0, |(_, table)| table.len());
        }
    }
}

impl Chains {
    fn new(series: RevokedSeries) -> Self {
        Self {
            series,
            slot: series.slot_from,
            seeds: series.seeds.map(LinkageSeed::from_bytes),
        }
    }

    fn covers(&self, slot: Slot) -> bool {
        (self.series.slot_from..=self.series.slot_until).contains(&slot)
    }

    /// How many steps lead from the series' beginning to a slot of it; none, for another slot.
    fn steps_to(&self, slot: Slot) -> u64 {
        if self.covers(slot) {
            u64::from(slot.number() - self.series.slot_from.number()) + 1
        } else {
            0
        }
    }

    fn value(&self) -> [u8; 12] {
        let [first, second] = &self.seeds;
        first
            .share(LinkageAuthority::First, self.slot)
            .join(&second.share(LinkageAuthority::Second, self.slot))
    }

    /// Moves on by one slot, unless there is none left.
    fn step(&mut self) -> bool {
        let Some(next) = self.slot.next() else {
            return false;
        };
        let [first, second] = &self.seeds;
        self.seeds = [
            first.next(LinkageAuthority::First),
            second.next(LinkageAuthority::Second),
        ];
        self.slot = next;
        true
    }
}

impl std::fmt::Debug for Chains {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chains")
            .field("slot_from", &self.series.slot_from)
            .field("slot_until", &self.series.slot_until)
            .finish_non_exhaustive()
    }
}

/// The slots whose tickets can sign what comes now, by any clock that is heard.
fn window_at(slots: SlotClock, at: Timestamp) -> RangeInclusive<Slot> {
    let oldest = at.saturating_sub(slots.length() / 5 + CLOCKS_APART_MAX);
    let newest = at.saturating_add(slots.length() / 10 + CLOCKS_APART_MAX);
    slots.slot_at(oldest)..=slots.slot_at(newest)
}

fn slots_of(window: &RangeInclusive<Slot>) -> impl Iterator<Item = Slot> + use<> {
    (window.start().number()..=window.end().number()).map(Slot::from_number)
}

fn look_up(table: &Table, linkage: [u8; 12]) -> Option<u64> {
    let (found, number) = table.range((linkage, 0)..).next()?;
    (*found == linkage).then_some(*number)
}

/// More than the times of two stations that hear each other can differ.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(11);
/// As long as a hazard may outlive its ticket.
const KEPT_AFTER: Duration = Duration::from_secs(86_400);
/// A week more, for a clock that is wrong for longer than it is doubted.
const SERIES_KEPT_AFTER: Duration = Duration::from_secs(8 * 86_400);
/// Some 10 MB.
const OLDER_VALUES_MAX: usize = 1 << 18;
/// A day of slots of five minutes.
const OLDER_MAX: usize = 288;
/// What a step of both chains is charged, several times what it costs.
const STEP_PRICE_NS: u64 = 4_000;
/// How many of them are done at once where nothing else waits, or a table can be whole with them: some
/// 20 ms.
const STEPS_ASIDE: u64 = 1 << 14;
/// How many of them are done beside a message's own work: some 1 ms.
const STEPS_BESIDE: u64 = 1 << 10;
/// How far ahead tables for earlier slots may be charged.
const BUSY_MAX: Duration = Duration::from_secs(1);
