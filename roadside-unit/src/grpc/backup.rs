use std::{
    fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc,
};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status, transport::Endpoint};
use wayside::{
    rpc::{
        self,
        ledger::v1::{BackupRequest, BackupResponse, ledger_service_client::LedgerServiceClient},
    },
    serve::Inlet,
};
use wayside_engine::BackupError;

use super::{desk::Desk, ledger::PIECE_LEN, refusal::stopping};

/// Sends a backup of every shard, as fast as it is taken.
pub(super) async fn back_up(desk: Arc<Desk>, inlet: Inlet<BackupResponse>) {
    for shard in desk.engine.shards() {
        let Some(mut backup) = desk.engine.backup(shard) else {
            continue;
        };
        loop {
            let next = tokio::select! {
                next = backup.next() => next,
                () = desk.drained() => return inlet.fail(stopping()),
            };
            let bytes = match next {
                Ok(Some(bytes)) => Bytes::from(bytes),
                Ok(None) => break,
                Err(error) => return inlet.fail(refusal(error)),
            };
            for piece in bytes.chunks(PIECE_LEN) {
                let backup = bytes.slice_ref(piece);
                let sent = inlet.items.send(BackupResponse { backup });
                let sent = tokio::time::timeout(desk.limits.slow_subscriber_timeout, sent).await;
                // A client that does not read, or has gone, needs no more pieces.
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        }
    }
}

fn refusal(error: BackupError) -> Status {
    match error {
        BackupError::NotRunning => stopping(),
        BackupError::SnapshotGone(_) | BackupError::BlockGone(_) => {
            rpc::refusal(Code::Aborted, "PRUNED", format!("{error}: ask anew"))
        }
    }
}

/// Has the unit that serves a socket send a backup, and writes it to a file that only its owner can
/// read; returns how long it is.
pub(crate) async fn fetch_backup(socket: &Path, out: &Path) -> anyhow::Result<u64> {
    let cannot_write = || format!("cannot write {}", out.display());
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(out).with_context(cannot_write)?;
    let unit = format!("unix:{}", socket.display());
    let channel = Endpoint::from_shared(unit.clone())?.connect().await;
    let channel = channel.map_err(|_| anyhow!("no unit runs here: nobody answers at {unit}"))?;
    let mut client = LedgerServiceClient::new(channel);
    let refused = |status: Status| anyhow!("the unit refused: {}", status.message());
    let answer = client.backup(BackupRequest {}).await.map_err(refused)?;
    let mut pieces = answer.into_inner();
    let mut length = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(refused)?.backup;
        file.write_all(&piece).with_context(cannot_write)?;
        length += u64::try_from(piece.len())?;
    }
    file.sync_all().with_context(cannot_write)?;
    Ok(length)
}
