//! Whole agents: a station, its driver and its clock, but no disk and no gRPC.

use anyhow::Context as _;
use wayside::{link, pipeline::Event, security::Wallet, transport::Handle};

use super::part::Part;
use crate::bench::{
    stage::{Log, Stage},
    station::{self, Plan, name_of, speak, until_connected},
    traffic::Traffic,
};

/// One agent that hears everybody.
pub(super) fn receive(part: &Part) -> anyhow::Result<Stage> {
    let traffic = Traffic::since(part.start_unix_ms)?;
    let log = Log::default();
    let delivered = log.clone();
    let heard = move |event: &Event| {
        if let Event::Delivered(delivery) = event {
            delivered.note(name_of(delivery.station), delivery.generated.unix_ms());
        }
    };
    let handle = start(part, &traffic, traffic.named_wallet("receiver"), heard)?;
    Ok(Stage {
        address: Some(handle.local_addr()),
        kept: Box::new(handle),
        ..Stage::of(log)
    })
}

/// A hundred agents, each connected to the receiver.
pub(super) async fn send(part: &Part) -> anyhow::Result<Stage> {
    let receiver = part.receiver.context("a receiver")?;
    let traffic = Traffic::since(part.start_unix_ms)?;
    let mut handles = Vec::new();
    for car in 0..part.connections {
        let handle = start(part, &traffic, traffic.wallet(car), |_| {})?;
        handle.connect(receiver);
        until_connected(&handle).await;
        handles.push(handle);
    }
    Ok(speak(handles, traffic))
}

pub(super) fn link_config(part: &Part) -> link::Config {
    link::Config {
        tick: part.tick,
        ..link::Config::default()
    }
}

fn start(
    part: &Part,
    traffic: &Traffic,
    wallet: Wallet,
    heard: impl Fn(&Event) + Send + 'static,
) -> anyhow::Result<Handle> {
    let mut plan = Plan::new(traffic.cast.domain(), wallet);
    plan.config.link = link_config(part);
    station::start(plan, |_, _| {}, heard)
}
