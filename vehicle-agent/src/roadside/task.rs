use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use tokio::{
    net::lookup_host,
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, sleep},
};
use tracing::{debug, info};
use wayside::{
    id::{PeerId, StationId},
    pipeline::Station,
    time::Now,
    transport::Handle,
};

use super::{
    Answer, Chooser, Introductions, Order, Roadside, RoadsideConfig, RoadsideState, UnitState,
    shared::Word,
};

/// What [`follow_units`] goes on with.
pub(crate) struct Following {
    config: RoadsideConfig,
    roadside: Roadside,
    words: mpsc::Receiver<Word>,
}

/// Begins with nothing known; give what the station reports to the first.
pub(crate) fn begin(config: &RoadsideConfig) -> (Roadside, Following) {
    let (sender, words) = mpsc::channel(WORDS_MAX);
    let roadside = Roadside::new(sender);
    let following = Following {
        config: config.clone(),
        roadside: roadside.clone(),
        words,
    };
    (roadside, following)
}

/// Keeps the vehicle connected to units and to whom they introduce, for as long as the agent runs;
/// `given` is connected to anyhow.
pub(crate) async fn follow_units(
    following: Following,
    station: Handle,
    (given, seed): (BTreeSet<SocketAddr>, u64),
) {
    let Following {
        config,
        roadside,
        mut words,
    } = following;
    let (resolved, mut addresses) = watch::channel(Vec::new());
    let mut resolving = std::pin::pin!(resolve(config.units.clone(), resolved));
    let mut follower = Follower {
        chooser: Chooser::new(config.clone(), seed),
        introductions: Introductions::new(config.clone(), given),
        config,
        roadside,
        station,
        wanted: BTreeMap::new(),
        port: None,
    };
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut resolving => return,
            _ = ticks.tick() => follower.look(),
            Some(word) = words.recv() => {
                // Whoever speaks may have said hello since the last look.
                follower.look();
                follower.handle_word(&word);
            }
            Ok(()) = addresses.changed() => {
                let addresses = addresses.borrow_and_update().clone();
                let now = follower.now();
                follower.chooser.handle_configured(&addresses, now.instant);
            }
        }
        follower.carry_out();
        follower.show();
    }
}

/// The machines, and what they are about.
struct Follower {
    config: RoadsideConfig,
    chooser: Chooser,
    introductions: Introductions,
    roadside: Roadside,
    station: Handle,
    /// How many want an address: it can be a unit's and a neighbour's at the same time.
    wanted: BTreeMap<SocketAddr, u8>,
    /// Where the station was last said to be reachable.
    /// The port that the station was told, and under which name it then spoke.
    port: Option<(Option<StationId>, u16)>,
}

impl Follower {
    /// Tells the machines how it is.
    fn look(&mut self) {
        let now = self.now().instant;
        self.tell_port();
        let own = self.station.call(|station, _| {
            let own = station.own_state();
            own.map(|own| own.telemetry.position)
        });
        if let Some(position) = own {
            self.chooser.handle_position(position, now);
        }
        let units: Vec<_> = self.chooser.standings().collect();
        for unit in units {
            let (answer, _) = self.answer_at(unit.address);
            if unit.answers && answer != Answer::Unit {
                info!("lost a roadside unit");
                self.introductions.handle_unit_gone(unit.address, now);
            }
            if !unit.answers && answer == Answer::Unit {
                info!("connected to a roadside unit");
            }
            self.chooser.handle_answer(unit.address, answer, now);
        }
        let neighbours: Vec<_> = self.introductions.dialled().collect();
        for (address, _) in neighbours {
            let (answer, _) = self.answer_at(address);
            self.introductions
                .handle_answer(address, answer != Answer::Nobody, now);
        }
        self.chooser.handle_timeout(now);
        self.introductions.handle_timeout(now);
    }

    /// What a unit said; only those count that are dialled, and answer as what they say they are.
    fn handle_word(&mut self, word: &Word) {
        let now = self.now().instant;
        let (Word::Introduced { peer, .. } | Word::Told { peer, .. }) = word;
        let unit = self
            .chooser
            .standings()
            .find(|unit| unit.answers && self.station.connections_to(unit.address).contains(peer));
        let Some(unit) = unit else {
            debug!("a unit that was not dialled tells of others");
            return;
        };
        match word {
            Word::Introduced { neighbours, .. } => {
                self.introductions
                    .handle_introduced(unit.address, neighbours, now);
            }
            Word::Told { units, .. } => self.chooser.handle_told(unit.address, units, now),
        }
    }

    fn carry_out(&mut self) {
        let now = self.now().instant;
        while let Some(order) = self.chooser.poll_order() {
            if let Order::Part(address) = order {
                self.introductions.handle_unit_gone(address, now);
            }
            self.obey(order);
        }
        while let Some(order) = self.introductions.poll_order() {
            self.obey(order);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Dial(address) => {
                *self.wanted.entry(address).or_default() += 1;
                self.station.connect(address);
            }
            Order::Part(address) => {
                let left = self.wanted.get(&address).map_or(0, |count| count - 1);
                if left == 0 {
                    self.wanted.remove(&address);
                    self.station.disconnect(address);
                } else {
                    self.wanted.insert(address, left);
                }
            }
        }
    }

    /// Says where the station can be dialled, which changes with its ticket.
    fn tell_port(&mut self) {
        let port = self.station.local_addr().port();
        let told = Some((self.station.call(|station, _| station.station()), port));
        if self.config.introduce && self.port != told {
            self.port = told;
            self.station
                .call(|station, now| station.handle_reachable(Some(port), now));
        }
    }

    /// Who is at an address, and its name.
    fn answer_at(&self, address: SocketAddr) -> (Answer, Option<StationId>) {
        let connections = self.station.connections_to(address);
        self.station
            .call(|station, _| answer_of(station, &connections))
    }

    fn show(&self) {
        let units = self.chooser.standings().map(|unit| UnitState {
            address: unit.address,
            station: unit
                .answers
                .then(|| self.answer_at(unit.address).1)
                .flatten(),
            since: unit.since,
            distance_m: unit.distance_m,
        });
        let neighbours: Vec<_> = self.introductions.dialled().collect();
        self.roadside.show(RoadsideState {
            units: units.collect(),
            units_known: self.chooser.known(),
            neighbours: neighbours.len(),
            neighbours_connected: neighbours.iter().filter(|(_, answers)| *answers).count(),
            lost: BTreeMap::new(),
        });
    }

    fn now(&self) -> Now {
        self.station.clock().now()
    }
}

fn answer_of(station: &Station, connections: &[PeerId]) -> (Answer, Option<StationId>) {
    let mut answer = (Answer::Nobody, None);
    for (peer, name) in station.peers() {
        if !connections.contains(&peer) {
            continue;
        }
        match station.peer_is_unit(peer) {
            Some(true) => return (Answer::Unit, name),
            Some(false) => answer = (Answer::Vehicle, name),
            None => {}
        }
    }
    answer
}

/// Finds the addresses of the configured units, again and again, since names may come to mean others.
async fn resolve(units: Vec<String>, resolved: watch::Sender<Vec<SocketAddr>>) {
    let mut known: BTreeMap<&str, Vec<SocketAddr>> = BTreeMap::new();
    let mut pause = RESOLVE_PAUSE_MIN;
    loop {
        let mut is_complete = true;
        for unit in &units {
            match lookup_host(unit).await {
                Ok(addresses) => {
                    known.insert(unit, addresses.collect());
                }
                // What it meant before is still the best guess.
                Err(error) => {
                    debug!(unit, %error, "cannot find the address of a unit");
                    is_complete = false;
                }
            }
        }
        let addresses: Vec<SocketAddr> = units
            .iter()
            .filter_map(|unit| known.get(unit.as_str()))
            .flatten()
            .copied()
            .collect();
        resolved.send_if_modified(|before| {
            let is_new = *before != addresses;
            *before = addresses;
            is_new
        });
        pause = if is_complete {
            RESOLVE_PAUSE_MAX
        } else {
            (pause * 2).min(RESOLVE_PAUSE_MAX)
        };
        sleep(pause).await;
    }
}

/// How often is looked at who answers and where the vehicle is.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// What units said and nobody has looked at; at the bound further words are dropped.
const WORDS_MAX: usize = 64;
const RESOLVE_PAUSE_MIN: Duration = Duration::from_secs(1);
const RESOLVE_PAUSE_MAX: Duration = Duration::from_secs(300);
