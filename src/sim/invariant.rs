use std::collections::BTreeMap;

use serde::Serialize;

/// What must be true of every road, whatever goes wrong on it and whoever lies.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    /// Nothing is in a picture that its holder's key did not sign.
    NoUnsignedTrack,
    /// No station takes the same message twice in one life.
    NoMessageTakenTwice,
    /// A lie that must be refused is in nobody's picture.
    RefusedMessageLeavesNoTrack,
    /// Honest stations never sign two messages with one sequence, and nobody holds a proof that
    /// they did.
    HonestStationNeverEquivocates,
    /// The model's hazards are known, and no others of honest stations.
    EveryHazardReachesEverybodyInReach,
    /// The model's stations are seen, and no others of the honest ones.
    EverybodyInReachIsSeen,
    /// No queue, picture or list of peers grows beyond its bound, and no event is lost.
    QueuesStayBounded,
    /// What ended is forgotten.
    WorldForgets,
}

/// A broken invariant.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// How long after the start, in milliseconds.
    pub at_ms: u64,
    /// What was seen.
    pub detail: String,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NoUnsignedTrack,
        Self::NoMessageTakenTwice,
        Self::RefusedMessageLeavesNoTrack,
        Self::HonestStationNeverEquivocates,
        Self::EveryHazardReachesEverybodyInReach,
        Self::EverybodyInReachIsSeen,
        Self::QueuesStayBounded,
        Self::WorldForgets,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoUnsignedTrack => "no_unsigned_track",
            Self::NoMessageTakenTwice => "no_message_taken_twice",
            Self::RefusedMessageLeavesNoTrack => "refused_message_leaves_no_track",
            Self::HonestStationNeverEquivocates => "honest_station_never_equivocates",
            Self::EveryHazardReachesEverybodyInReach => "every_hazard_reaches_everybody_in_reach",
            Self::EverybodyInReachIsSeen => "everybody_in_reach_is_seen",
            Self::QueuesStayBounded => "queues_stay_bounded",
            Self::WorldForgets => "world_forgets",
        }
    }
}

/// The first breach of each invariant.
#[derive(Debug, Default)]
pub(super) struct Breaches(BTreeMap<Invariant, Broken>);

impl Breaches {
    pub(super) fn note(
        &mut self,
        invariant: Invariant,
        at_ms: u64,
        detail: impl FnOnce() -> String,
    ) {
        self.0.entry(invariant).or_insert_with(|| Broken {
            invariant,
            at_ms,
            detail: detail(),
        });
    }

    pub(super) fn into_vec(self) -> Vec<Broken> {
        self.0.into_values().collect()
    }
}
