use std::time::Duration;

use tokio::{sync::mpsc, task::spawn_blocking, time::sleep};
use tracing::error;

use super::SequenceJournal;
use crate::{security::Reservation, transport::Handle};

/// Writes each reservation down and only then confirms it, off the station's task.
///
/// A disk that refuses is tried again: until it takes the reservation, the station signs with what
/// it has, and then not at all.
pub async fn write_reservations(
    mut journal: SequenceJournal,
    mut wanted: mpsc::Receiver<Reservation>,
    handle: Handle,
) {
    while let Some(reservation) = wanted.recv().await {
        loop {
            let written = spawn_blocking(move || {
                let written = journal.append(&reservation);
                (journal, written)
            });
            let Ok((returned, written)) = written.await else {
                error!("writing the journal panicked: the station cannot sign for long");
                return;
            };
            journal = returned;
            match written {
                Ok(()) => break,
                Err(error) => error!(%error, "cannot reserve sequences, trying again"),
            }
            sleep(RETRY_PAUSE).await;
        }
        handle.call(|station, _| station.handle_reserved(reservation));
    }
}

const RETRY_PAUSE: Duration = Duration::from_secs(1);
