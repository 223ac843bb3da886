//! One shard as this member keeps it.
//!
//! [`Shard`] is what everybody touches: consensus proposes and checks blocks on it, gossip fills
//! its mempool, a handle reads it. [`Chain`] keeps the state after the newest final block and after
//! each executed block above it, so that a block is executed once, whoever asks first.

mod bare;
mod chain;
mod epochs;
mod execute;
mod inbox;
mod pace;
mod peers;
mod upkeep;
mod votes;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use commonware_consensus::marshal::{core::Mailbox, standard::Standard};
use commonware_cryptography::ed25519::PublicKey;
use commonware_utils::sync::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tracing::{debug, trace, warn};
use wayside::{
    id::ShardId,
    ledger::{
        AccountKey, CheckedDelivery, CheckedTransaction, Delivery, DeliveryError, Entry, Genesis,
        Header, Mempool, MempoolConfig, MempoolRefusal, Peaks, RULES, Recent, SignedTransaction,
        State, StateView as _, TransactionId, admit,
    },
};

pub(crate) use chain::{Chain, Node};
pub(crate) use epochs::Seats;
pub(crate) use execute::genesis_node;
pub(crate) use inbox::Inbox;
pub(crate) use pace::Pace;
pub(crate) use peers::{Peers, Standing, height};
pub(crate) use votes::VotesSeen;

use crate::{
    Application, FinalizedBlock, ShardStatus, SubmitError, Tip,
    block::{OrderedBlock, Payload},
    handovers::Handovers,
    keeper::Order,
    scheme::VoteScheme,
    session::Session,
};

/// Where marshal, which stores blocks and puts them in order, is asked.
pub(crate) type Marshal = Mailbox<VoteScheme, Standard<OrderedBlock>>;

/// One shard as this member keeps it.
pub(crate) struct Shard {
    /// The ledger.
    pub(crate) genesis: Arc<Genesis>,
    /// Which shard of it.
    pub(crate) id: ShardId,
    /// What this unit votes with in every epoch whose committee has it; `None` for a follower.
    pub(crate) vote_key: Option<AccountKey>,
    /// How many entries this member puts into a block.
    pub(crate) pace: Mutex<Pace>,
    /// What other members say of themselves.
    pub(crate) peers: Mutex<Peers>,
    /// The newest version of the rules that this process follows: [`RULES`], but for tests of what
    /// happens to a program that is older than the ledger.
    pub(crate) rules: u16,
    /// Whether it minds that others saw votes by its key which it did not give: always, but for
    /// tests of liars.
    pub(crate) minds_twins: bool,
    /// How committees followed each other.
    pub(crate) handovers: Arc<Handovers>,
    application: Application,
    genesis_payload: Payload,
    chain: Mutex<Chain>,
    mempool: Mutex<Mempool>,
    recent: Mutex<Recent>,
    inbox: Mutex<Inbox>,
    work: Notify,
    /// The epoch that this unit is in.
    session: Mutex<Arc<Session>>,
    /// The epoch of the next block after the final tip.
    epoch: watch::Sender<u64>,
    seats: watch::Sender<Seats>,
    /// The newest epoch whose members are listened to.
    expected: AtomicU64,
    /// The greatest height that is known to be final, and its epoch.
    certified: Mutex<(u64, u64)>,
    advanced: Notify,
    oldest: AtomicU64,
    is_archive: AtomicBool,
    past: OnceLock<Peaks>,
    recovered: watch::Sender<bool>,
    marshal: OnceLock<Marshal>,
    keeper: OnceLock<mpsc::Sender<Order>>,
    snapshot: AtomicU64,
    outgoing: mpsc::Sender<SignedTransaction>,
    asks: mpsc::Sender<Ask>,
    queries: mpsc::UnboundedSender<Query>,
}

/// A question for a part of another member's snapshot.
pub(crate) struct Ask {
    /// Whom to ask.
    pub(crate) peer: PublicKey,
    /// Of the snapshot at which height; 0 for the newest.
    pub(crate) height: u64,
    /// For which part: 0 is the manifest, then come the chunks.
    pub(crate) index: u32,
}

/// A part of another member's snapshot.
pub(crate) struct Part {
    /// Whose.
    pub(crate) peer: PublicKey,
    /// The snapshot's height; another one than was asked for, if it has not got that.
    pub(crate) height: u64,
    /// Which part.
    pub(crate) index: u32,
    /// The part, not checked yet.
    pub(crate) bytes: Vec<u8>,
}

/// What a handle asks of the task that stores results.
pub(crate) struct Query {
    /// Of which block.
    pub(crate) height: u64,
    /// Who waits.
    pub(crate) answer: oneshot::Sender<Option<Arc<FinalizedBlock>>>,
}

/// The ends of a shard's queues at which its tasks work.
pub(crate) struct Queues {
    /// Transactions to tell other members about.
    pub(crate) outgoing: mpsc::Receiver<SignedTransaction>,
    /// Parts of snapshots to ask other members for.
    pub(crate) asks: mpsc::Receiver<Ask>,
    /// Questions for the task that stores results; each asker waits for its answer.
    pub(crate) queries: mpsc::UnboundedReceiver<Query>,
}

impl Shard {
    /// A shard at its beginning.
    pub(crate) fn new(
        genesis: Arc<Genesis>,
        id: ShardId,
        vote_key: Option<AccountKey>,
        (application, mempool): (Application, MempoolConfig),
    ) -> (Arc<Self>, Queues) {
        let (outgoing, outgoing_end) = mpsc::channel(OUTGOING_MAX);
        let (asks, asks_end) = mpsc::channel(ASKS_MAX);
        let (queries, queries_end) = mpsc::unbounded_channel();
        let first = genesis_node(&genesis, id);
        let entries_max = genesis.limits.block_transactions_max;
        let entries_max = usize::try_from(entries_max).unwrap_or(usize::MAX);
        let session = Session::new(genesis.committee().clone(), vote_key.as_ref());
        let mut peers = Peers::default();
        peers.listen_to(session.members.clone());
        let shard = Self {
            genesis_payload: first.payload,
            chain: Mutex::new(Chain::new(Arc::new(first))),
            mempool: Mutex::new(Mempool::new(mempool)),
            recent: Mutex::new(Recent::new(RECENT_MAX)),
            inbox: Mutex::default(),
            pace: Mutex::new(Pace::new(entries_max)),
            peers: Mutex::new(peers),
            minds_twins: true,
            handovers: Arc::new(Handovers::new(&genesis)),
            work: Notify::new(),
            epoch: watch::Sender::new(session.epoch()),
            seats: watch::Sender::default(),
            expected: AtomicU64::new(session.epoch()),
            session: Mutex::new(Arc::new(session)),
            certified: Mutex::default(),
            advanced: Notify::new(),
            oldest: AtomicU64::new(0),
            is_archive: AtomicBool::new(false),
            rules: RULES,
            past: OnceLock::new(),
            recovered: watch::Sender::new(false),
            marshal: OnceLock::new(),
            keeper: OnceLock::new(),
            genesis,
            id,
            vote_key,
            application,
            snapshot: AtomicU64::new(0),
            outgoing,
            asks,
            queries,
        };
        let queues = Queues {
            outgoing: outgoing_end,
            asks: asks_end,
            queries: queries_end,
        };
        (Arc::new(shard), queues)
    }

    /// Takes a transaction from a client, and tells the other members.
    pub(crate) fn submit(&self, signed: SignedTransaction) -> Result<TransactionId, SubmitError> {
        let checked = self.check_transaction(signed.clone())?;
        let id = checked.id();
        self.wait(checked)?;
        // A full queue is no loss: this member proposes the transaction itself when it leads, and
        // tells of what waits too long.
        let _ = self.outgoing.try_send(signed);
        Ok(id)
    }

    /// Takes a transaction that another member told of, if it is news.
    ///
    /// Its signatures come last: mostly it is known, or a block that was faster has it already.
    pub(crate) fn hear(&self, bytes: &[u8]) {
        let id = TransactionId::of(bytes);
        if self.waits(&id) {
            return;
        }
        let known = self.recent.lock().get(&id).cloned();
        let checked = match (known, self.application) {
            (Some(known), Application::Ledger) => Some(known),
            // Without a state, nothing else says that it was in a block.
            (Some(_), Application::Bare) => None,
            (None, _) => self.check_news(bytes),
        };
        let refused = checked.and_then(|checked| self.wait(checked).err());
        if let Some(refusal) = refused {
            trace!(shard = %self.id, %refusal, "another member's transaction may not wait");
        }
    }

    fn check_news(&self, bytes: &[u8]) -> Option<CheckedTransaction> {
        let length_max = self.genesis.limits.transaction_length_max();
        let signed = SignedTransaction::from_bytes(bytes, length_max).ok()?;
        if self.application == Application::Ledger {
            let tip = self.tip_node();
            let (transaction, time) = (&signed.transaction, tip.header.time);
            let admitted = admit(&self.genesis, &tip.state, transaction, time);
            if admitted.is_err_and(|refusal| !refusal.is_for_now()) {
                return None;
            }
        }
        self.check_transaction(signed).ok()
    }

    fn wait(&self, transaction: CheckedTransaction) -> Result<(), MempoolRefusal> {
        let tip = self.tip_node();
        let mut mempool = self.mempool.lock();
        match self.application {
            Application::Ledger => {
                mempool.insert(transaction, &self.genesis, &tip.state, tip.header.time)?;
            }
            Application::Bare => mempool.push(transaction)?,
        }
        drop(mempool);
        self.work.notify_waiters();
        Ok(())
    }

    /// Whether a transaction still waits.
    pub(crate) fn waits(&self, id: &TransactionId) -> bool {
        self.mempool.lock().get(id).is_some()
    }

    /// Takes receipts of another shard to deliver them.
    pub(crate) fn deliver(&self, delivery: Delivery) {
        let tip = self.tip_node();
        let checked = match CheckedDelivery::check(delivery, &self.genesis, &tip.state, self.id) {
            Ok(checked) => checked,
            Err(DeliveryError::Early(epoch)) => {
                debug!(shard = %self.id, epoch, "dropped receipts that come again later");
                return;
            }
            Err(error) => {
                warn!(shard = %self.id, %error, "dropped receipts");
                return;
            }
        };
        let expected = tip.state.received(checked.source());
        if self.inbox.lock().insert(checked, expected) {
            self.work.notify_waiters();
        }
    }

    /// The final tip or executed block whose header has this digest.
    pub(crate) fn find(&self, payload: &Payload) -> Option<Arc<Node>> {
        self.chain.lock().find(payload)
    }

    /// The newest final block.
    pub(crate) fn tip_node(&self) -> Arc<Node> {
        Arc::clone(self.chain.lock().tip())
    }

    /// The newest final block, and the block that was executed last.
    pub(crate) fn branch(&self) -> (Arc<Node>, Arc<Node>) {
        let chain = self.chain.lock();
        (Arc::clone(chain.tip()), Arc::clone(chain.newest()))
    }

    /// Keeps an executed block that is not final yet.
    pub(crate) fn keep(&self, node: Arc<Node>) {
        self.chain.lock().insert(node);
    }

    /// Makes a block the newest final one.
    pub(crate) fn commit(&self, node: &Arc<Node>) {
        self.chain.lock().commit(Arc::clone(node));
        let mut mempool = self.mempool.lock();
        let entries = node.block.iter().flat_map(|it| &it.block().entries);
        for entry in entries {
            if let Entry::Transaction(signed) = entry {
                let transaction = &signed.transaction;
                mempool.remove_nonce(transaction.sender, transaction.nonce);
            }
        }
        if self.application == Application::Ledger {
            mempool.prune(&self.genesis, &node.state, node.header.time);
        }
        drop(mempool);
        self.inbox
            .lock()
            .retain(|source| node.state.received(source));
        self.follow_epochs(node);
        self.work.notify_waiters();
        self.advanced.notify_one();
    }

    /// Begins anew from a final block that was recovered from storage.
    pub(crate) fn recover(&self, node: Arc<Node>) {
        *self.chain.lock() = Chain::new(Arc::clone(&node));
        self.follow_epochs(&node);
    }

    /// Wakes whoever waits for something to propose.
    pub(crate) fn work(&self) -> &Notify {
        &self.work
    }

    /// The lowest height whose block is stored.
    pub(crate) fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Relaxed)
    }

    /// Notes that blocks below a height are not stored any more.
    pub(crate) fn pruned_below(&self, height: u64) {
        self.oldest.fetch_max(height, Ordering::Relaxed);
    }

    /// The headers before the block that follows the snapshot with which this process began; `None`
    /// if it began with the genesis.
    pub(crate) fn past(&self) -> Option<&Peaks> {
        self.past.get()
    }

    /// Notes with which snapshot this process begins.
    pub(crate) fn begin_after(&self, base: &Header, state: &State) {
        let past = state.past().cloned();
        let mut past = past.expect("a state tells of the headers before it");
        past.append(base.digest());
        assert!(self.past.set(past).is_ok(), "a shard begins once");
    }

    /// The vote keys of those who say that they keep a block.
    pub(crate) fn holders(&self, height: u64) -> Vec<AccountKey> {
        let holders = self.peers.lock().holders(height);
        let keys = holders.iter();
        let keys = keys.filter_map(|peer| <[u8; 32]>::try_from(peer.as_ref()).ok());
        keys.map(AccountKey::from_bytes).collect()
    }

    /// Asks another member for a part of a snapshot.
    pub(crate) fn ask(&self, ask: Ask) {
        // If there is no room, the answer does not come and somebody else is asked.
        let _ = self.asks.try_send(ask);
    }

    /// The height of the newest snapshot on disk; 0 if there is none.
    pub(crate) fn snapshot(&self) -> u64 {
        self.snapshot.load(Ordering::Relaxed)
    }

    /// Notes that there is a snapshot at this height on disk.
    pub(crate) fn saw_snapshot(&self, height: u64) {
        self.snapshot.fetch_max(height, Ordering::Relaxed);
    }

    /// Whether receipts wait here that begin where the shard's final state wants them to.
    pub(crate) fn has_next(&self, source: ShardId) -> bool {
        let expected = self.tip_node().state.received(source);
        self.inbox.lock().has(source, expected)
    }

    /// Whether stored blocks have been executed.
    pub(crate) fn recovered(&self) -> &watch::Sender<bool> {
        &self.recovered
    }

    /// Where blocks are stored, once that is running.
    pub(crate) fn marshal(&self) -> Option<&Marshal> {
        self.marshal.get()
    }

    /// Says where blocks are stored.
    pub(crate) fn set_marshal(&self, marshal: Marshal) {
        assert!(self.marshal.set(marshal).is_ok(), "a shard is kept once");
    }

    /// Who writes and hands out snapshots, once that is running.
    pub(crate) fn keeper(&self) -> Option<&mpsc::Sender<Order>> {
        self.keeper.get()
    }

    /// Says who writes and hands out snapshots.
    pub(crate) fn set_keeper(&self, keeper: mpsc::Sender<Order>) {
        assert!(self.keeper.set(keeper).is_ok(), "a shard is kept once");
    }

    /// The digest of the block before all others.
    pub(crate) fn genesis_payload(&self) -> Payload {
        self.genesis_payload
    }

    /// The most bytes of a block.
    pub(crate) fn block_length_max(&self) -> usize {
        usize::try_from(self.genesis.limits.block_bytes_max).unwrap_or(usize::MAX)
    }

    /// The newest final block for a handle.
    pub(crate) fn tip(&self) -> Tip {
        let node = self.tip_node();
        Tip {
            header: Arc::new(node.header.clone()),
            state: node.state.clone(),
        }
    }

    /// A final block with what follows from it, if it is still stored.
    pub(crate) async fn block(&self, height: u64) -> Option<Arc<FinalizedBlock>> {
        let (answer, answered) = oneshot::channel();
        self.queries.send(Query { height, answer }).ok()?;
        answered.await.ok().flatten()
    }

    /// How the shard is doing.
    pub(crate) fn status(&self) -> ShardStatus {
        let (session, standings) = (self.session(), self.standings());
        let tip = self.tip_node();
        ShardStatus {
            height: tip.header.height,
            epoch: session.epoch(),
            view: session.view(),
            peers: standings.len(),
            peer_height: height(&standings, 0),
            mempool_len: self.mempool.lock().len(),
            voting: session.is_voting() && self.rules_missing(&tip).is_none(),
            catching_up: !*self.recovered.borrow() || self.is_behind(),
            rules: self.rules_standing(&tip),
            archives: self.archives(),
        }
    }
}

/// By its id, every shard that this process keeps.
pub(crate) type Shards = BTreeMap<ShardId, Arc<Shard>>;

/// Checked transactions that are remembered: some full blocks of them.
const RECENT_MAX: usize = 32_768;

/// Transactions from clients that wait to be told to other members.
const OUTGOING_MAX: usize = 8_192;

/// Questions for parts of snapshots that wait to be sent.
const ASKS_MAX: usize = 256;
