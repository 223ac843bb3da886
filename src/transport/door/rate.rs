use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use tokio::time::Instant;

/// How many requests each source prefix may still make.
///
/// Each prefix has a bucket that fills at the sustained rate up to [`BURST_S`] seconds' worth. At
/// the bound of remembered prefixes the full buckets are forgotten, which changes nothing for them;
/// if none is full, strangers of new prefixes share one bucket.
#[derive(Debug)]
pub(super) struct Rates {
    per_s: f64,
    buckets: BTreeMap<Prefix, Bucket>,
}

/// The part of an address that one subscriber of a network usually has.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Prefix {
    V4([u8; 3]),
    V6([u8; 7]),
    /// Everybody who came when too many were remembered.
    Others,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    filled: Instant,
}

impl Rates {
    pub(super) fn new(requests_per_s: u32) -> Self {
        Self {
            per_s: f64::from(requests_per_s),
            buckets: BTreeMap::new(),
        }
    }

    /// Changes the sustained rate from now on.
    pub(super) fn set_rate(&mut self, requests_per_s: u32) {
        self.per_s = f64::from(requests_per_s);
    }

    /// Takes one request of `address`, or says how long it has to wait.
    pub(super) fn take(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let (per_s, full) = (self.per_s, self.per_s * BURST_S);
        let mut prefix = Prefix::of(address);
        if !self.buckets.contains_key(&prefix) && self.buckets.len() >= PREFIXES_MAX {
            self.buckets
                .retain(|_, bucket| bucket.level(per_s, now) < full);
            if self.buckets.len() >= PREFIXES_MAX {
                prefix = Prefix::Others;
            }
        }
        let bucket = self.buckets.entry(prefix).or_insert(Bucket {
            left: full,
            filled: now,
        });
        let level = bucket.level(per_s, now);
        *bucket = Bucket {
            left: level,
            filled: now,
        };
        if level < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - level) / per_s));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

impl Bucket {
    fn level(&self, per_s: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        (self.left + passed * per_s).min(per_s * BURST_S)
    }
}

impl Prefix {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g])
            }
        }
    }
}

/// How much may come at once, in seconds of the sustained rate.
const BURST_S: f64 = 4.0;
pub(super) const PREFIXES_MAX: usize = 4_096;
