use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

/// How one peer is spoken to, and how much it may say.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Telemetry leaves at multiples of this time, so that one wake-up and one datagram carry
    /// several messages; 0 sends at once. Capped at 50 ms. Hazards never wait.
    #[serde(with = "humantime_serde")]
    pub tick: Duration,
    /// Most bytes in a datagram; a path that carries QUIC carries 1 100. Capped at 1 100.
    pub datagram_len_max: u16,
    /// Signers whose telemetry may wait; at the bound the oldest message is dropped.
    pub telemetry_queue_max: usize,
    /// Hazards that may wait; at the bound the oldest is dropped.
    pub hazard_queue_max: usize,
    /// Control frames that may wait; at the bound the newest is dropped.
    pub control_queue_max: usize,
    /// Messages and frames kept that arrive before the peer's hello, at most 8 KiB each; at the
    /// bound the oldest telemetry is dropped, then the oldest of the others. A peer tells all its
    /// live hazards right after its hello, which a lost packet can hold up.
    pub early_queue_max: usize,
    /// How long a peer may take to say hello.
    #[serde(with = "humantime_serde")]
    pub hello_timeout: Duration,
    /// Messages in datagrams that the peer may send; more are dropped unread.
    pub telemetry_rate: Rate,
    /// Hazards that the peer may send; more are dropped unread.
    pub hazard_rate: Rate,
    /// Control frames that the peer may send; more are dropped unread.
    pub control_rate: Rate,
    /// Frames that a car and a roadside unit may send each other besides; more are dropped unread.
    pub roadside_rate: Rate,
    /// What a roadside unit takes of another, which passes on what many say, in place of the rates
    /// above.
    pub between_units: UnitRates,
}

/// What a roadside unit takes of another.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnitRates {
    /// Messages in datagrams; more are dropped unread. How many are verified is for the unit's load.
    pub telemetry: Rate,
    /// Hazards; more are dropped unread.
    pub hazard: Rate,
    /// Control frames, tickets among them; more are dropped unread.
    pub control: Rate,
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// For ever.
    pub per_s: NonZeroU32,
    /// At once, after a pause.
    pub burst: NonZeroU32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tick: Duration::ZERO,
            datagram_len_max: DATAGRAM_LEN_MAX,
            telemetry_queue_max: 256,
            hazard_queue_max: 256,
            control_queue_max: 64,
            early_queue_max: 80,
            hello_timeout: Duration::from_secs(2),
            telemetry_rate: rate(2_000, 1_000),
            hazard_rate: rate(50, 256),
            control_rate: rate(20, 64),
            roadside_rate: rate(5, 20),
            between_units: UnitRates::default(),
        }
    }
}

impl Default for UnitRates {
    fn default() -> Self {
        Self {
            telemetry: rate(20_000, 10_000),
            hazard: rate(400, 2_048),
            control: rate(200, 256),
        }
    }
}

impl Config {
    /// The tick within its cap.
    pub(super) fn tick(&self) -> Duration {
        self.tick.min(TICK_MAX)
    }

    /// The datagram bound within its cap.
    pub(super) fn datagram_len_max(&self) -> usize {
        usize::from(self.datagram_len_max.min(DATAGRAM_LEN_MAX))
    }
}

const fn rate(per_s: u32, burst: u32) -> Rate {
    Rate {
        per_s: NonZeroU32::new(per_s).expect("every default rate is positive"),
        burst: NonZeroU32::new(burst).expect("every default burst is positive"),
    }
}

const TICK_MAX: Duration = Duration::from_millis(50);
const DATAGRAM_LEN_MAX: u16 = 1_100;
