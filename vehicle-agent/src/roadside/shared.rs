use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;
use tracing::warn;
use wayside::{
    id::{PeerId, StationId},
    relay::{Neighbour, Shed, ShedReason, UnitPlace},
    time::Instant,
};

/// What is known of roadside units, for everybody who shows it; clones are the same.
#[derive(Clone)]
pub struct Roadside {
    words: mpsc::Sender<Word>,
    state: Arc<Mutex<RoadsideState>>,
}

/// How it is with the units.
#[derive(Clone, Debug, Default)]
pub struct RoadsideState {
    /// The units that are dialled.
    pub units: Vec<UnitState>,
    /// How many units are known.
    pub units_known: usize,
    /// How many neighbours are dialled because units introduced them.
    pub neighbours: usize,
    /// How many of these answer.
    pub neighbours_connected: usize,
    /// What units say they dropped of what was for this vehicle.
    pub lost: BTreeMap<ShedReason, u64>,
}

/// A unit that is dialled.
#[derive(Clone, Debug)]
pub struct UnitState {
    /// Where.
    pub address: SocketAddr,
    /// Its name at present; `None` while it does not answer.
    pub station: Option<StationId>,
    /// Since when it answers, or does not.
    pub since: Instant,
    /// How far away it stands, in metres; `None` if that, or the own position, is not known.
    pub distance_m: Option<f64>,
}

/// What a unit said.
pub(super) enum Word {
    Introduced {
        peer: PeerId,
        neighbours: Vec<Neighbour>,
    },
    Told {
        peer: PeerId,
        units: Vec<UnitPlace>,
    },
}

impl Roadside {
    /// Nothing is known yet.
    pub(super) fn new(words: mpsc::Sender<Word>) -> Self {
        Self {
            words,
            state: Arc::default(),
        }
    }

    /// How it is now.
    pub fn state(&self) -> RoadsideState {
        self.lock().clone()
    }

    /// A unit introduced these neighbours, and no others any more; returns at once, as the others do.
    pub(crate) fn handle_introduced(&self, peer: PeerId, neighbours: Vec<Neighbour>) {
        self.pass_on(Word::Introduced { peer, neighbours });
    }

    /// A unit told where it stands, and where others do.
    pub(crate) fn handle_told(&self, peer: PeerId, units: Vec<UnitPlace>) {
        self.pass_on(Word::Told { peer, units });
    }

    /// A unit dropped something that was for this vehicle.
    pub(crate) fn handle_shed(&self, shed: &[Shed]) {
        let mut state = self.lock();
        for shed in shed {
            let lost = state.lost.entry(shed.reason).or_default();
            *lost = lost.saturating_add(shed.count);
        }
    }

    /// Shows how it is; what was lost stays.
    pub(super) fn show(&self, shown: RoadsideState) {
        let mut state = self.lock();
        let lost = std::mem::take(&mut state.lost);
        *state = RoadsideState { lost, ..shown };
    }

    fn pass_on(&self, word: Word) {
        if self.words.try_send(word).is_err() {
            warn!("units tell more of others than the agent can take");
        }
    }

    fn lock(&self) -> MutexGuard<'_, RoadsideState> {
        // Each step leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
