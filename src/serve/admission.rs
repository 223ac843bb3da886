use std::sync::Arc;

use crate::telemetry::{GrpcMethod, Metrics};
use tokio::time::Instant;
use tonic::Status;

use super::allowance::{Allowance, StreamPlace};

/// A call that passed the gate: what its caller may still use, and where it is counted.
#[derive(Clone)]
pub struct Admission {
    pub(super) allowance: Arc<Allowance>,
    pub(super) method: GrpcMethod,
    pub(super) metrics: Arc<Metrics>,
}

/// An open stream; its place and its count are given back when it is dropped.
pub struct OpenStream {
    _place: StreamPlace,
    method: GrpcMethod,
    metrics: Arc<Metrics>,
}

impl Admission {
    /// Takes one more message of a stream out of the caller's allowance.
    pub fn take(&self) -> Result<(), Status> {
        self.allowance.take(Instant::now())
    }

    /// Takes a place for a stream.
    pub fn open_stream(&self) -> Result<OpenStream, Status> {
        let place = self.allowance.open_stream()?;
        self.metrics.change_grpc_streams(self.method, 1);
        Ok(OpenStream {
            _place: place,
            method: self.method,
            metrics: Arc::clone(&self.metrics),
        })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.metrics.change_grpc_streams(self.method, -1);
    }
}
