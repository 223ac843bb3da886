use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use wayside::{ledger::TransactionId, time::Timestamp, vault::SignedReading};

/// The receipts that were given lately, so that a wish that is repeated makes no second one.
///
/// In memory only: after a restart a repeated wish makes another receipt, which tells the owner no less.
#[derive(Default)]
pub(crate) struct Receipts(Mutex<BTreeMap<Vec<u8>, (TransactionId, Timestamp)>>);

impl Receipts {
    /// The receipt for a wish, if there was one.
    pub(crate) fn given(&self, reading: &SignedReading, now: Timestamp) -> Option<TransactionId> {
        // Every change is one call that leaves it whole.
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|_, (_, time)| now.since(*time) <= SignedReading::AGE_MAX * 2);
        given.get(&reading.to_bytes()).map(|(id, _)| *id)
    }

    /// Notes a receipt; at the bound those before are forgotten.
    pub(crate) fn give(&self, reading: &SignedReading, id: TransactionId, now: Timestamp) {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if given.len() >= RECEIPTS_MAX {
            given.clear();
        }
        given.insert(reading.to_bytes(), (id, now));
    }
}

const RECEIPTS_MAX: usize = 4096;
