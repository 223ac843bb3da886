use std::sync::Arc;

use anyhow::{Context as _, ensure};
use wayside::{
    geo::Offset,
    lanes::{LaneMap, Outline},
    message::Telemetry,
    risk::{Assessor, Responses, Subject},
    time::Timestamp,
    units::Speed,
    world::World,
};

use crate::bench::{
    rounds::Spent,
    traffic::{CARS, origin},
};

/// How dangerous a hundred cars are to the first of them, without a map and with one.
pub(super) struct Neighbours {
    plain: Assessor,
    on_lanes: Assessor,
}

impl Neighbours {
    pub(super) fn new() -> anyhow::Result<Self> {
        let lanes = (0..CARS).flat_map(|car| (0..LANES_LEN).map(move |place| lane(car, place)));
        let map = LaneMap::new(origin()?, &lanes.collect::<Vec<_>>());
        ensure!(map.left_out() == 0, "a lane makes no sense");
        Ok(Self {
            plain: Assessor::default(),
            on_lanes: Assessor::new(Responses::default(), Some(Arc::new(map))),
        })
    }

    pub(super) fn assess(
        &self,
        world: &World,
        own: &Telemetry,
        at: Timestamp,
        spent: &mut Spent,
    ) -> anyhow::Result<()> {
        let own = Subject::of(own, at).at(at).context("the own motion")?;
        let objects: Vec<_> = world.objects().collect();
        for (case, assessor) in [("risk", &self.plain), ("risk_on_lanes", &self.on_lanes)] {
            let assessed = spent.on(case, CARS, || {
                let viewer = assessor.view(own);
                let risks = objects.iter().filter_map(|object| object.risk(&viewer, at));
                risks.count()
            });
            ensure!(assessed == CARS, "{assessed} cars are near enough");
        }
        Ok(())
    }
}

/// A stretch of 100 m of the lane that a car drives in, with a point every 25 m.
fn lane(car: usize, place: usize) -> Outline {
    let name = |place: usize| (car * NAMES + place) as u64;
    let border = |right_m: f64| {
        let points = (0..=4).map(|point| Offset {
            east_m: place as f64 * LANE_LEN_M + f64::from(point) * LANE_LEN_M / 4.0,
            north_m: car as f64 * LANE_WIDTH_M - right_m,
        });
        points.collect()
    };
    Outline {
        name: name(place),
        left: border(-LANE_WIDTH_M / 2.0),
        right: border(LANE_WIDTH_M / 2.0),
        successors: vec![name(place + 1)],
        speed_limit: Speed::from_m_per_s(13.9),
    }
}

const LANE_WIDTH_M: f64 = 4.0;
const LANE_LEN_M: f64 = 100.0;
/// 20 km, which the cars drive in a little more than a thousand rounds.
const LANES_LEN: usize = 200;
const NAMES: usize = 1_000;
