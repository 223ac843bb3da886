use std::collections::BTreeMap;

use crate::ledger::{Key, State, StateView, Value};

/// A state with what a block has changed so far, and what its current entry wants to change.
pub(super) struct Overlay<'a> {
    base: &'a State,
    block: BTreeMap<Key, Option<Value>>,
    entry: BTreeMap<Key, Option<Value>>,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(base: &'a State) -> Self {
        Self {
            base,
            block: BTreeMap::new(),
            entry: BTreeMap::new(),
        }
    }

    pub(super) fn put(&mut self, key: Key, value: Value) {
        self.entry.insert(key, Some(value));
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.entry.insert(key, None);
    }

    /// Keeps what the entry changed so far.
    pub(super) fn keep(&mut self) {
        // Not `append`, which goes through all that the block has changed so far.
        self.block.extend(std::mem::take(&mut self.entry));
    }

    /// Forgets what the entry changed since the last [`Self::keep`].
    pub(super) fn forget(&mut self) {
        self.entry.clear();
    }

    /// The state after the block.
    pub(super) fn finish(mut self) -> State {
        self.keep();
        self.base.apply(self.block)
    }
}

impl StateView for Overlay<'_> {
    fn value(&self, key: &Key) -> Option<&Value> {
        match self.entry.get(key).or_else(|| self.block.get(key)) {
            Some(changed) => changed.as_ref(),
            None => self.base.get(key),
        }
    }
}
