//! Whole committees on virtual time: the parts that run on the road, over a network that delays,
//! loses and reorders, on disks that lose what was not written.

mod attacks;
mod backups;
mod committee;
mod crashes;
mod disks;
mod epochs;
mod follower;
mod fork;
mod genesis;
mod liar;
mod liveness;
mod loopback;
mod outage;
mod parts;
mod seeds;
mod simulation;
mod snapshots;
mod upgrade;
mod wires;

use committee::Committee;
