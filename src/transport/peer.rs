use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tracing::debug;

use super::{Counters, quic::STREAM_LEN_MAX, shared::Shared};
use crate::id::PeerId;

/// Streams on their way to one peer.
#[derive(Default)]
pub(super) struct Outbox {
    /// Streams that wait for the peer to allow more of them, or more bytes.
    waiting: Arc<AtomicUsize>,
    /// Finished hazards that may not be acknowledged yet, to be waited for at shutdown.
    unacknowledged: Vec<SendStream>,
}

impl Outbox {
    /// Sends a hazard at once if the peer allows it, as it nearly always does, or from a task that
    /// waits until it does.
    pub(super) fn send_hazard(
        &mut self,
        connection: &Connection,
        bytes: Bytes,
        counters: &mut Counters,
    ) {
        let mut chunks = [bytes];
        let stream = match poll_once(connection.open_uni()) {
            Some(Ok(mut stream)) => {
                let _ = stream.set_priority(HAZARD_PRIORITY);
                if matches!(
                    poll_once(stream.write_all_chunks(&mut chunks)),
                    Some(Ok(()))
                ) {
                    let _ = stream.finish();
                    self.keep(stream);
                    return;
                }
                Some(stream)
            }
            Some(Err(_)) => return,
            None => None,
        };
        let connection = connection.clone();
        self.wait(counters, async move {
            let stream = match stream {
                Some(stream) => stream,
                None => connection.open_uni().await.ok()?,
            };
            let _ = stream.set_priority(HAZARD_PRIORITY);
            finish(stream, chunks).await
        });
    }

    /// Sends a control frame, the same way.
    pub(super) fn send_control(
        &mut self,
        connection: &Connection,
        bytes: Bytes,
        counters: &mut Counters,
    ) {
        let mut chunks = [bytes];
        let stream = match poll_once(connection.open_bi()) {
            Some(Ok((mut stream, _))) => {
                if matches!(
                    poll_once(stream.write_all_chunks(&mut chunks)),
                    Some(Ok(()))
                ) {
                    let _ = stream.finish();
                    return;
                }
                Some(stream)
            }
            Some(Err(_)) => return,
            None => None,
        };
        let connection = connection.clone();
        self.wait(counters, async move {
            let stream = match stream {
                Some(stream) => stream,
                None => connection.open_bi().await.ok()?.0,
            };
            finish(stream, chunks).await
        });
    }

    /// Takes the hazards that may not be acknowledged yet.
    pub(super) fn take_unacknowledged(&mut self) -> Vec<SendStream> {
        std::mem::take(&mut self.unacknowledged)
    }

    /// Streams that still wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Runs a task for a stream that cannot go at once, unless too many run.
    fn wait(
        &self,
        counters: &mut Counters,
        send: impl Future<Output = Option<()>> + Send + 'static,
    ) {
        if self.waiting() >= WAITING_MAX {
            counters.streams_dropped += 1;
            return;
        }
        let waiting = self.waiting.clone();
        waiting.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            if send.await.is_none() {
                debug!("connection closed before a stream was sent");
            }
            waiting.fetch_sub(1, Ordering::Relaxed);
        });
    }

    fn keep(&mut self, stream: SendStream) {
        if self.unacknowledged.len() >= UNACKNOWLEDGED_MAX {
            self.unacknowledged
                .retain(|stream| poll_once(stream.stopped()).is_none());
        }
        if self.unacknowledged.len() < UNACKNOWLEDGED_MAX {
            self.unacknowledged.push(stream);
        }
    }
}

/// Feeds a connection's datagrams to the station until it closes, then forgets it.
pub(super) async fn read_datagrams(shared: Arc<Shared>, id: PeerId, connection: Connection) {
    let closed = loop {
        let first = match connection.read_datagram().await {
            Ok(datagram) => datagram,
            Err(closed) => break closed,
        };
        let more = shared.with_core(|core, now| {
            core.station.handle_datagram(id, first, now);
            for _ in 1..BATCH_MAX {
                match poll_once(connection.read_datagram()) {
                    Some(Ok(datagram)) => core.station.handle_datagram(id, datagram, now),
                    Some(Err(_)) | None => return false,
                }
            }
            true
        });
        if more {
            // One peer's flood must not keep the others waiting.
            tokio::task::yield_now().await;
        }
    };
    debug!(peer = ?id, %closed, "connection closed");
    shared.with_core(|core, now| core.remove(id, now));
}

/// Feeds a connection's streams to the station until it closes.
pub(super) async fn read_streams(shared: Arc<Shared>, id: PeerId, connection: Connection) {
    loop {
        tokio::select! {
            stream = connection.accept_uni() => {
                let Ok(stream) = stream else { return };
                take_stream(&shared, stream, id, Kind::Hazard);
            }
            stream = connection.accept_bi() => {
                // The other direction is not used; dropping it closes it.
                let Ok((_, stream)) = stream else { return };
                take_stream(&shared, stream, id, Kind::Control);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Hazard,
    Control,
}

/// Reads a stream to its end: at once if all of it is there, else in a task with a deadline. The
/// number of such tasks is bounded by the number of streams that the peer may open.
fn take_stream(shared: &Arc<Shared>, mut stream: RecvStream, id: PeerId, kind: Kind) {
    let len_max = match kind {
        Kind::Hazard => STREAM_LEN_MAX,
        Kind::Control => {
            shared.with_core(|core, _| core.station.control_len_max(id).max(STREAM_LEN_MAX))
        }
    };
    let mut read = Vec::new();
    let mut len = 0;
    loop {
        match poll_once(stream.read_chunk(len_max + 1, true)) {
            Some(Ok(Some(chunk))) if len + chunk.bytes.len() <= len_max => {
                len += chunk.bytes.len();
                read.push(chunk.bytes);
            }
            Some(Ok(None)) => return hand_over(shared, read.concat().into(), id, kind),
            Some(Ok(Some(_))) => return cut(shared, stream),
            Some(Err(_)) => return,
            None => break,
        }
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let mut bytes = read.concat();
        let rest = tokio::time::timeout(
            shared.config.stream_timeout,
            read_rest(&mut stream, &mut bytes, len_max),
        );
        match rest.await {
            Ok(Rest::Complete) => hand_over(&shared, bytes.into(), id, kind),
            Ok(Rest::TooLong) | Err(_) => cut(&shared, stream),
            Ok(Rest::Reset) => {}
        }
    });
}

enum Rest {
    Complete,
    TooLong,
    Reset,
}

async fn read_rest(stream: &mut RecvStream, bytes: &mut Vec<u8>, len_max: usize) -> Rest {
    loop {
        match stream.read_chunk(len_max + 1, true).await {
            Ok(Some(chunk)) if bytes.len() + chunk.bytes.len() <= len_max => {
                bytes.extend_from_slice(&chunk.bytes);
            }
            Ok(Some(_)) => return Rest::TooLong,
            Ok(None) => return Rest::Complete,
            Err(_) => return Rest::Reset,
        }
    }
}

fn hand_over(shared: &Shared, bytes: Bytes, id: PeerId, kind: Kind) {
    shared.with_core(|core, now| match kind {
        Kind::Hazard => core.station.handle_hazard_stream(id, bytes, now),
        Kind::Control => core.handle_control(id, &bytes, now),
    });
}

fn cut(shared: &Shared, mut stream: RecvStream) {
    let _ = stream.stop(VarInt::from_u32(STREAM_CUT));
    shared.with_core(|core, _| core.counters.streams_cut += 1);
}

async fn finish(mut stream: SendStream, mut chunks: [Bytes; 1]) -> Option<()> {
    stream.write_all_chunks(&mut chunks).await.ok()?;
    stream.finish().ok()?;
    // Counted as waiting until it is acknowledged, so that a shutdown waits for it too.
    stream.stopped().await.ok().map(|_| ())
}

/// The result of a future that is ready, or `None`; whoever waits in earnest polls a new one.
pub(super) fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Datagrams that one connection may bring before others get their turn.
const BATCH_MAX: usize = 64;

/// Streams that may wait for one peer; at the bound a hazard is dropped and counted.
const WAITING_MAX: usize = 256;

/// Hazards remembered for the shutdown; older ones are acknowledged or lost by then.
const UNACKNOWLEDGED_MAX: usize = 64;

const HAZARD_PRIORITY: i32 = i32::MAX;

/// Tells the sender of a stream that it took too long or was too long.
const STREAM_CUT: u32 = 1;
