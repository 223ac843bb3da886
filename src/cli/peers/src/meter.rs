use std::{fs, time::Duration};

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

/// A clock that all processes of this machine share, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    u64::try_from(read(ClockId::Monotonic).as_nanos()).unwrap_or(u64::MAX)
}

/// Processor time of a process so far, in microseconds; of this one, if `None`.
pub(crate) fn cpu_us(process: Option<u32>) -> anyhow::Result<f64> {
    let Some(process) = process else {
        return Ok(read(ClockId::ProcessCPUTime).as_secs_f64() * 1e6);
    };
    let mut spent_ns = 0.0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let ran_ns: Option<f64> = text.split(' ').next().and_then(|text| text.parse().ok());
        spent_ns += ran_ns.context("the system does not say what a process spends")?;
    }
    Ok(spent_ns / 1e3)
}

/// The most memory that a process has held, or 0 where the system does not say.
pub(crate) fn rss_peak_mib(process: Option<u32>) -> f64 {
    let process = process.unwrap_or_else(std::process::id);
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let peak_kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    peak_kib.unwrap_or(0.0) / 1_024.0
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
