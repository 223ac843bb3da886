use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use wayside::{relay::Neighbour, time::Instant};

use super::{Order, RoadsideConfig, address::may_be_dialled};

/// Decides which of the neighbours that units introduce the vehicle is connected to.
///
/// A neighbour stays for as long as a unit introduces it, and a little longer. When all units are
/// gone, those that answer stay: they need no unit.
///
/// After each `handle_*`, drain [`Self::poll_order`] until it returns `None`, then call
/// [`Self::handle_timeout`] once [`Self::poll_timeout`] has passed.
#[derive(Debug)]
pub struct Introductions {
    config: RoadsideConfig,
    /// Dialled by the configuration, and never parted with.
    given: BTreeSet<SocketAddr>,
    /// What each unit said last, the nearest first.
    lists: BTreeMap<SocketAddr, Vec<SocketAddr>>,
    dialled: BTreeMap<SocketAddr, Dialled>,
    resting: BTreeMap<SocketAddr, Instant>,
    orders: VecDeque<Order>,
}

#[derive(Clone, Copy, Debug)]
struct Dialled {
    /// Since when nobody answers; `None` while somebody does.
    silent_since: Option<Instant>,
    /// Since when no unit introduces it; `None` while one does.
    unnamed_since: Option<Instant>,
}

impl Introductions {
    /// Knows nobody; `given` is connected to anyhow.
    pub fn new(config: RoadsideConfig, given: BTreeSet<SocketAddr>) -> Self {
        Self {
            config,
            given,
            lists: BTreeMap::new(),
            dialled: BTreeMap::new(),
            resting: BTreeMap::new(),
            orders: VecDeque::new(),
        }
    }

    /// The unit at an address introduced these neighbours, and no others any more.
    pub fn handle_introduced(&mut self, unit: SocketAddr, list: &[Neighbour], now: Instant) {
        let addresses = list.iter().map(|neighbour| neighbour.address);
        let addresses = addresses
            .filter(|address| may_be_dialled(*address, unit) && !self.given.contains(address));
        let addresses = addresses.take(LIST_MAX).collect();
        if self.lists.len() < LISTS_MAX || self.lists.contains_key(&unit) {
            self.lists.insert(unit, addresses);
        }
        self.choose(now);
    }

    /// The unit at an address is gone: what it said counts no longer.
    pub fn handle_unit_gone(&mut self, unit: SocketAddr, now: Instant) {
        if self.lists.remove(&unit).is_some() {
            self.choose(now);
        }
    }

    /// Somebody answers at an address that is dialled, or nobody does.
    pub fn handle_answer(&mut self, address: SocketAddr, answers: bool, now: Instant) {
        if let Some(dialled) = self.dialled.get_mut(&address) {
            dialled.silent_since = match dialled.silent_since {
                _ if answers => None,
                known => known.or(Some(now)),
            };
        }
    }

    /// To be called once [`Self::poll_timeout`] has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.resting.retain(|_, until| *until > now);
        let silent = self.dialled.iter().filter(|(_, dialled)| {
            let silent = dialled.silent_since.map(|since| now.since(since));
            silent.is_some_and(|silent| silent >= self.config.answer_timeout)
        });
        let silent: Vec<SocketAddr> = silent.map(|(address, _)| *address).collect();
        for address in silent {
            self.part(address);
            if self.resting.len() < RESTING_MAX {
                self.resting.insert(address, now + REST);
            }
        }
        self.choose(now);
    }

    /// What to do next.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let has_units = !self.lists.is_empty();
        let dialled = self.dialled.values().flat_map(|dialled| {
            let silent = dialled.silent_since;
            let unnamed = dialled.unnamed_since.filter(|_| has_units);
            [
                silent.map(|since| since + self.config.answer_timeout),
                unnamed.map(|since| since + LINGER),
            ]
        });
        let resting = self.resting.values().copied();
        dialled.flatten().chain(resting).min()
    }

    /// The neighbours that are dialled, with whether they answer.
    pub fn dialled(&self) -> impl Iterator<Item = (SocketAddr, bool)> {
        let dialled = self.dialled.iter();
        dialled.map(|(address, dialled)| (*address, dialled.silent_since.is_none()))
    }

    /// Parts with those who were not introduced for a while, and dials the nearest others.
    fn choose(&mut self, now: Instant) {
        let named = self.named();
        for (address, dialled) in &mut self.dialled {
            dialled.unnamed_since = match dialled.unnamed_since {
                _ if named.contains(address) => None,
                known => known.or(Some(now)),
            };
        }
        if !self.lists.is_empty() {
            let over = self.dialled.iter().filter(|(_, dialled)| {
                let unnamed = dialled.unnamed_since.map(|since| now.since(since));
                unnamed.is_some_and(|unnamed| unnamed >= LINGER)
            });
            let over: Vec<SocketAddr> = over.map(|(address, _)| *address).collect();
            for address in over {
                self.part(address);
            }
        }
        for address in named {
            if self.dialled.contains_key(&address) || self.resting.contains_key(&address) {
                continue;
            }
            if !self.make_room() {
                return;
            }
            let dialled = Dialled {
                silent_since: Some(now),
                unnamed_since: None,
            };
            self.dialled.insert(address, dialled);
            self.orders.push_back(Order::Dial(address));
        }
    }

    /// Whom the units introduce, each once: the nearest of each unit first.
    fn named(&self) -> Vec<SocketAddr> {
        let mut named = Vec::new();
        for rank in 0..LIST_MAX {
            let of_rank = self.lists.values().filter_map(|list| list.get(rank));
            for address in of_rank {
                if !named.contains(address) {
                    named.push(*address);
                }
            }
        }
        named
    }

    /// Whether one more may be dialled; one that no unit introduces any more makes way.
    fn make_room(&mut self) -> bool {
        if self.dialled.len() < self.config.neighbours_max {
            return true;
        }
        let unnamed = self.dialled.iter().filter_map(|(address, dialled)| {
            let since = dialled.unnamed_since?;
            Some((since, *address))
        });
        let Some((_, longest)) = unnamed.min() else {
            return false;
        };
        self.part(longest);
        self.dialled.len() < self.config.neighbours_max
    }

    fn part(&mut self, address: SocketAddr) {
        if self.dialled.remove(&address).is_some() {
            self.orders.push_back(Order::Part(address));
        }
    }
}

/// Neighbours that one unit may introduce; further ones are ignored.
pub(super) const LIST_MAX: usize = 64;
/// Units that may introduce; further ones are ignored.
const LISTS_MAX: usize = 16;
/// Neighbours that are left alone because they did not answer.
const RESTING_MAX: usize = 256;
/// How long one is left alone that did not answer.
const REST: Duration = Duration::from_secs(30);
/// How long a neighbour stays whom no unit introduces any more.
const LINGER: Duration = Duration::from_secs(5);
