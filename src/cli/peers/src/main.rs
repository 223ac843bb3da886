//! Plays other products in the shapes of `wayside bench`: the same rate, payload, clock and counters.
//!
//! `wayside bench relay --peers PROGRAM` starts it, once for each process of a case, and talks to it in
//! lines of JSON. It is a workspace of its own, so that nobody else builds these products. The broker
//! of mosquitto is the system's (`apt install mosquitto`).

mod certificates;
mod meter;
mod mosquitto;
mod part;
mod zenoh;

use anyhow::{Context as _, ensure};
use part::{Part, Product};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    ensure!(
        arguments.first().is_some_and(|flag| flag == "--part"),
        "this is run by `wayside bench relay --peers` and `wayside bench agents --peers`"
    );
    let part: Part = serde_json::from_str(arguments.get(1).context("a part")?)?;
    // Fails only if one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stage = match part.product {
            Product::Zenoh | Product::ZenohRouter => zenoh::set(&part).await?,
            Product::Mosquitto => mosquitto::set(&part).await?,
        };
        part::perform(stage, &part).await
    })
}
