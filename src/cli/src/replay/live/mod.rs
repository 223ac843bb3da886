//! A drive in real time: every vehicle has its own station and QUIC endpoint on loopback.
//!
//! The drive's time is the stations' clock. Vehicles are joined a little before they come within
//! range, as neighbours on a road would have been, and parted a little beyond it, so that the edge
//! of the range costs no handshakes; what is heard beyond the range does not count.

mod audience;
mod fleet;
mod player;
mod served;

use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use wayside::{
    replay::Imported,
    security::SlotClock,
    sim::{Cast, Mode, Report, ReportOptions, Script, Seed, interest_reach_m},
    transport::Clock,
};

use super::{Arguments, output, virtual_time::progress_bar};
use audience::Audience;
use fleet::Fleet;
use player::Player;

/// Plays a drive over QUIC and writes what was asked for.
pub(super) fn run(arguments: &Arguments, input: Imported) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(play(arguments, input))
}

async fn play(arguments: &Arguments, input: Imported) -> anyhow::Result<()> {
    let duration = arguments.duration.map(std::time::Duration::from_secs_f64);
    let script = Arc::new(Script::of(&input.drive, arguments.vehicles, duration));
    anyhow::ensure!(
        !script.steps.is_empty(),
        "the drive holds no record to play"
    );
    anyhow::ensure!(
        !script.has_signed_messages(),
        "the recording holds signed messages, which only count at their own time: replay it \
         without --live"
    );
    let cast = Cast::new(
        Seed(arguments.seed),
        SlotClock::default(),
        script.start,
        script.end,
    );
    let clock = Clock::drive(script.start, arguments.rate);
    let audience = Arc::new(Mutex::new(Audience::new(&script, arguments)));
    let mut fleet = Fleet::start(&script, cast, arguments, (&clock, &audience))?;
    if let Some(placement) = arguments.placement() {
        let places = placement.along(&script, interest_reach_m(arguments.range_m));
        let places = fleet.build_units(places, (arguments, &clock, &audience))?;
        audience::lock(&audience).handle_units(places);
    }
    let mut player = Player::new(script.clone(), fleet, clock, audience.clone());
    player.gather(script.start).await;
    if let Some(name) = &arguments.serve {
        return served::run(
            player,
            (name, arguments.rate),
            &input.drive.provenance.source,
        )
        .await;
    }
    let bar = progress_bar();
    let used = player.play(&bar).await;
    bar.finish_and_clear();
    player.shutdown().await;
    let options = ReportOptions {
        seed: arguments.seed,
        range_m: arguments.range_m,
        loss: 0.0,
        delay_ms: 0,
        jitter_ms: 0,
        vehicles: arguments.vehicles,
        duration_s: arguments.duration,
        rate: Some(arguments.rate),
    };
    let mut audience = audience::lock(&audience);
    let mut report = Report::new(
        (&input.drive, &script),
        (Mode::Live, options),
        audience.tally(),
        input.cut.as_ref(),
    );
    report.roadside = audience.roadside_report(player.handovers());
    report.cpu_us_per_msg = used.per_message_us(report.delivered);
    let recording = input
        .drive
        .with_signed(audience.take_records(), player.trust_domain());
    output::write(arguments, &report, &recording)?;
    Ok(())
}
