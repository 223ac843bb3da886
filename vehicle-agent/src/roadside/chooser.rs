use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::SocketAddr,
    time::Duration,
};

use wayside::{geo::Position, relay::UnitPlace, time::Instant};

use super::{
    Answer, Order, RoadsideConfig,
    address::may_be_dialled,
    unit::{Place, Unit},
};

/// Decides which units the vehicle is connected to.
///
/// Those of the configuration tell of others; of all that reach the own position the nearest are
/// used, and the one before stays until the next one has answered. A unit that does not answer makes
/// way for another and is tried again. Where none is known to reach, nobody is dialled but configured
/// ones of which nobody said yet where they stand.
///
/// After each `handle_*`, drain [`Self::poll_order`] until it returns `None`, then call
/// [`Self::handle_timeout`] once [`Self::poll_timeout`] has passed.
#[derive(Debug)]
pub struct Chooser {
    config: RoadsideConfig,
    seed: u64,
    own: Option<Position>,
    units: BTreeMap<SocketAddr, Unit>,
    orders: VecDeque<Order>,
}

/// How it is with a unit that is dialled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnitStanding {
    /// Where it is dialled.
    pub address: SocketAddr,
    /// Whether it said hello.
    pub answers: bool,
    /// Since when it does, or does not.
    pub since: Instant,
    /// How far away it stands; `None` if that, or the own position, is not known.
    pub distance_m: Option<f64>,
}

impl Chooser {
    /// Knows no unit and no position; `seed` should differ between vehicles.
    pub fn new(config: RoadsideConfig, seed: u64) -> Self {
        Self {
            config,
            seed,
            own: None,
            units: BTreeMap::new(),
            orders: VecDeque::new(),
        }
    }

    /// The configured units have these addresses, the first one to be tried first.
    pub fn handle_configured(&mut self, addresses: &[SocketAddr], now: Instant) {
        for unit in self.units.values_mut() {
            unit.configured = None;
        }
        for (number, address) in addresses.iter().take(CONFIGURED_MAX).enumerate() {
            let unit = self.units.entry(*address).or_default();
            unit.configured.get_or_insert(number);
        }
        self.choose(now);
    }

    /// The vehicle is here.
    pub fn handle_position(&mut self, position: Position, now: Instant) {
        if self.own != Some(position) {
            self.own = Some(position);
            self.choose(now);
        }
    }

    /// The unit at an address told where it stands itself, and then where others do.
    pub fn handle_told(&mut self, teller: SocketAddr, told: &[UnitPlace], now: Instant) {
        let Some((itself, others)) = told.split_first() else {
            return;
        };
        // Nobody takes the place of a unit that answers, or that this vehicle was told to use.
        let is_anothers = |alias: &SocketAddr| {
            let other = self.units.get(alias);
            other.is_some_and(|other| other.answers() || other.configured.is_some())
        };
        let alias = Some(itself.address).filter(|alias| *alias != teller && !is_anothers(alias));
        let Some(unit) = self.units.get_mut(&teller).filter(|unit| unit.answers()) else {
            return;
        };
        unit.place = Some(place(itself, teller, now));
        unit.alias = alias;
        if let Some(alias) = alias {
            self.part(alias);
            self.units.remove(&alias);
        }
        let others = others.iter().take(TOLD_MAX);
        let others = others.filter(|other| may_be_dialled(other.address, teller));
        let others: BTreeMap<_, _> = others.map(|other| (other.address, other)).collect();
        for (address, unit) in &mut self.units {
            let is_its_word = unit.place.is_some_and(|place| place.teller == teller);
            if is_its_word && *address != teller && !others.contains_key(address) {
                unit.place = None;
            }
        }
        for other in others.into_values() {
            self.handle_hint(other, teller, now);
        }
        self.choose(now);
    }

    /// So it is at an address that is dialled.
    pub fn handle_answer(&mut self, address: SocketAddr, answer: Answer, now: Instant) {
        let seed = self.seed_for(address);
        let Some(unit) = self.units.get_mut(&address) else {
            return;
        };
        if unit.dialled.is_none() {
            return;
        }
        let is_given_up = match answer {
            Answer::Vehicle => {
                unit.handle_stranger(now);
                true
            }
            Answer::Unit | Answer::Nobody => {
                let hung_up = unit.handle_answer(answer == Answer::Unit, now);
                if hung_up {
                    unit.handle_failure(now, seed);
                }
                hung_up
            }
        };
        if is_given_up {
            self.orders.push_back(Order::Part(address));
        }
        self.choose(now);
    }

    /// To be called once [`Self::poll_timeout`] has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let silent = self.units.iter().filter(|(_, unit)| {
            unit.dialled
                .is_some_and(|it| !it.answers && now.since(it.since) >= self.config.answer_timeout)
        });
        let silent: Vec<SocketAddr> = silent.map(|(address, _)| *address).collect();
        for address in silent {
            let seed = self.seed_for(address);
            if let Some(unit) = self.units.get_mut(&address) {
                unit.handle_failure(now, seed);
                self.orders.push_back(Order::Part(address));
            }
        }
        for unit in self.units.values_mut() {
            unit.rests_until = unit.rests_until.filter(|until| *until > now);
        }
        self.choose(now);
    }

    /// What to do next.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        let times = self.units.values().flat_map(|unit| {
            let silent = unit.dialled.filter(|dialled| !dialled.answers);
            let answer = silent.map(|dialled| dialled.since + self.config.answer_timeout);
            let word = unit.place.map(|place| place.told + PLACE_KEPT);
            [answer, word, unit.rests_until]
        });
        times.flatten().min()
    }

    /// The units that are dialled, by their addresses.
    pub fn standings(&self) -> impl Iterator<Item = UnitStanding> {
        self.units.iter().filter_map(|(address, unit)| {
            let dialled = unit.dialled?;
            Some(UnitStanding {
                address: *address,
                answers: dialled.answers,
                since: dialled.since,
                distance_m: self.own.and_then(|own| unit.distance_m(own)),
            })
        })
    }

    /// How many units are known.
    pub fn known(&self) -> usize {
        self.units.len()
    }

    /// Takes in where another unit stands, unless that is known from itself.
    fn handle_hint(&mut self, hint: &UnitPlace, teller: SocketAddr, now: Instant) {
        let address = hint.address;
        let is_alias = |unit: &Unit| unit.alias == Some(address);
        if self.units.values().any(is_alias) || !self.has_room_for(hint) {
            return;
        }
        let unit = self.units.entry(address).or_default();
        let is_first_hand = unit.place.is_some_and(|place| place.teller == address);
        if !is_first_hand {
            unit.place = Some(place(hint, teller, now));
        }
    }

    /// Whether one more unit may be known; at the bound the farthest makes way for a nearer one.
    fn has_room_for(&mut self, hint: &UnitPlace) -> bool {
        if self.units.len() < UNITS_MAX || self.units.contains_key(&hint.address) {
            return true;
        }
        let Some(own) = self.own else {
            return false;
        };
        let idle = self.units.iter().filter(|(_, unit)| {
            let is_in_use = unit.dialled.is_some() || unit.rests();
            unit.configured.is_none() && !is_in_use
        });
        let farthest = idle
            .map(|(address, unit)| (unit.distance_m(own).unwrap_or(f64::INFINITY), *address))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match farthest {
            Some((distance_m, address)) if hint.position.distance_m(own) < distance_m => {
                self.units.remove(&address);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Dials whom it wants and parts with whom it does not.
    fn choose(&mut self, now: Instant) {
        self.forget(now);
        let wanted = self.wanted();
        for address in &wanted {
            if let Some(unit) = self.units.get_mut(address)
                && unit.dialled.is_none()
            {
                unit.dial(now);
                self.orders.push_back(Order::Dial(*address));
            }
        }
        let answers = |address: &SocketAddr| self.units.get(address).is_some_and(Unit::answers);
        let is_waiting = !wanted.iter().all(answers);
        let mut kept = 0;
        for address in self.unwanted(&wanted) {
            let stays = is_waiting
                && kept < self.config.units_max
                && self.units.get(&address).is_some_and(Unit::answers);
            if stays {
                kept += 1;
            } else {
                self.part(address);
            }
        }
    }

    /// The units to be connected to, the nearest first.
    fn wanted(&self) -> BTreeSet<SocketAddr> {
        let awake = || self.units.iter().filter(|(_, unit)| !unit.rests());
        let mut in_reach: Vec<(f64, SocketAddr)> = awake()
            .filter_map(|(address, unit)| {
                let bonus_m = match unit.dialled {
                    Some(_) => f64::from(self.config.hysteresis_m),
                    None => 0.0,
                };
                let distance_m = unit.distance_m(self.own?)? - bonus_m;
                (distance_m <= unit.place?.radius_m).then_some((distance_m, *address))
            })
            .collect();
        in_reach.sort_by(|a, b| a.0.total_cmp(&b.0));
        if !in_reach.is_empty() {
            let nearest = in_reach.into_iter().take(self.config.units_max);
            return nearest.map(|(_, address)| address).collect();
        }
        // One of which nobody knows whether it reaches this place, to ask it.
        let unplaced = awake().filter_map(|(address, unit)| {
            let number = unit.configured?;
            let is_unplaced = self.own.is_none() || unit.place.is_none();
            let rank = (unit.dialled.is_none(), unit.failures(), number);
            is_unplaced.then_some((rank, *address))
        });
        unplaced
            .min()
            .map(|(_, address)| address)
            .into_iter()
            .collect()
    }

    /// The units that are dialled and not wanted, the nearest first.
    fn unwanted(&self, wanted: &BTreeSet<SocketAddr>) -> Vec<SocketAddr> {
        let unwanted = self
            .units
            .iter()
            .filter(|(address, unit)| unit.dialled.is_some() && !wanted.contains(address));
        let mut unwanted: Vec<(f64, SocketAddr)> = unwanted
            .map(|(address, unit)| {
                let distance_m = self.own.and_then(|own| unit.distance_m(own));
                (distance_m.unwrap_or(f64::INFINITY), *address)
            })
            .collect();
        unwanted.sort_by(|a, b| a.0.total_cmp(&b.0));
        unwanted.into_iter().map(|(_, address)| address).collect()
    }

    fn part(&mut self, address: SocketAddr) {
        if let Some(unit) = self.units.get_mut(&address)
            && unit.dialled.take().is_some()
        {
            self.orders.push_back(Order::Part(address));
        }
    }

    /// Forgets what was told long ago by somebody who is gone, and units of which nothing is known.
    fn forget(&mut self, now: Instant) {
        let here = self.units.iter().filter(|(_, unit)| unit.answers());
        let here: BTreeSet<SocketAddr> = here.map(|(address, _)| *address).collect();
        for unit in self.units.values_mut() {
            if let Some(place) = &mut unit.place
                && now.since(place.told) >= PLACE_KEPT
            {
                if here.contains(&place.teller) {
                    place.told = now;
                } else {
                    unit.place = None;
                    unit.alias = None;
                }
            }
        }
        self.units.retain(|_, unit| {
            let is_known = unit.place.is_some() || unit.configured.is_some();
            is_known || unit.dialled.is_some() || unit.rests()
        });
    }

    fn seed_for(&self, address: SocketAddr) -> u64 {
        let failures = self.units.get(&address).map(Unit::failures);
        let mut hasher = DefaultHasher::new();
        (self.seed, address, failures).hash(&mut hasher);
        hasher.finish()
    }
}

fn place(told: &UnitPlace, teller: SocketAddr, now: Instant) -> Place {
    Place {
        position: told.position,
        radius_m: f64::from(told.radius_m),
        teller,
        told: now,
    }
}

/// Addresses of configured units; further ones are not tried.
pub(super) const CONFIGURED_MAX: usize = 32;
/// Units that one unit may name; further ones are ignored.
pub(super) const TOLD_MAX: usize = 64;
/// Units that are known; at the bound the farthest is forgotten.
pub(super) const UNITS_MAX: usize = 256;
/// How long it counts what a unit told that is gone.
const PLACE_KEPT: Duration = Duration::from_secs(600);
