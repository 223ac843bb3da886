use crate::{
    geo::{Area, Position},
    id::StationId,
};

/// What a peer wants to be told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Interest {
    /// Where; at most [`AREAS_MAX`].
    pub areas: Vec<InterestArea>,
    /// Whether telemetry is wanted.
    pub telemetry: bool,
    /// Whether hazards are wanted.
    pub hazards: bool,
    /// Codes of the causes that are wanted ([`Cause::code`](crate::message::Cause::code)), at most [`CAUSES_MAX`]; empty is all.
    pub causes: Vec<u8>,
    /// At least so long between two messages of one signer; 0 is all of them.
    pub telemetry_interval_min_ms: u16,
    /// Who is heard directly, at most [`HEARD_MAX`]: their telemetry need not be told.
    pub heard: Vec<StationId>,
    /// Where the peer is, until its own telemetry says so.
    pub place: Option<Position>,
    /// The port at which others may call the peer; `None`: it is introduced to nobody, and nobody to
    /// it.
    pub listen_port: Option<u16>,
}

/// A part of the road that somebody wants to hear of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum InterestArea {
    /// Around the peer, moving with it.
    Around {
        /// 1 to [`MOVING_REACH_MAX_M`].
        radius_m: u32,
    },
    /// In front of the peer, moving and turning with it; without a heading, wherever any heading
    /// would put it.
    Ahead {
        /// 1 to [`MOVING_REACH_MAX_M`].
        length_m: u32,
        /// To either side, 1 to [`HALF_WIDTH_MAX_M`].
        half_width_m: u32,
    },
    /// Stays where it is: a circle or polygon that fits in a circle of [`FIXED_RADIUS_MAX_M`].
    Fixed(Area),
}

/// Most areas of one interest; one with more is refused.
pub const AREAS_MAX: usize = 8;
/// Most causes of one interest; one with more is refused.
pub const CAUSES_MAX: usize = 32;
/// Most stations that an interest says are heard directly; one with more is refused.
pub const HEARD_MAX: usize = 64;
/// How far an area that moves with its owner may reach; a farther one is refused.
pub const MOVING_REACH_MAX_M: u32 = 5_000;
/// Most metres to either side of a corridor; a wider one is refused.
pub const HALF_WIDTH_MAX_M: u32 = 500;
/// How large a fixed area may be; a larger one is refused.
pub const FIXED_RADIUS_MAX_M: u32 = 10_000;
