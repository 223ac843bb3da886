use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tonic::Status;

use super::OpenStream;

/// The client's end of a stream: items as a task sends them, then the reason of the end.
///
/// Only one item waits here. Whatever else waits does so where it can be counted.
pub struct Outlet<T> {
    items: mpsc::Receiver<T>,
    end: Option<oneshot::Receiver<Status>>,
    _open: OpenStream,
}

/// The task's end of a stream.
#[derive(Debug)]
pub struct Inlet<T> {
    /// Takes the next item; waits until the one before was taken.
    pub items: mpsc::Sender<T>,
    end: oneshot::Sender<Status>,
}

/// A stream that ends when the task drops its inlet.
pub fn outlet<T>(open: OpenStream) -> (Inlet<T>, Outlet<T>) {
    let (items, taken) = mpsc::channel(1);
    let (end, ended) = oneshot::channel();
    let outlet = Outlet {
        items: taken,
        end: Some(ended),
        _open: open,
    };
    (Inlet { items, end }, outlet)
}

impl<T> Inlet<T> {
    /// Ends the stream with an error, after what was sent before.
    pub fn fail(self, status: Status) {
        // A client that has gone needs no reason.
        let _ = self.end.send(status);
    }
}

impl<T> Stream for Outlet<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(item) = ready!(self.items.poll_recv(context)) {
            return Poll::Ready(Some(Ok(item)));
        }
        let Some(end) = self.end.as_mut() else {
            return Poll::Ready(None);
        };
        let status = ready!(Pin::new(end).poll(context));
        self.end = None;
        Poll::Ready(status.ok().map(Err))
    }
}
