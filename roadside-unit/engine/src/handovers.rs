//! How committees followed each other since the genesis, with what shows it.
//!
//! A unit that has a shard's state knows the shard's committees from it. This is for everybody who
//! has only the genesis: those who check proofs, and a unit that begins with nothing, or with a
//! snapshot of a later epoch.

use std::sync::Arc;

use commonware_codec::RangeCfg;
use commonware_storage::metadata::{self, Metadata};
use commonware_utils::{sequence::U64, sync::Mutex};
use tracing::warn;
use wayside::{
    id::ChainId,
    ledger::{Committee, Committees, Genesis, Handover, HandoverError},
};

use crate::{runtime::Runtime, storage::Stores};

/// The hand-overs that are known.
pub(crate) struct Handovers {
    known: Mutex<Known>,
}

struct Known {
    committees: Committees,
    all: Arc<Vec<Handover>>,
    newest: Committee,
}

impl Handovers {
    /// None yet.
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let known = Known {
            committees: Committees::of(genesis),
            all: Arc::default(),
            newest: genesis.committee().clone(),
        };
        Self {
            known: Mutex::new(known),
        }
    }

    /// The ledger.
    pub(crate) fn chain(&self) -> ChainId {
        self.known.lock().committees.chain()
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> Arc<Vec<Handover>> {
        Arc::clone(&self.known.lock().all)
    }

    /// The committee of an epoch, if it is shown.
    pub(crate) fn committee(&self, epoch: u64) -> Option<Committee> {
        self.known.lock().committees.committee(epoch).cloned()
    }

    /// The newest committee that is shown.
    pub(crate) fn newest(&self) -> Committee {
        self.known.lock().newest.clone()
    }

    /// Takes the next one, if it holds; one that is known already changes nothing.
    pub(crate) fn add(&self, handover: &Handover) -> Result<(), HandoverError> {
        let mut known = self.known.lock();
        known.committees.follow(handover)?;
        if handover.committee.epoch() > known.newest.epoch() {
            known.newest = handover.committee.clone();
            Arc::make_mut(&mut known.all).push(handover.clone());
        }
        Ok(())
    }
}

/// The hand-overs on disk.
pub(crate) struct Record<E: Runtime> {
    store: Option<Metadata<E, U64, Vec<u8>>>,
    handovers: Arc<Handovers>,
    saved: usize,
}

impl<E: Runtime> Record<E> {
    /// Reads those of a shard into `handovers`.
    pub(crate) async fn open(runtime: E, stores: &Stores, handovers: Arc<Handovers>) -> Self {
        let config = metadata::Config {
            partition: stores.name("handovers"),
            codec_config: (RangeCfg::from(0..=HANDOVER_LENGTH_MAX), ()),
        };
        let store = Metadata::init(runtime, config).await;
        let store: Metadata<E, U64, Vec<u8>> = store.expect("the hand-overs can be read");
        let mut saved = 0;
        while let Some(bytes) = store.get(&place(saved)) {
            let read = Handover::from_bytes(bytes);
            if read.is_none_or(|handover| handovers.add(&handover).is_err()) {
                warn!(saved, "a stored hand-over does not hold");
                break;
            }
            saved += 1;
        }
        Self {
            store: Some(store),
            handovers,
            saved,
        }
    }

    /// Writes those that are not on disk.
    pub(crate) async fn save(&mut self) {
        let all = self.handovers.all();
        while let Some(handover) = all.get(self.saved) {
            let store = self.store.take().expect("the store is put back");
            let written = store.put_sync(place(self.saved), handover.to_bytes());
            self.store = Some(written.await.expect("the hand-overs can be written"));
            self.saved += 1;
        }
    }
}

fn place(index: usize) -> U64 {
    U64::new(u64::try_from(index).expect("an index fits into 64 bits"))
}

/// A certificate of the largest committee, a link and a proof are far smaller.
pub(crate) const HANDOVER_LENGTH_MAX: usize = 1 << 20;
