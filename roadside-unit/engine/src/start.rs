use std::{
    fs::{self, File, TryLockError},
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::{marshal, marshal::standard::Standard, simplex};
use commonware_cryptography::{ChaCha20Poly1305, ed25519::PrivateKey};
use commonware_macros::select;
use commonware_p2p::{
    AddressableManager as _,
    authenticated::lookup::{self, Network},
    max_message_size,
    utils::mux::prefixed,
};
use commonware_runtime::{
    Handle as RunningTask, Metrics as _, Quota, Runner as _, Spawner as _, Supervisor as _,
    tokio as runtime,
};
use commonware_stream::{
    SakeCups,
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize};
use thiserror::Error;
use tokio::sync::{broadcast, mpsc};
use tracing::{error, info};
use wayside::{
    crypto::SigningKey,
    ledger::{AccountKey, Genesis},
};

use crate::{
    Config, Handle, StartError,
    block::{OrderedBlock, Payload},
    disk::ENGINE_FOLDER,
    gossip,
    handle::Command,
    member::{Member, QUOTAS, keep},
    scheme::VoteScheme,
    shard::{Queues, Shard, Shards},
    tracking::Tracking,
};

/// The engine's own thread.
#[derive(Debug)]
pub struct Running {
    thread: JoinHandle<()>,
}

/// The engine has stopped because it could not go on, for instance because its disk is full.
#[derive(Debug, Error)]
#[error("the engine has failed")]
pub struct EngineFailed;

impl Running {
    /// Whether the engine has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until the engine has ended.
    pub fn join(self) -> Result<(), EngineFailed> {
        self.thread.join().map_err(|_| EngineFailed)
    }
}

/// Starts a member of the committee, or a follower, on a thread of its own.
///
/// The engine fails rather than goes on when it cannot keep what it promised (a disk that does not
/// write, a final block that does not hold), so it must not take the caller's runtime with it.
pub fn start(config: Config) -> Result<(Handle, Running), StartError> {
    let key = AccountKey::from(config.seat.key().verifying_key());
    let vote_key = config.seat.vote_key(&config.genesis)?;
    config.timing.check()?;
    if vote_key.is_some_and(|key| config.genesis.committee().index(&key).is_none()) {
        info!(%key, "has no seat in the genesis, and follows while the committee does not have it");
    }
    let folder = folder(&config.storage, &config.genesis, key)?;
    let tracking = Tracking::new(&config, &folder)?;
    let lock = lock(&folder)?;
    let mut shards = Shards::new();
    let mut kept = Vec::new();
    for id in &config.shards {
        if !config.genesis.has_shard(*id) || shards.contains_key(id) {
            return Err(StartError::Shard(*id));
        }
        let (shard, ends) = Shard::new(
            Arc::clone(&config.genesis),
            *id,
            vote_key,
            (config.application, config.mempool),
        );
        shards.insert(*id, Arc::clone(&shard));
        kept.push((shard, ends));
    }
    let shards = Arc::new(shards);
    let (published, _) = broadcast::channel(Handle::SUBSCRIPTION_LAG_MAX);
    let (commands, commands_end) = mpsc::unbounded_channel();
    let seed = config.seat.key().to_seed();
    let engine = Engine {
        member: Member {
            key: PrivateKey::decode(Copying(seed.as_ref()))
                .expect("every seed of 32 bytes is a key"),
            signer: Arc::new(SigningKey::from_seed(&seed)),
            timing: config.timing,
            retention: config.retention,
            published: published.clone(),
            shards: Arc::clone(&shards),
            stores: String::new(),
        },
        genesis: Arc::clone(&config.genesis),
        listen: tracking.listen(&config),
        tracking,
        kept,
        commands: commands_end,
    };
    let runner = runtime::Runner::new(
        runtime::Config::new()
            .with_storage_directory(folder.join(ENGINE_FOLDER))
            .with_tcp_nodelay(Some(true)),
    );
    let thread = thread::Builder::new().name("engine".to_owned());
    let thread = thread.spawn(move || {
        runner.start(|context| engine.run(context));
        drop(lock);
    });
    let thread = thread.map_err(StartError::Thread)?;
    Ok((Handle::new(shards, published, commands), Running { thread }))
}

/// What runs on the engine's thread.
struct Engine {
    member: Member,
    genesis: Arc<Genesis>,
    tracking: Tracking,
    listen: SocketAddr,
    kept: Vec<(Arc<Shard>, Queues)>,
    commands: mpsc::UnboundedReceiver<Command>,
}

type Transport = SakeCups<PrivateKey, ChaCha20Poly1305>;

impl Engine {
    async fn run(mut self, context: runtime::Context) {
        let config = self.network_config();
        let (mut network, mut oracle) = Network::new(context.child("network"), config);
        oracle.track(0, self.tracking.first().clone());
        let channels = QUOTAS
            .iter()
            .zip(0..)
            .map(|(quota, channel)| network.register(channel, Quota::per_second(*quota)));
        let channels: Vec<_> = channels.collect();
        network.start();
        let (member, kept) = (self.member.clone(), std::mem::take(&mut self.kept));
        if let Some((shard, _)) = kept.first() {
            let (tracking, seats, oracle) = (self.tracking.clone(), shard.seats(), oracle.clone());
            let child = context.child("tracking");
            child.spawn(move |_| tracking.run(seats, oracle));
        }
        let child = context.child("member");
        let keeping = child.spawn(move |runtime| keep(runtime, member, kept, channels, oracle));
        self.obey(&context, keeping).await;
        if let Err(cause) = context.stop(0, Some(STOP_TIMEOUT)).await {
            error!(%cause, "parts of the engine did not stop in time");
        }
    }
}

impl Engine {
    /// Does what handles ask until it shall end, or a shard has ended by itself.
    async fn obey(&mut self, context: &runtime::Context, mut keeping: RunningTask<()>) {
        loop {
            select! {
                command = self.commands.recv() => match command {
                    Some(Command::Metrics(answer)) => {
                        // Whoever asked may have gone.
                        let _ = answer.send(context.encode());
                    }
                    Some(Command::Shutdown) | None => {
                        info!("the engine ends");
                        return;
                    }
                },
                _ = &mut keeping => panic!("a part of the engine has stopped"),
            }
        }
    }

    fn network_config(&self) -> lookup::Config<Transport> {
        let handshake = Sake {
            signer: self.member.key.clone(),
            synchrony_bound: HANDSHAKE_SKEW_MAX,
            max_handshake_age: HANDSHAKE_AGE_MAX,
            version: sake::Version::V1,
        };
        let namespace = format!("wayside/engine/v1/{}", self.genesis.chain());
        let mut config = lookup::Config::local(
            Cups::<_, ChaCha20Poly1305>::new(handshake, cups::Version::V1),
            namespace.as_bytes(),
            self.listen,
            self.tracking.room(),
            message_length_max(&self.genesis),
            MAILBOX,
        );
        // Who a peer is, its key says; where it is may be behind an address translation.
        config.bypass_ip_check = true;
        // Whoever leaves the committee is heard until the next change, and so gets the last blocks.
        config.tracked_peer_sets = NZUsize!(2);
        config.peer_connection_cooldown = Duration::from_millis(250);
        config.dial_frequency = Duration::from_millis(200);
        config.allowed_handshake_rate_per_ip = Quota::per_second(NZU32!(64));
        config.block_duration = BLOCK_DURATION;
        config
    }
}

/// The most bytes of any message that members send each other.
fn message_length_max(genesis: &Genesis) -> u32 {
    let block = usize::try_from(genesis.limits.block_bytes_max).unwrap_or(usize::MAX);
    max_message_size(&[
        prefixed(simplex::max_payload_size::<VoteScheme, Payload>(
            COMMITTEE_MAX,
        )),
        prefixed(marshal::max_payload_size::<
            Standard<OrderedBlock>,
            VoteScheme,
        >(COMMITTEE_MAX, &block)),
        prefixed(gossip::message_length_max(
            genesis.limits.transaction_length_max(),
        )),
    ])
}

/// The folder of one ledger and key, made if missing.
pub(crate) fn folder(
    storage: &Path,
    genesis: &Genesis,
    key: AccountKey,
) -> Result<PathBuf, StartError> {
    let chain = genesis.chain().to_string();
    let name = format!("{:.16}-{:.16}", chain, key.to_string());
    let path = storage.join(name);
    match fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(StartError::Storage { path, source }),
    }
}

/// Holds the folder for this process until the file is dropped.
pub(crate) fn lock(folder: &Path) -> Result<File, StartError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|source| StartError::Storage {
        path: path.clone(),
        source,
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(StartError::Storage { path, source }),
    }
}

/// The members of the largest committee.
const COMMITTEE_MAX: u32 = 64;

/// Messages between the parts of the network.
const MAILBOX: NonZeroUsize = NZUsize!(1_024);

/// How far a member's clock may be ahead when it connects.
const HANDSHAKE_SKEW_MAX: Duration = Duration::from_secs(5);

/// How long a connection may take to be made, or a member's clock may be behind.
const HANDSHAKE_AGE_MAX: Duration = Duration::from_secs(10);

/// How long a member that broke the protocol is kept out; it may have been repaired.
const BLOCK_DURATION: Duration = Duration::from_secs(10 * 60);

/// How long the parts of the engine have to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
