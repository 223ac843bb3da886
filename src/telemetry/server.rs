use std::{io, net::SocketAddr};

use axum::{
    Router,
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    response::IntoResponse,
    routing::get,
};
use thiserror::Error;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::crypto::{Digest, Purpose};

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
    /// Starts serving what `encode` writes; port 0 takes any free one.
    ///
    /// With a `token`, only scrapers that show it as their bearer token are answered.
    pub async fn start<E, F>(
        address: SocketAddr,
        token: Option<String>,
        encode: E,
    ) -> Result<Self, MetricsError>
    where
        E: Fn() -> F + Clone + Send + Sync + 'static,
        F: Future<Output = String> + Send,
    {
        let bind_error = |source| MetricsError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        let bound = listener.local_addr().map_err(bind_error)?;
        let (stop, mut stopped) = watch::channel(false);
        let expected = token.map(|token| Digest::of(Purpose::MetricsToken, &[token.as_bytes()]));
        let scraped = move |headers| scrape(encode.clone(), expected, headers);
        let routes = Router::new().route("/metrics", get(scraped));
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

async fn scrape<F: Future<Output = String>>(
    encode: impl Fn() -> F,
    expected: Option<Digest>,
    headers: HeaderMap,
) -> impl IntoResponse {
    // Digests are compared, so that the time taken says nothing about the token.
    let shown = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .map(|token| Digest::of(Purpose::MetricsToken, &[token]));
    if expected.is_some() && shown != expected {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    ([(CONTENT_TYPE, CONTENT_TYPE_OPENMETRICS)], encode().await).into_response()
}

const CONTENT_TYPE_OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
