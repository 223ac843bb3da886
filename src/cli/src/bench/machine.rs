use std::fs;

use serde::Serialize;
use wayside::crypto::verification_backend;

/// What a figure was measured on.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    /// Processes that wanted a core over the last minute, at the start.
    load_average: Option<f64>,
    /// How signatures are verified: `avx512-native`, `avx512`, `avx2` or `serial`.
    ed25519_backend: &'static str,
    optimised: bool,
}

impl Machine {
    pub(super) fn read() -> Self {
        Self {
            cpu: cpu_model().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load_average: load_average(),
            ed25519_backend: verification_backend(),
            optimised: !cfg!(debug_assertions),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {} cores, Ed25519 by {}",
            self.cpu, self.cores, self.ed25519_backend
        )?;
        if let Some(load) = self.load_average {
            write!(f, ", load average {load}")?;
        }
        if !self.optimised {
            write!(f, ", a build for debugging")?;
        }
        Ok(())
    }
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load_average() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}
