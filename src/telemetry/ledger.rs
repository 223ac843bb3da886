use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::metrics::{Buckets, TIME_BUCKETS};

/// What a roadside unit counts of the ledger, by names that dashboards may rely on.
///
/// Shards are the only label that grows, and a genesis bounds them.
pub struct LedgerMetrics {
    registry: Registry,
    entries: Family<EntryLabels, Counter>,
    append: Family<ShardLabel, Histogram, Buckets>,
    tree_size: Family<ShardLabel, Gauge>,
    checkpoint_age: Family<ShardLabel, Gauge<f64, AtomicU64>>,
    proof_failures: Family<ShardLabel, Counter>,
    storage_bytes: Family<ShardLabel, Gauge>,
    index_bytes: Gauge,
    waiting: Family<ShardLabel, Gauge>,
    members: Family<ShardLabel, Gauge>,
    voting: Family<ShardLabel, Gauge>,
    behind: Family<ShardLabel, Gauge>,
    rules: Family<RulesLabels, Gauge>,
    archives: Family<ShardLabel, Gauge>,
    oldest: Family<ShardLabel, Gauge>,
    audits: Family<AuditLabel, Counter>,
    violations: Counter,
}

/// How a shard's consensus is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ShardStanding {
    /// Transactions that wait for a block.
    pub waiting: usize,
    /// Other operators that were heard of lately.
    pub operators_heard: usize,
    /// Whether this unit votes.
    pub is_voting: bool,
    /// Blocks that others have and this unit has not executed.
    pub behind: u64,
}

/// Versions of a shard's rules.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RulesKnown {
    /// The one that the next block follows.
    pub followed: u16,
    /// The newest that this unit's software knows.
    pub supported: u16,
    /// The newest that is followed or scheduled; above `supported`, the unit has to be upgraded.
    pub needed: u16,
}

/// What came of holding the shards' states against each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AuditResult {
    /// Nothing contradicts anything.
    Held,
    /// Something does.
    Violated,
    /// The states are not of one moment, or not all shards are kept here.
    Incomplete,
}

impl LedgerMetrics {
    /// Metrics that all stand at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("wayside_ledger"),
            entries: Family::default(),
            append: Family::new_with_constructor(TIME_BUCKETS),
            tree_size: Family::default(),
            checkpoint_age: Family::default(),
            proof_failures: Family::default(),
            storage_bytes: Family::default(),
            index_bytes: Gauge::default(),
            waiting: Family::default(),
            members: Family::default(),
            voting: Family::default(),
            behind: Family::default(),
            rules: Family::default(),
            archives: Family::default(),
            oldest: Family::default(),
            audits: Family::default(),
            violations: Counter::default(),
        };
        metrics.register();
        metrics.register_upkeep();
        metrics
    }

    /// One entry of a finalized block; `kind` is `applied`, `refused` or `delivered`.
    pub fn count_entry(&self, shard: u16, kind: &'static str) {
        self.entries
            .get_or_create(&EntryLabels { shard, kind })
            .inc();
    }

    /// A transaction that was handed in here became final so much later.
    pub fn observe_append(&self, shard: u16, took: Duration) {
        self.append
            .get_or_create(&ShardLabel { shard })
            .observe(took.as_secs_f64());
    }

    /// The newest finalized block, and how long ago it was proposed.
    pub fn set_tip(&self, shard: u16, height: u64, age: Duration) {
        let label = ShardLabel { shard };
        self.tree_size
            .get_or_create(&label)
            .set(number(height.saturating_add(1)));
        self.checkpoint_age
            .get_or_create(&label)
            .set(age.as_secs_f64());
    }

    /// A proof that was asked for could not be made, or did not hold.
    pub fn count_proof_failure(&self, shard: u16) {
        self.proof_failures
            .get_or_create(&ShardLabel { shard })
            .inc();
    }

    /// How many bytes a shard's blocks and state take on disk.
    pub fn set_storage_bytes(&self, shard: u16, bytes: u64) {
        self.storage_bytes
            .get_or_create(&ShardLabel { shard })
            .set(number(bytes));
    }

    /// How many bytes the index of all shards takes on disk.
    pub fn set_index_bytes(&self, bytes: u64) {
        self.index_bytes.set(number(bytes));
    }

    /// How a shard's consensus is doing.
    pub fn set_consensus(&self, shard: u16, standing: &ShardStanding) {
        let label = ShardLabel { shard };
        self.waiting
            .get_or_create(&label)
            .set(length(standing.waiting));
        self.members
            .get_or_create(&label)
            .set(length(standing.operators_heard));
        self.voting
            .get_or_create(&label)
            .set(standing.is_voting.into());
        self.behind
            .get_or_create(&label)
            .set(number(standing.behind));
    }

    /// Which rules a shard follows, and this unit knows.
    pub fn set_rules(&self, shard: u16, rules: &RulesKnown) {
        let versions = [
            ("followed", rules.followed),
            ("supported", rules.supported),
            ("needed", rules.needed),
        ];
        for (version, number) in versions {
            self.rules
                .get_or_create(&RulesLabels { shard, version })
                .set(number.into());
        }
    }

    /// How many operators keep every block of a shard, and the lowest height that this unit keeps.
    pub fn set_archives(&self, shard: u16, archives: usize, oldest: u64) {
        let label = ShardLabel { shard };
        self.archives.get_or_create(&label).set(length(archives));
        self.oldest.get_or_create(&label).set(number(oldest));
    }

    /// The shards' states were held against each other, and contradicted each other so many times.
    pub fn count_audit(&self, result: AuditResult, violations: usize) {
        let result = match result {
            AuditResult::Held => "held",
            AuditResult::Violated => "violated",
            AuditResult::Incomplete => "incomplete",
        };
        self.audits.get_or_create(&AuditLabel { result }).inc();
        self.violations
            .inc_by(u64::try_from(violations).unwrap_or(u64::MAX));
    }

    /// All of them in the Prometheus text format, without the end mark.
    pub fn encode(&self) -> String {
        let mut encoded = String::new();
        text::encode_registry(&mut encoded, &self.registry)
            .expect("a string takes every character");
        encoded
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "entries",
            "Entries of finalized blocks",
            self.entries.clone(),
        );
        registry.register_with_unit(
            "append",
            "Time from a transaction's arrival here to its block's finality",
            Unit::Seconds,
            self.append.clone(),
        );
        registry.register(
            "tree_size",
            "Headers of the shard, the genesis' included",
            self.tree_size.clone(),
        );
        registry.register_with_unit(
            "checkpoint_age",
            "Time since the newest finalized block was proposed",
            Unit::Seconds,
            self.checkpoint_age.clone(),
        );
        registry.register(
            "proof_failures",
            "Proofs that could not be made, or did not hold",
            self.proof_failures.clone(),
        );
        registry.register_with_unit(
            "storage",
            "Size of the shard's blocks and state on disk",
            Unit::Bytes,
            self.storage_bytes.clone(),
        );
        registry.register_with_unit(
            "index",
            "Size of the index of all shards on disk",
            Unit::Bytes,
            self.index_bytes.clone(),
        );
        registry.register(
            "waiting_transactions",
            "Transactions that wait for a block",
            self.waiting.clone(),
        );
        registry.register(
            "operators_heard",
            "Other operators that were heard of lately",
            self.members.clone(),
        );
        registry.register("voting", "Whether this unit votes", self.voting.clone());
        registry.register(
            "behind_blocks",
            "Blocks that others have and this unit has not executed",
            self.behind.clone(),
        );
        registry.register(
            "audits",
            "Looks at the states of all shards side by side",
            self.audits.clone(),
        );
        registry.register(
            "audit_violations",
            "What must never be, as parts in two places, found by these looks",
            self.violations.clone(),
        );
    }

    /// What an operator has to see to now and then.
    fn register_upkeep(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "rules_version",
            "Versions of the rules that are followed, supported here, and needed",
            self.rules.clone(),
        );
        registry.register(
            "archives",
            "Operators that keep every block for ever and have them all",
            self.archives.clone(),
        );
        registry.register(
            "oldest_block_height",
            "Lowest height whose block this unit keeps",
            self.oldest.clone(),
        );
    }
}

impl Default for LedgerMetrics {
    fn default() -> Self {
        Self::new()
    }
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ShardLabel {
    shard: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RulesLabels {
    shard: u16,
    version: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct AuditLabel {
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct EntryLabels {
    shard: u16,
    kind: &'static str,
}
