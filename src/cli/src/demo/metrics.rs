use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// What the agents' metrics say of the messages that came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Received {
    /// Messages that were verified and taken into a world.
    pub(super) delivered: u64,
    /// Messages that were refused, by reason.
    pub(super) refused: BTreeMap<String, u64>,
}

impl Received {
    /// Adds what an agent's metrics say.
    pub(super) async fn add(&mut self, metrics: SocketAddr) -> anyhow::Result<()> {
        let text = timeout(ANSWER_MAX, scrape(metrics))
            .await
            .context("an agent's metrics do not come")??;
        self.add_text(&text);
        Ok(())
    }

    /// Adds what the text of an agent's metrics says.
    pub(super) fn add_text(&mut self, text: &str) {
        for line in text.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let count = value.parse().unwrap_or(0);
            if series.starts_with("wayside_messages_delivered_total{") {
                self.delivered += count;
            } else if series.starts_with("wayside_messages_rejected_total{") && count > 0 {
                let reason = series
                    .split_once("reason=\"")
                    .and_then(|(_, rest)| rest.split_once('"'))
                    .map_or("unknown", |(reason, _)| reason);
                *self.refused.entry(reason.to_owned()).or_default() += count;
            }
        }
    }
}

async fn scrape(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)
        .await
        .context("cannot reach an agent's metrics")?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream
        .take(ANSWER_LEN_MAX)
        .read_to_string(&mut answer)
        .await?;
    ensure!(
        answer.starts_with("HTTP/1.1 200"),
        "an agent's metrics are refused"
    );
    Ok(answer)
}

const ANSWER_LEN_MAX: u64 = 1 << 20;
const ANSWER_MAX: Duration = Duration::from_secs(3);
