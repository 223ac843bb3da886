use std::{
    fmt,
    future::Future,
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use quinn::{
    AsyncUdpSocket, UdpPoller,
    udp::{RecvMeta, Transmit, UdpSocketState},
};
use tokio::io::{Interest, unix::AsyncFd};

/// A UDP socket that wakes its thread when something came, and for room to send only while it was
/// refused room.
///
/// Quinn's own socket for tokio waits for both at all times. Each packet that the other side takes
/// from the kernel then wakes the sender for room that it never lacked, and each wake-up reads once
/// more to learn that nothing is left; at a thousand small messages a second that is a good part of
/// what a message costs.
#[derive(Debug)]
pub(super) struct Socket {
    readable: AsyncFd<UdpSocket>,
    state: UdpSocketState,
    /// Whether the system last refused to take a packet.
    pub(super) is_full: AtomicBool,
    /// What those wait for together who were refused room, while any of them waits.
    room: Mutex<Weak<AsyncFd<UdpSocket>>>,
}

impl Socket {
    /// Takes a bound socket into the runtime that calls.
    pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
        // It makes the socket non-blocking too.
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self {
            readable: register(socket, Interest::READABLE)?,
            state,
            is_full: AtomicBool::new(false),
            room: Mutex::default(),
        })
    }

    /// Waits for room. All who wait share one registration, which goes with the last of them.
    async fn has_room(self: Arc<Self>) -> io::Result<()> {
        let room = {
            let mut shared = self.room();
            match shared.upgrade() {
                Some(room) => room,
                None => {
                    let socket = self.readable.get_ref().try_clone()?;
                    let made = Arc::new(register(socket, Interest::WRITABLE)?);
                    *shared = Arc::downgrade(&made);
                    made
                }
            }
        };
        room.writable().await?.retain_ready();
        self.is_full.store(false, Ordering::Release);
        Ok(())
    }

    pub(super) fn room(&self) -> MutexGuard<'_, Weak<AsyncFd<UdpSocket>>> {
        self.room
            .lock()
            .expect("nothing panics while the waiting place is held")
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Sender {
            socket: self,
            waiting: None,
        })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let awaited = self.room().upgrade();
        let sent = match awaited {
            // Once refused, it is no longer taken for ready, so that those who wait do not spin.
            Some(room) => room.try_io(Interest::WRITABLE, |socket| {
                self.state.send(socket.into(), transmit)
            }),
            None => self.state.send(self.readable.get_ref().into(), transmit),
        };
        if sent.as_ref().is_err_and(is_full) {
            self.is_full.store(true, Ordering::Release);
        }
        sent
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        received: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.readable.poll_read_ready(context))?;
            match self
                .state
                .recv(self.readable.get_ref().into(), buffers, received)
            {
                Ok(count) => {
                    // Fewer than asked for: nothing was left at that time, and what came since has
                    // made the socket ready anew.
                    if count < buffers.len() {
                        ready.clear_ready();
                    }
                    return Poll::Ready(Ok(count));
                }
                Err(error) if is_full(&error) => ready.clear_ready(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.readable.get_ref().local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

/// What one connection waits with for room to send.
struct Sender {
    socket: Arc<Socket>,
    waiting: Option<Waiting>,
}

type Waiting = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

impl UdpPoller for Sender {
    fn poll_writable(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, waiting } = &mut *self;
        if waiting.is_none() && !socket.is_full.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        let has_room = waiting.get_or_insert_with(|| Box::pin(Arc::clone(socket).has_room()));
        let room = ready!(has_room.as_mut().poll(context));
        *waiting = None;
        Poll::Ready(room)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for types that may change their descriptor, which this one never does"
)]
fn register(socket: UdpSocket, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
    AsyncFd::with_interest(socket, interest)
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
