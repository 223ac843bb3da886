use tokio::task::JoinHandle;
use wayside::transport::Handle;

use super::seed;
use crate::{
    config::Config,
    roadside::{self, Following, Roadside, follow_units},
};

/// What follows units, and what shows them; nothing where the vehicle uses none.
pub(super) fn open(config: &Config, is_on_road: bool) -> (Option<Roadside>, Option<Following>) {
    if !is_on_road || config.roadside.units.is_empty() {
        return (None, None);
    }
    let (roadside, following) = roadside::begin(&config.roadside);
    (Some(roadside), Some(following))
}

/// Begins to look for units; ends when the task is aborted.
pub(super) fn start(following: Following, config: &Config, handle: &Handle) -> JoinHandle<()> {
    let given = config.transport.peers.iter().copied().collect();
    tokio::spawn(follow_units(following, handle.clone(), (given, seed())))
}
