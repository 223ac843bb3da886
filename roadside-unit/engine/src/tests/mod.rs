//! Whole committees on virtual time: the parts that run on the road, over a network that delays,
//! loses and reorders, on disks that lose what was not written.

mod committee;
mod crashes;
mod genesis;
mod liar;
mod liveness;
mod parts;
mod simulation;
mod wires;

use committee::Committee;
