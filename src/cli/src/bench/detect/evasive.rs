//! Liars who know the checks and stay below them.
//!
//! Each kind of lie is told in growing sizes by a fifth of the senders of an honest drive, from five
//! seconds after they are first heard. What is hardly found is what a liar may do unseen, which is
//! what the checks leave it. Positions that are moved show where the road bends, even where speeds
//! agree with them; a liar that makes up a whole way, bends and all, is never found by its own words:
//! that needs a map, or somebody who sees it.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;
use wayside::{
    geo::{LocalFrame, Offset, Position},
    message::Telemetry,
    sim::{Falsity, Said, Traffic},
    units::{Acceleration, Heading, Speed},
};

use super::score::Score;

/// A lie whose size its teller chooses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evasion {
    /// Speeds too high, always by the same.
    Speed,
    /// Positions that run ahead of the vehicle, at an even speed.
    Creep,
    /// Positions that drift away to the right, at an even speed.
    SideCreep,
    /// Positions moved to the right, by the same from one message on.
    Leap,
    /// Accelerations too low, always by the same, as if it braked.
    Braking,
    /// Headings turned, always by the same.
    Heading,
    /// Positions that run ahead, in the direction of travel, with speeds that agree.
    Consistent,
}

/// What became of one kind of lie.
#[derive(Clone, Debug, Serialize)]
pub(super) struct EvasionRow {
    lie: &'static str,
    unit: &'static str,
    /// The largest size of which at most one window in twenty is found; `None` where even the smallest
    /// is found more often.
    unseen: Option<f64>,
    sizes: Vec<SizeRow>,
}

/// The same lie in one size.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SizeRow {
    size: f64,
    /// The share of lying windows that were found.
    recall: f64,
    windows: u64,
}

impl Evasion {
    /// Every kind.
    pub(super) const ALL: [Self; 7] = [
        Self::Speed,
        Self::Creep,
        Self::SideCreep,
        Self::Leap,
        Self::Braking,
        Self::Heading,
        Self::Consistent,
    ];

    fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Speed => ("speed_too_high", "m/s"),
            Self::Creep => ("position_runs_ahead", "m/s"),
            Self::SideCreep => ("position_drifts_aside", "m/s"),
            Self::Leap => ("position_aside", "m"),
            Self::Braking => ("acceleration_too_low", "m/s2"),
            Self::Heading => ("heading_turned", "deg"),
            Self::Consistent => ("position_and_speed_agree", "m/s"),
        }
    }

    fn sizes(self) -> [f64; 7] {
        match self {
            Self::Speed | Self::Creep | Self::SideCreep | Self::Consistent => {
                [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0]
            }
            Self::Leap => [2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0],
            Self::Braking => [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0],
            Self::Heading => [3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 60.0],
        }
    }

    /// What liars make of a message, so long after they began.
    fn tell(self, said: &mut Telemetry, size: f64, since_s: f64) {
        let ahead = |said: &Telemetry, way_m: f64| {
            said.heading
                .map_or(said.position, |it| moved(said.position, it, way_m))
        };
        let right = |said: &Telemetry, way_m: f64| {
            let right = said
                .heading
                .and_then(|it| Heading::from_deg_wrapped(it.deg() + 90.0));
            right.map_or(said.position, |it| moved(said.position, it, way_m))
        };
        let faster = |said: &Telemetry| {
            said.speed
                .and_then(|it| Speed::from_m_per_s(it.m_per_s() + size))
        };
        match self {
            Self::Speed => said.speed = faster(said),
            Self::Creep => said.position = ahead(said, size * since_s),
            Self::SideCreep => said.position = right(said, size * since_s),
            Self::Leap => said.position = right(said, size),
            Self::Braking => {
                said.longitudinal_acceleration = said
                    .longitudinal_acceleration
                    .and_then(|it| Acceleration::from_m_per_s2(it.m_per_s2() - size));
            }
            Self::Heading => {
                said.heading = said
                    .heading
                    .and_then(|it| Heading::from_deg_wrapped(it.deg() + size));
            }
            Self::Consistent => {
                said.position = ahead(said, size * since_s);
                said.speed = faster(said);
            }
        }
    }

    /// Tells it in all sizes in honest traffic, and has what becomes of it scored.
    pub(super) fn row(self, honest: &Traffic, score: impl Fn(&Traffic) -> Score) -> EvasionRow {
        let (lie, unit) = self.name();
        let size_row = |size| {
            let score = score(&self.bend(honest, size));
            let windows = score.found + score.missed;
            SizeRow {
                size,
                recall: score.recall(),
                windows,
            }
        };
        let sizes: Vec<_> = self.sizes().into_iter().map(size_row).collect();
        let unseen = sizes.iter().take_while(|row| row.recall <= UNSEEN);
        EvasionRow {
            lie,
            unit,
            unseen: unseen.last().map(|row| row.size),
            sizes,
        }
    }

    fn bend(self, honest: &Traffic, size: f64) -> Traffic {
        let mut traffic = honest.clone();
        let mut begins = BTreeMap::new();
        for said in &mut traffic.messages {
            let begin = *begins
                .entry(said.sender)
                .or_insert_with(|| said.generated.saturating_add(HONEST_FIRST));
            if said.sender.is_multiple_of(LIARS_EVERY) && said.generated >= begin {
                let Said { telemetry, .. } = said;
                self.tell(telemetry, size, said.generated.since(begin).as_secs_f64());
                said.falsity = Falsity::Changed;
            }
        }
        for sender in traffic.senders.iter_mut().step_by(LIARS_EVERY) {
            sender.is_liar = true;
        }
        traffic
    }
}

impl fmt::Display for EvasionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            lie,
            unit,
            unseen,
            sizes,
        } = self;
        let unseen = unseen.map_or_else(|| "none".to_owned(), |it| it.to_string());
        write!(f, "{lie:<26} unseen {unseen} {unit}; found")?;
        for row in sizes {
            write!(f, " {}: {:.2}", row.size, row.recall)?;
        }
        writeln!(f)
    }
}

fn moved(position: Position, heading: Heading, way_m: f64) -> Position {
    LocalFrame::at(position)
        .position(Offset::along(heading, way_m))
        .unwrap_or(position)
}

const LIARS_EVERY: usize = 5;
const HONEST_FIRST: Duration = Duration::from_secs(5);
/// The share of found windows up to which a liar counts as unseen.
const UNSEEN: f64 = 0.05;
