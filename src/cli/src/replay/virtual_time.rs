use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use wayside::{
    pipeline::GenerationRule,
    replay::Imported,
    sim::{Outcome, Replay, ReplayError, Seed},
};

use super::{Arguments, page::Seen};

/// Plays a drive as fast as this machine can; somebody may look on.
pub(super) fn run(
    arguments: &Arguments,
    input: Imported,
    seen: Option<Seen>,
) -> Result<Outcome, ReplayError> {
    let bar = progress_bar();
    let shown = bar.clone();
    let result = Replay::of(input.drive)
        .cut(input.cut)
        .seed(Seed(arguments.seed))
        .range_m(arguments.range_m)
        .loss(arguments.loss)
        .delay(Duration::from_millis(arguments.delay_ms))
        .jitter(Duration::from_millis(arguments.jitter_ms))
        .units(arguments.placement())
        .vehicles(arguments.vehicles)
        .duration(arguments.duration.map(Duration::from_secs_f64))
        .generation(generation(arguments))
        .hazards(arguments.hazards())
        .progress(move |played, whole| {
            shown.set_length(millis(whole));
            shown.set_position(millis(played));
        })
        .watch(move |vehicle, event, now| {
            if let Some(seen) = &seen {
                seen.note(vehicle, event, now);
            }
        })
        .run();
    bar.finish_and_clear();
    result
}

/// When the vehicles send.
pub(super) fn generation(arguments: &Arguments) -> GenerationRule {
    arguments
        .send_rate
        .map_or(GenerationRule::Etsi, |rate_hz| GenerationRule::Fixed {
            interval: Duration::from_secs_f64(1.0 / rate_hz),
        })
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn progress_bar() -> ProgressBar {
    ProgressBar::new(1).with_style(
        ProgressStyle::with_template("{wide_bar} {percent:>3} % of the drive, {elapsed} passed")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
