use std::{collections::VecDeque, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Class, Config, DropReason, HOPS_MAX, LinkCounters};
use crate::{id::StationId, time::Instant};

/// Telemetry on its way out: the latest of each signer, until the tick.
#[derive(Debug, Default)]
pub(super) struct TelemetryQueue {
    waiting: VecDeque<Waiting>,
    due: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    station: StationId,
    bytes: Bytes,
    hops: u8,
    expires: Instant,
}

impl TelemetryQueue {
    /// Takes a message whose `station` signed it.
    pub(super) fn push(
        &mut self,
        (station, (bytes, hops), expires): (StationId, (Bytes, u8), Instant),
        config: &Config,
        counters: &mut LinkCounters,
        now: Instant,
    ) {
        if framed_len(&bytes) > config.datagram_len_max() {
            counters.count_dropped(Class::Telemetry, DropReason::Oversize);
            return;
        }
        let message = Waiting {
            station,
            bytes,
            hops,
            expires,
        };
        match self
            .waiting
            .iter_mut()
            .find(|other| other.station == station)
        {
            Some(older) => {
                *older = message;
                counters.count_dropped(Class::Telemetry, DropReason::Superseded);
            }
            None => self.waiting.push_back(message),
        }
        if self.waiting.len() > config.telemetry_queue_max.max(1) {
            self.waiting.pop_front();
            counters.count_dropped(Class::Telemetry, DropReason::QueueFull);
        }
        self.due
            .get_or_insert_with(|| next_tick(now, config.tick()));
    }

    /// The next datagram, once the tick has come.
    pub(super) fn pop(
        &mut self,
        config: &Config,
        counters: &mut LinkCounters,
        now: Instant,
    ) -> Option<Bytes> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        let mut datagram = BytesMut::new();
        while let Some(message) = self.waiting.front() {
            if message.expires <= now {
                self.waiting.pop_front();
                counters.count_dropped(Class::Telemetry, DropReason::Expired);
                continue;
            }
            let framed_len = framed_len(&message.bytes);
            if datagram.len() + framed_len > config.datagram_len_max() {
                break;
            }
            datagram.reserve(framed_len);
            let len = u16::try_from(message.bytes.len()).expect("bounded by `push`");
            datagram.put_u16(u16::from(message.hops.min(HOPS_MAX)) << LEN_BITS | len);
            datagram.put_slice(&message.bytes);
            self.waiting.pop_front();
            counters.count_sent(Class::Telemetry);
        }
        if self.waiting.is_empty() {
            self.due = None;
        }
        (!datagram.is_empty()).then(|| datagram.freeze())
    }

    /// When [`Self::pop`] has something to give.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }
}

/// Splits the first message off a datagram, with its hops; `None` if its length is wrong.
pub(super) fn split_message(datagram: &mut Bytes) -> Option<(Bytes, u8)> {
    let prefix = u16::from_be_bytes(*datagram.first_chunk()?);
    let len = usize::from(prefix & ((1 << LEN_BITS) - 1));
    if len == 0 || datagram.len() < PREFIX_LEN + len {
        return None;
    }
    let mut message = datagram.split_to(PREFIX_LEN + len);
    let hops = u8::try_from(prefix >> LEN_BITS).ok()?;
    Some((message.split_off(PREFIX_LEN), hops))
}

/// The end of the running tick. Ticks are counted from the clock's origin, so that all links of a
/// station leave in one wake-up.
fn next_tick(now: Instant, tick: Duration) -> Instant {
    let tick_ns = tick.as_nanos();
    if tick_ns == 0 {
        return now;
    }
    let into_ns = now.since_origin().as_nanos() % tick_ns;
    now + Duration::from_nanos(u64::try_from(tick_ns - into_ns).expect("a tick is at most 50 ms"))
}

fn framed_len(message: &Bytes) -> usize {
    PREFIX_LEN + message.len()
}

const PREFIX_LEN: usize = 2;
/// Of the prefix, the bits for the length; the others are the hops.
const LEN_BITS: u32 = 12;
