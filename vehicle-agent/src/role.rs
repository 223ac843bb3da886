use std::fmt;

use serde::{Deserialize, Serialize};
use wayside::serve::{self, Access};

use crate::grpc::METHODS;

/// What a caller of the gRPC interface may do; which role may call which method is decided in one
/// table beside the services.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May watch: the world, hazards, readiness.
    Observer,
    /// May watch, and speak for the vehicle: publish its state, report and cancel hazards.
    DrivingStack,
    /// May watch, and look into the agent itself: its configuration and its peers. Does not speak
    /// for the vehicle.
    Administrator,
}

impl serve::Role for Role {
    const ALL: &'static [Self] = &[Self::Observer, Self::DrivingStack, Self::Administrator];
    const OWNER: Self = Self::DrivingStack;
    const METHODS: &'static [(&'static str, Access<Self>)] = METHODS;
    /// The first lasts as long as roadside units take, within bounds of its own, the second as long
    /// as the recorded time that it lets pass.
    const UNTIMED: &'static [&'static str] = &[
        "/wayside.record.v1.RecordService/GetHistory",
        "/wayside.replay.v1.ReplayService/Step",
    ];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Observer => "observer",
            Self::DrivingStack => "driving-stack",
            Self::Administrator => "administrator",
        })
    }
}
