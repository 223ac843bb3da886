use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, http::header::CONTENT_TYPE, response::IntoResponse as _, routing::get};
use thiserror::Error;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::Metrics;

/// Serves `GET /metrics` until it is shut down or dropped.
pub struct MetricsServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Why metrics are not served.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// The address is taken, or not one of this machine.
    #[error("cannot serve metrics on {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

impl MetricsServer {
    /// Starts serving; port 0 takes any free one.
    pub async fn start(address: SocketAddr, metrics: Arc<Metrics>) -> Result<Self, MetricsError> {
        let bind_error = |source| MetricsError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        let bound = listener.local_addr().map_err(bind_error)?;
        let (stop, mut stopped) = watch::channel(false);
        let routes = Router::new().route("/metrics", get(move || scrape(Arc::clone(&metrics))));
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, routes)
                .with_graceful_shutdown(async move {
                    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
                })
                .await;
            if let Err(error) = served {
                tracing::warn!(%error, "metrics are no longer served");
            }
        });
        Ok(Self {
            address: bound,
            stop,
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more scrapes.
    pub fn shutdown(self) {
        self.stop.send_replace(true);
        // A scraper that keeps its connection open must not hold up the daemon's end.
        self.task.abort();
    }
}

#[expect(clippy::unused_async, reason = "axum's handlers are asynchronous")]
async fn scrape(metrics: Arc<Metrics>) -> impl axum::response::IntoResponse {
    ([(CONTENT_TYPE, CONTENT_TYPE_OPENMETRICS)], metrics.encode()).into_response()
}

const CONTENT_TYPE_OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
