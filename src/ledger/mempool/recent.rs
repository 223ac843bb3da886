use std::{collections::BTreeMap, mem};

use crate::ledger::{CheckedTransaction, TransactionId};

/// Transactions that were checked lately, since checking one costs more than all else that is done
/// with it.
///
/// A unit meets each transaction in other units' words and in blocks, in any order, and in another
/// block if the first one is lost. Holds nothing that changes an answer: only the time that the
/// answer takes.
#[derive(Debug)]
pub struct Recent {
    count_max: usize,
    newer: Generation,
    older: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    checked: BTreeMap<TransactionId, CheckedTransaction>,
    bytes: usize,
}

impl Recent {
    /// Remembers at most so many.
    pub fn new(count_max: usize) -> Self {
        Self {
            count_max,
            newer: Generation::default(),
            older: Generation::default(),
        }
    }

    /// Remembers one. At the bound, the older half is forgotten.
    pub fn insert(&mut self, transaction: CheckedTransaction) {
        if self.newer.checked.contains_key(&transaction.id()) {
            return;
        }
        let length = transaction.length();
        let is_full = self.newer.bytes + length > BYTES_MAX / 2;
        if is_full || self.newer.checked.len() >= self.count_max / 2 {
            self.older = mem::take(&mut self.newer);
        }
        self.newer.bytes += length;
        self.newer.checked.insert(transaction.id(), transaction);
    }

    /// One that is remembered.
    pub fn get(&self, id: &TransactionId) -> Option<&CheckedTransaction> {
        let newer = self.newer.checked.get(id);
        newer.or_else(|| self.older.checked.get(id))
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.newer.checked.len() + self.older.checked.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.newer.checked.is_empty() && self.older.checked.is_empty()
    }
}

/// As they are on the wire; beyond it fewer are remembered.
const BYTES_MAX: usize = 16 << 20;
