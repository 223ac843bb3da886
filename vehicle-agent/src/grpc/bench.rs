use std::sync::Mutex;

use tokio::sync::{mpsc, oneshot};
use wayside::{time::Timestamp, transport::Clock};

/// A recorded drive that is played into this agent, for the stack under test to command.
#[derive(Debug)]
pub struct Bench {
    /// The clock of every station of the drive.
    pub clock: Clock,
    /// What is played.
    pub drive: DriveDescription,
    /// Takes the orders to move the clock; answered when every station is at the new time.
    pub seeks: mpsc::Sender<SeekOrder>,
    /// Seconds of the drive for each second of the wall clock, while it runs.
    pub rate: Mutex<f64>,
}

/// What is played.
#[derive(Clone, Debug)]
pub struct DriveDescription {
    /// The recording's name.
    pub name: String,
    /// Its start.
    pub start: Timestamp,
    /// Its end.
    pub end: Timestamp,
    /// Its vehicles, in the recording's order.
    pub vehicles: Vec<VehicleDescription>,
    /// The name of the one that the stack under test drives.
    pub served: String,
}

/// A vehicle of a recording.
#[derive(Clone, Debug)]
pub struct VehicleDescription {
    /// Its name in the recording.
    pub name: String,
    /// Its first state.
    pub start: Timestamp,
    /// Its last state.
    pub end: Timestamp,
}

/// An order to go to another time of the drive and stand still there.
#[derive(Debug)]
pub struct SeekOrder {
    /// Where to.
    pub to: Timestamp,
    /// Told when it is done.
    pub done: oneshot::Sender<()>,
}
