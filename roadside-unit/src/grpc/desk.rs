use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::watch;
use tonic::Status;
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{AccountKey, Genesis, NoteKey, State, StateView as _},
    rpc::{
        self,
        ledger::v1::{self as wire, GetInfoResponse},
    },
    serve::{Limits, MESSAGE_BYTES_MAX, STREAMS_PER_CONNECTION_MAX},
    telemetry::{LedgerMetrics, Metrics},
    transport::Clock,
};
use wayside_engine::{Handle, ShardStatus, Tip};

use super::{
    notes::Notes,
    refusal::{catching_up, pruned, shard_not_held, stopping},
    server::SERVICES,
};
use crate::{
    config::{Profile, ProfileSet},
    follow::{Followed, Pending},
    issuing::{Issuer, Peers},
    vault::{Receipts, Vault},
    voice::Voice,
};

/// What the unit answers, whichever way it is asked.
pub(crate) struct Desk {
    pub(super) genesis: Arc<Genesis>,
    pub(super) engine: Handle,
    pub(super) followed: Arc<Followed>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) ledger_metrics: Arc<LedgerMetrics>,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) notes: Notes,
    pub(super) vault: Arc<Vault>,
    pub(super) custodian: Option<Arc<Voice>>,
    pub(super) receipts: Receipts,
    pub(super) issuer: Option<Issuer>,
    pub(super) peers: Arc<Peers>,
    pub(super) draining: watch::Sender<bool>,
    profile: ProfileSet,
    account: AccountKey,
}

/// What a desk is made of.
pub(crate) struct DeskParts {
    /// The ledger.
    pub(crate) genesis: Arc<Genesis>,
    /// The engine that keeps it.
    pub(crate) engine: Handle,
    /// What the engine has made final, and where it stands.
    pub(crate) followed: Arc<Followed>,
    /// Where calls are counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Where the ledger is.
    pub(crate) ledger_metrics: Arc<LedgerMetrics>,
    /// What bounds callers.
    pub(crate) limits: Limits,
    /// The unit's clock.
    pub(crate) clock: Clock,
    /// What the unit does.
    pub(crate) profile: ProfileSet,
    /// The unit's key among units, which also signs notes.
    pub(crate) key: SigningKey,
    /// Whose cosignatures are collected.
    pub(crate) witnesses: Vec<NoteKey>,
    /// What is kept of records off the ledger.
    pub(crate) vault: Arc<Vault>,
    /// Whose shares are among that.
    pub(crate) custodian: Option<Arc<Voice>>,
    /// What issues tickets here.
    pub(crate) issuer: Option<Issuer>,
    /// The doors of those who issue elsewhere.
    pub(crate) peers: Arc<Peers>,
}

impl Desk {
    pub(crate) fn new(parts: DeskParts) -> Self {
        let account = parts.key.verifying_key().into();
        Self {
            account,
            genesis: parts.genesis,
            engine: parts.engine,
            followed: parts.followed,
            metrics: parts.metrics,
            ledger_metrics: parts.ledger_metrics,
            limits: parts.limits,
            clock: parts.clock,
            notes: Notes::new(parts.key, parts.witnesses),
            vault: parts.vault,
            custodian: parts.custodian,
            receipts: Receipts::default(),
            issuer: parts.issuer,
            peers: parts.peers,
            draining: watch::Sender::new(false),
            profile: parts.profile,
        }
    }

    /// What keeps the ledger.
    pub(crate) fn engine(&self) -> &Handle {
        &self.engine
    }

    /// Whether the unit votes for its operator.
    pub(super) fn is_validator(&self) -> bool {
        self.profile.has(Profile::Validator)
    }

    /// Where transactions are remembered until they are final.
    pub(super) fn pending(&self) -> &Pending {
        self.followed.pending()
    }

    /// Refuses everything once the unit is stopping.
    pub(super) fn open(&self) -> Result<(), Status> {
        if *self.draining.borrow() {
            return Err(stopping());
        }
        Ok(())
    }

    /// Returns once the unit is stopping.
    pub(super) async fn drained(&self) {
        // A dropped sender is an end, too.
        let _ = self
            .draining
            .subscribe()
            .wait_for(|draining| *draining)
            .await;
    }

    /// The newest state of a shard; refused while the unit knows that it is far behind.
    pub(super) fn tip(&self, shard: ShardId) -> Result<Tip, Status> {
        self.open()?;
        let held = self.engine.status(shard).zip(self.engine.tip(shard));
        let (status, tip) = held.ok_or_else(|| shard_not_held(shard))?;
        if is_far_behind(&status) {
            return Err(catching_up(shard));
        }
        Ok(tip)
    }

    /// Refuses what rests on a block that is not kept here, and names who has it.
    pub(super) fn pruned(&self, shard: ShardId, height: u64) -> Status {
        let oldest = self.engine.oldest(shard).unwrap_or_default();
        let who = self.holders(shard, height);
        pruned(format!(
            "block {height} of shard {shard} is not kept here, where blocks begin at {oldest}: {who}"
        ))
    }

    /// Refuses to tell records of a vehicle that were made before the blocks that are kept here, and
    /// names who has those.
    pub(super) fn lacks_records(&self, shard: ShardId) -> Status {
        let oldest = self.engine.oldest(shard).unwrap_or_default();
        let who = self.holders(shard, 1);
        pruned(format!(
            "some of its records were made before block {oldest} of shard {shard}, where blocks \
             begin here: {who}"
        ))
    }

    /// Which blocks are not kept here, to go on a sentence about what was not found.
    pub(super) fn missing_blocks(&self) -> String {
        let shards = self.engine.shards().into_iter();
        let begins = shards.map(|shard| (shard, self.engine.oldest(shard).unwrap_or_default()));
        let missing = begins.filter(|(_, oldest)| *oldest > 1);
        let missing: Vec<String> = missing
            .map(|(shard, oldest)| format!("those of shard {shard} below {oldest}"))
            .collect();
        if missing.is_empty() {
            return String::new();
        }
        format!(
            ", but does not keep all blocks: {} are missing",
            missing.join(", ")
        )
    }

    /// Who says to keep a block, in words.
    fn holders(&self, shard: ShardId, height: u64) -> String {
        let state = self.engine.tip(shard).map(|tip| tip.state);
        let name = |key| {
            let state = state.as_ref()?;
            let seat = state.seat(&self.genesis, key)?;
            Some(state.operator(seat.operator)?.name.as_str())
        };
        let holders = self.engine.holders(shard, height).into_iter();
        let names: Vec<&str> = holders.filter_map(name).collect();
        if names.is_empty() {
            "ask a unit with the profile archive".to_owned()
        } else {
            format!("ask {}", names.join(", "))
        }
    }

    /// What the unit is, to a caller of this name with these roles.
    pub(super) fn info(&self, caller: String, roles: Vec<String>) -> GetInfoResponse {
        let governance = self.engine.tip(ShardId::GOVERNANCE);
        let state = governance.map(|tip| tip.state);
        let committee = state.as_ref().map_or_else(
            || self.genesis.committee().clone(),
            |state| state.epoch_state(&self.genesis).committee,
        );
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        GetInfoResponse {
            name: NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: String::new(),
            api_versions: packages(),
            now: Some(rpc::to_wire_time(self.clock.now().timestamp)),
            chain_id: self.genesis.chain().to_string(),
            chain_name: self.genesis.name.clone(),
            development: self.genesis.development,
            profiles: self.profile.names().map(str::to_owned).collect(),
            operator: state.map(|it| self.operator(&it)).unwrap_or_default(),
            operators: count(committee.keys().len()),
            quorum: count(committee.quorum()),
            shards: self
                .engine
                .shards()
                .into_iter()
                .filter_map(|shard| self.shard_info(shard))
                .collect(),
            limits: Some(self.wire_limits()),
            caller,
            roles,
            draining: *self.draining.borrow(),
        }
    }

    /// Whose unit it is: nobody's, for one whose key never voted.
    fn operator(&self, state: &State) -> String {
        let seat = state.seat(&self.genesis, self.account);
        let operator = seat.and_then(|seat| state.operator(seat.operator));
        operator.map(|it| it.name.clone()).unwrap_or_default()
    }

    fn shard_info(&self, shard: ShardId) -> Option<wire::ShardInfo> {
        let (status, tip) = self.engine.status(shard).zip(self.engine.tip(shard))?;
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Some(wire::ShardInfo {
            shard_id: shard.0.into(),
            tip: Some(rpc::to_wire_tip(&tip.header)),
            oldest_height: self.engine.oldest(shard).unwrap_or_default(),
            view: status.view,
            peers: u32::try_from(status.peers).unwrap_or(u32::MAX),
            waiting_transactions: number(status.mempool_len),
            voting: status.voting,
            catching_up: status.catching_up,
            rules: status.rules.followed.into(),
            rules_supported: status.rules.supported.into(),
            rules_next: status.rules.next.map_or(0, |next| next.rules.into()),
            rules_next_height: status.rules.next.map_or(0, |next| next.height),
            upgrade_needed: status.rules.has_stopped(),
            archives: u32::try_from(status.archives).unwrap_or(u32::MAX),
            archives_required: u32::try_from(self.engine.archives_required()).unwrap_or(u32::MAX),
        })
    }

    fn wire_limits(&self) -> wire::Limits {
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        wire::Limits {
            message_bytes_max: u64::try_from(MESSAGE_BYTES_MAX).unwrap_or(u64::MAX),
            transaction_bytes_max: self.genesis.limits.transaction_bytes_max.into(),
            subscriptions_max: number(self.limits.streams_per_caller_max.get()),
            streams_max: STREAMS_PER_CONNECTION_MAX,
            requests_per_s: self.limits.requests_per_s.get(),
            unary_timeout: Some(rpc::to_wire_duration(self.limits.unary_timeout)),
            heartbeat_interval: Some(rpc::to_wire_duration(self.limits.heartbeat_interval)),
            slow_subscriber_timeout: Some(rpc::to_wire_duration(
                self.limits.slow_subscriber_timeout,
            )),
            filter_names_max: number(super::watch::NAMES_MAX),
        }
    }

    /// The genesis, in the form that people read.
    pub(super) fn genesis(&self) -> wire::GetGenesisResponse {
        wire::GetGenesisResponse {
            toml: self.genesis.to_toml(),
            chain_id: self.genesis.chain().to_string(),
        }
    }
}

/// The packages of the services, each once.
fn packages() -> Vec<String> {
    let packages = SERVICES
        .iter()
        .filter_map(|service| service.rsplit_once('.'));
    let packages: BTreeSet<&str> = packages.map(|(package, _)| package).collect();
    packages.into_iter().map(str::to_owned).collect()
}

/// Whether other members are so far ahead that answers from here would be stale.
pub(super) fn is_far_behind(status: &ShardStatus) -> bool {
    status.catching_up && status.peer_height > status.height.saturating_add(BEHIND_MAX)
}

/// What the server says that it is.
const NAME: &str = "roadside-unit";
/// A few seconds under load.
const BEHIND_MAX: u64 = 64;
