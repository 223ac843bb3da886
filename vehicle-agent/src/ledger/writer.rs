use tokio::task::spawn_blocking;
use tracing::error;

use super::Records;
use crate::outbox::OutboxFile;

/// Writes what the outbox wants written, off the other tasks, and tells it what came of it.
///
/// A disk that refuses is tried again; until it takes what it is given, nothing is acknowledged.
pub(crate) async fn write(records: Records, mut file: OutboxFile) {
    loop {
        let Some(batch) = records.call_quietly(|outbox, now| outbox.poll_write(now)) else {
            let until = records.look(|outbox| outbox.write_timeout());
            tokio::select! {
                () = records.writer().notified() => {}
                () = at(&records, until) => {}
            }
            continue;
        };
        let written = spawn_blocking(move || {
            let written = file.write(&batch);
            (file, written)
        });
        let Ok((returned, written)) = written.await else {
            error!("writing the outbox panicked: no record is taken any more");
            return;
        };
        file = returned;
        records.call(|outbox, now| match &written {
            Ok(()) => outbox.handle_written(now),
            Err(_) => outbox.handle_write_failed(now),
        });
        if let Err(error) = written {
            error!(%error, "cannot write the outbox, trying again");
        }
    }
}

/// Returns at a moment; never, for none.
pub(super) async fn at(records: &Records, moment: Option<wayside::time::Instant>) {
    match moment {
        Some(moment) => records.clock().sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
