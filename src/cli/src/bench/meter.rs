use std::{fs, time::Duration};

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

/// Processor time of this thread so far.
pub(super) fn thread_cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// Processor time of this process so far, in the kernel too.
pub(super) fn process_cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// A clock that all processes of this machine share.
pub(super) fn monotonic() -> Duration {
    read(ClockId::Monotonic)
}

/// Processor time of another process so far, in microseconds, of the threads that it has now.
pub(super) fn cpu_of(process: u32) -> anyhow::Result<f64> {
    let mut spent_ns = 0.0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let ran_ns: Option<f64> = text.split(' ').next().and_then(|text| text.parse().ok());
        spent_ns += ran_ns.context("the system does not say what a process spends")?;
    }
    Ok(spent_ns / 1e3)
}

/// The most memory that this process has held, or 0 where the system does not say.
pub(super) fn rss_peak_mib() -> f64 {
    rss_peak_mib_of(std::process::id())
}

/// The most memory that another process has held, or 0 where the system does not say.
pub(super) fn rss_peak_mib_of(process: u32) -> f64 {
    status_of(process, "VmHWM:") / 1_024.0
}

/// What the system says of a process in a line that begins so, or 0.
fn status_of(process: u32, name: &str) -> f64 {
    let found = fs::read_to_string(format!("/proc/{process}/status"))
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        });
    found.unwrap_or(0.0)
}

/// The memory in KiB that another process has now, or 0 where the system does not say.
pub(super) fn rss_kib_of(process: u32) -> f64 {
    status_of(process, "VmRSS:")
}

/// Files and sockets that another process has open, or 0 where the system does not say.
pub(super) fn files_of(process: u32) -> f64 {
    let files = fs::read_dir(format!("/proc/{process}/fd"));
    files.map_or(0.0, |files| files.count() as f64)
}

/// Microseconds, as a figure.
pub(super) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// The value with a share `rank` of all values below it; 0 of none.
pub(super) fn quantile(values: &mut [f64], rank: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return 0.0;
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index below a length"
    )]
    let index = (last as f64 * rank).round() as usize;
    values.get(index).copied().unwrap_or(0.0)
}

/// The middle value.
pub(super) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
