//! Stations that lie, each in one way.
//!
//! Every liar has a valid ticket and a connection of its own to every honest station, as the worst
//! of insiders has. What it signs with its own ticket may be believed; everything else must be
//! refused, and none of it may keep honest stations from each other.

mod bit_flipper;
mod equivocator;
mod flooder;
mod forger;
mod future_talker;
mod impersonator;
mod pen;
mod replayer;
mod sequence_jumper;
mod squatter;
mod stale_talker;
mod voice;

pub(super) use bit_flipper::BitFlipper;
pub(super) use equivocator::Equivocator;
pub(super) use flooder::Flooder;
pub(super) use forger::Forger;
pub(super) use future_talker::FutureTalker;
pub(super) use impersonator::Impersonator;
pub(super) use replayer::Replayer;
pub(super) use sequence_jumper::SequenceJumper;
pub(super) use squatter::Squatter;
pub(super) use stale_talker::StaleTalker;
pub(super) use voice::{Heard, Overheard, Voice};

use pen::{Pen, claim};

/// One way to lie. [`BitFlipper`], [`Equivocator`], [`Flooder`], [`Forger`], [`FutureTalker`],
/// [`Impersonator`], [`Replayer`], [`SequenceJumper`], [`Squatter`] and [`StaleTalker`].
pub(super) trait Liar {
    /// Says the lies of this moment.
    fn speak(&mut self, voice: &mut Voice<'_>);
}

/// A way to lie, by name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LiarKind {
    /// Passes on what it heard, with one bit changed.
    BitFlipper,
    /// Signs different messages with one sequence.
    Equivocator,
    /// Sends noise, and more hazards of its own than anybody can use.
    Flooder,
    /// Signs with tickets that another domain's issuer made.
    Forger,
    /// Says what will be.
    FutureTalker,
    /// Says things in others' names, with signatures that are none.
    Impersonator,
    /// Says again what others said.
    Replayer,
    /// Uses up all its sequences at once.
    SequenceJumper,
    /// Ends and changes others' hazards.
    Squatter,
    /// Says what was.
    StaleTalker,
}

impl LiarKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::BitFlipper,
        Self::Equivocator,
        Self::Flooder,
        Self::Forger,
        Self::FutureTalker,
        Self::Impersonator,
        Self::Replayer,
        Self::SequenceJumper,
        Self::Squatter,
        Self::StaleTalker,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::BitFlipper => "bit_flipper",
            Self::Equivocator => "equivocator",
            Self::Flooder => "flooder",
            Self::Forger => "forger",
            Self::FutureTalker => "future_talker",
            Self::Impersonator => "impersonator",
            Self::Replayer => "replayer",
            Self::SequenceJumper => "sequence_jumper",
            Self::Squatter => "squatter",
            Self::StaleTalker => "stale_talker",
        }
    }

    pub(super) fn hire(self) -> Box<dyn Liar> {
        match self {
            Self::BitFlipper => Box::new(BitFlipper),
            Self::Equivocator => Box::new(Equivocator::default()),
            Self::Flooder => Box::new(Flooder::default()),
            Self::Forger => Box::new(Forger::default()),
            Self::FutureTalker => Box::new(FutureTalker::default()),
            Self::Impersonator => Box::new(Impersonator),
            Self::Replayer => Box::new(Replayer),
            Self::SequenceJumper => Box::new(SequenceJumper::default()),
            Self::Squatter => Box::new(Squatter::default()),
            Self::StaleTalker => Box::new(StaleTalker::default()),
        }
    }
}
