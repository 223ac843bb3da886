use std::{
    io::Write as _,
    sync::{Arc, Mutex},
};

use anyhow::Context as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot},
};
use vehicle_agent::grpc::{
    About, Agent, Bench, DriveDescription, Exposure, SeekOrder, Services, VehicleDescription,
};
use wayside::{
    risk::Assessor,
    serve::{GrpcConfig, Limits, Listener},
    sim::Script,
    telemetry::Metrics,
};

use super::player::Player;

/// Serves one vehicle's agent by gRPC while the others drive, until a signal ends it.
///
/// The clock stands still at the start: the stack under test plays, steps and seeks by the replay
/// service.
pub(super) async fn run(
    mut player: Player,
    (name, rate): (&str, f64),
    source: &str,
) -> anyhow::Result<()> {
    let script = player.script().clone();
    let vehicle = script
        .vehicles
        .iter()
        .position(|vehicle| vehicle == name)
        .with_context(|| format!("no vehicle {name:?}; {}", known(&script.vehicles)))?;
    let handle = player
        .fleet
        .handle(vehicle)
        .context("the vehicle has no station")?
        .clone();
    let folder = tempfile::tempdir().context("cannot make a folder for the socket")?;
    let socket = folder.path().join("agent.sock");
    let (listener, doors) = Listener::open(&GrpcConfig::default(), socket.clone()).await?;
    let (seeks, orders) = mpsc::channel(1);
    let ready = serde_json::json!({
        "grpc": format!("unix:{}", socket.display()),
        "quic": handle.local_addr().to_string(),
        "vehicle": name,
    });
    let services = Services::start(Agent {
        handle,
        hub: player.fleet.hub().clone(),
        limits: Limits::default(),
        assessor: Assessor::default(),
        about: About {
            name: "wayside replay".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..About::default()
        },
        config: Arc::new(String::new),
        metrics: Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))),
        bench: Some(Bench {
            clock: player.clock.clone(),
            drive: describe(&script, source, name),
            seeks,
            rate: Mutex::new(rate),
        }),
        records: None,
        speaking: None,
        roadside: None,
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let server = services.clone();
    let serving = tokio::spawn(async move {
        let exposure = Exposure { reflection: true };
        let stopped = async move {
            // An error is the sender's end, which means the same.
            let _ = stopped.await;
        };
        server.serve(doors.unix, exposure, stopped).await
    });
    writeln!(std::io::stdout(), "{ready}").context("cannot print the address")?;
    obey(&mut player, orders).await?;
    services.drain();
    drop(stop);
    drop(listener);
    serving.await.context("the gRPC server")??;
    player.shutdown().await;
    Ok(())
}

/// Plays and seeks as the stack under test says, until a signal ends it.
async fn obey(player: &mut Player, mut orders: mpsc::Receiver<SeekOrder>) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    loop {
        tokio::select! {
            Some(order) = orders.recv() => {
                player.seek(order.to).await;
                // Nobody waits any more: the caller is gone.
                let _ = order.done.send(());
            }
            () = player.step(), if player.next_at().is_some() => {
                if player.next_at().is_none() {
                    player.clock.pause();
                }
            }
            _ = terminated.recv() => return Ok(()),
            _ = interrupted.recv() => return Ok(()),
        }
    }
}

fn known(vehicles: &[String]) -> String {
    let some: Vec<_> = vehicles
        .iter()
        .take(NAMED_MAX)
        .map(String::as_str)
        .collect();
    let rest = vehicles.len().saturating_sub(NAMED_MAX);
    match rest {
        0 => format!("the drive has {}", some.join(", ")),
        rest => format!("the drive has {} and {rest} others", some.join(", ")),
    }
}

fn describe(script: &Script, source: &str, served: &str) -> DriveDescription {
    let vehicles = script
        .vehicles
        .iter()
        .zip(script.spans())
        .filter_map(|(name, span)| {
            let (start, end) = span?;
            Some(VehicleDescription {
                name: name.clone(),
                start,
                end,
            })
        });
    DriveDescription {
        name: source.to_owned(),
        start: script.start,
        end: script.end,
        vehicles: vehicles.collect(),
        served: served.to_owned(),
    }
}

const NAMED_MAX: usize = 10;
