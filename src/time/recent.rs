use std::{collections::BTreeMap, time::Duration};

use super::Instant;

/// What was noted lately, under keys: each for a while after it was noted last and, where there is room
/// for no more, whatever was noted longest ago makes room.
///
/// Whoever brings new keys can push out only what nobody noted while all of them came, and never by how
/// a key is made. Every step costs a logarithm of what is kept.
#[derive(Clone, Debug)]
pub struct Recent<K, V = ()> {
    kept: BTreeMap<K, Noted<V>>,
    /// By turn, so that what is noted in one moment has an order too, and not that of the keys.
    order: BTreeMap<u64, K>,
    turns: u64,
    bounds: RecentBounds,
}

/// How much is kept, and how long.
#[derive(Clone, Copy, Debug)]
pub struct RecentBounds {
    /// The most keys; the newest is kept even where this is 0.
    pub len_max: usize,
    /// How long after it was noted last.
    pub age_max: Duration,
}

#[derive(Clone, Debug)]
struct Noted<V> {
    turn: u64,
    at: Instant,
    value: V,
}

impl<K: Copy + Ord, V: Default> Recent<K, V> {
    /// Nothing yet.
    pub fn new(bounds: RecentBounds) -> Self {
        Self {
            kept: BTreeMap::new(),
            order: BTreeMap::new(),
            turns: 0,
            bounds,
        }
    }

    /// Notes a key, and gives its value to be changed: the default where it was not kept.
    pub fn note(&mut self, key: K, now: Instant) -> &mut V {
        self.forget(now);
        let before = self.kept.remove(&key);
        if let Some(before) = &before {
            self.order.remove(&before.turn);
        } else if self.kept.len() >= self.bounds.len_max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.kept.remove(&oldest);
        }
        let turn = self.turns;
        self.turns += 1;
        self.order.insert(turn, key);
        let noted = Noted {
            turn,
            at: now,
            value: before.map(|before| before.value).unwrap_or_default(),
        };
        &mut self.kept.entry(key).or_insert(noted).value
    }

    /// Forgets what is too old.
    pub fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.order.first_entry() {
            let noted = self.kept.get(oldest.get());
            if noted.is_some_and(|noted| now.since(noted.at) <= self.bounds.age_max) {
                return;
            }
            self.kept.remove(&oldest.remove());
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.order.clear();
    }

    /// All keys, those that were noted last first.
    pub fn newest_first(&self) -> impl Iterator<Item = K> {
        self.order.values().rev().copied()
    }

    /// Whether a key is kept, as of the last moment that was told of.
    pub fn contains(&self, key: &K) -> bool {
        self.kept.contains_key(key)
    }
}
