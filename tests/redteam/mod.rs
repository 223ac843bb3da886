//! A roadside unit that really runs, between vehicles that really run: on a bad network, and among
//! strangers who mean it no good. Nothing leaves the loopback interface.

mod network;
mod scene;
mod strangers;
mod streams;
mod wire;
