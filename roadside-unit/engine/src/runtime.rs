use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use rand_core::CryptoRng;

/// What a shard runs on: commonware's tokio runtime on the road, its deterministic runtime in
/// tests.
pub(crate) trait Runtime: CryptoRng + Spawner + Metrics + Clock + Storage {}

impl<E: CryptoRng + Spawner + Metrics + Clock + Storage> Runtime for E {}
