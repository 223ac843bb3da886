use std::{
    io,
    sync::{Mutex, PoisonError},
    thread,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    task::{JoinError, JoinHandle},
};
use tracing::error;

/// A thread with a runtime to itself, for whatever must not wait for others.
pub(super) struct Lane {
    runtime: Handle,
    ending: Mutex<Option<Ending>>,
}

struct Ending {
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Lane {
    /// Begins.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("relay".to_owned());
        let thread = thread.spawn(move || {
            // Whoever drops the sender wants it to end, too.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self {
            runtime: handle,
            ending: Mutex::new(Some(Ending { stop, thread })),
        })
    }

    /// Begins something there that goes on by itself.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.runtime.spawn(work)
    }

    /// Has something done there; `Err` if the lane has ended, or that panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        self.runtime.spawn(work).await
    }

    /// Ends it, with all that runs there. Blocks until it has.
    pub(super) fn end(&self) {
        let ending = self.ending.lock();
        let ending = ending.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Ending { stop, thread }) = ending {
            // It may have ended by a panic.
            let _ = stop.send(());
            if thread.join().is_err() {
                error!("the relay's thread panicked");
            }
        }
    }
}
