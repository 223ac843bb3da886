use std::{collections::BTreeMap, sync::atomic::Ordering};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// What a vehicle tells about its load, and about the roadside units that it uses.
#[derive(Default)]
pub(super) struct RoadsideMetrics {
    load: Family<StateLabel, Gauge>,
    units: Family<StateLabel, Gauge>,
    neighbours: Family<StateLabel, Gauge>,
    lost: Family<ReasonLabel, Counter>,
}

/// How a vehicle stands with roadside units, and with whom they introduced.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RoadsideStanding {
    /// Units that it knows of.
    pub units_known: usize,
    /// Units that it dials.
    pub units_dialled: usize,
    /// Those of them that answer.
    pub units_connected: usize,
    /// Introduced neighbours that it dials.
    pub neighbours_dialled: usize,
    /// Those of them that answer.
    pub neighbours_connected: usize,
    /// Messages for it that units dropped since the start, by the reason's name.
    pub lost: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReasonLabel {
    reason: &'static str,
}

impl RoadsideMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "load",
            "1 for how much of what it hears the station can verify",
            self.load.clone(),
        );
        registry.register(
            "roadside_units",
            "Roadside units that are known, dialled and connected",
            self.units.clone(),
        );
        registry.register(
            "roadside_neighbours",
            "Neighbours introduced by roadside units that are dialled and connected",
            self.neighbours.clone(),
        );
        registry.register(
            "roadside_messages_lost",
            "Messages for this vehicle that roadside units say they dropped",
            self.lost.clone(),
        );
    }

    pub(super) fn set_load(&self, load: &'static str, all: &[&'static str]) {
        for state in all {
            let is_it = *state == load;
            self.load
                .get_or_create(&StateLabel { state })
                .set(is_it.into());
        }
    }

    pub(super) fn set_standing(&self, standing: &RoadsideStanding) {
        let units = [
            ("known", standing.units_known),
            ("dialled", standing.units_dialled),
            ("connected", standing.units_connected),
        ];
        let neighbours = [
            ("dialled", standing.neighbours_dialled),
            ("connected", standing.neighbours_connected),
        ];
        set(&self.units, &units);
        set(&self.neighbours, &neighbours);
        for (reason, total) in &standing.lost {
            let lost = self.lost.get_or_create(&ReasonLabel { reason });
            // Whoever counts keeps the total, which only grows.
            lost.inner().store(*total, Ordering::Relaxed);
        }
    }
}

fn set(family: &Family<StateLabel, Gauge>, counts: &[(&'static str, usize)]) {
    for (state, count) in counts {
        family
            .get_or_create(&StateLabel { state })
            .set(i64::try_from(*count).unwrap_or(i64::MAX));
    }
}
