//! What members tell each other beside consensus: transactions that wait, and where they are.
//!
//! Every member hands each transaction that it takes from a client to all others at once, so that
//! any member may be asked and whoever leads next can propose it. Nothing is passed on a second
//! time: all members hear each other. Only what a follower tells is passed on, which may not be
//! connected to all. What was lost on the way is told again by whoever took it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use commonware_consensus::types::Height;
use commonware_cryptography::ed25519::PublicKey;
use commonware_macros::select;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::IoBuf;
use commonware_utils::vec::NonEmptyVec;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, trace};
use wayside::ledger::{Handover, SignedTransaction, TransactionId};

use crate::{
    keeper::Order,
    runtime::Runtime,
    shard::{Ask, Part, Shard, Standing, VotesSeen},
    sync::HANDOVERS,
};

/// Tells the other members of one shard.
pub(crate) struct Gossip {
    shard: Arc<Shard>,
    ends: GossipEnds,
    interval: Duration,
    told: BTreeMap<TransactionId, SignedTransaction>,
    /// The height that each member was asked for last.
    asked: BTreeMap<PublicKey, u64>,
}

/// The ends of queues at which gossip works.
pub(crate) struct GossipEnds {
    /// Transactions to tell other members about.
    pub(crate) outgoing: mpsc::Receiver<SignedTransaction>,
    /// Parts of snapshots to ask other members for.
    pub(crate) asks: mpsc::Receiver<Ask>,
    /// Who takes such parts as they come.
    pub(crate) parts: mpsc::Sender<Part>,
    /// Who has parts for other members.
    pub(crate) keeper: mpsc::Sender<Order>,
}

/// Transactions that were heard, to be checked.
struct Batch {
    /// All other members have heard them too; those of a follower have to be passed on.
    is_a_members: bool,
    transactions: Vec<Vec<u8>>,
}

/// What one member tells another.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Told {
    /// Where it is, and which votes it saw.
    Hello(Standing),
    /// Transactions, as bytes.
    Transactions(Vec<Vec<u8>>),
    /// That it wants a part of a snapshot, or a hand-over.
    WantsPart {
        /// The snapshot's height; 0 for the newest, [`HANDOVERS`] for none.
        height: u64,
        /// Which part.
        index: u32,
    },
    /// A part of a snapshot.
    Part {
        /// The snapshot's height; 0 for none, if it has not got what was asked for.
        height: u64,
        /// Which part.
        index: u32,
        /// The part.
        bytes: Vec<u8>,
    },
}

impl Gossip {
    /// The gossip of `shard`, which says hello every `interval`.
    pub(crate) fn new(shard: Arc<Shard>, ends: GossipEnds, interval: Duration) -> Self {
        Self {
            shard,
            ends,
            interval,
            told: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// Talks until the runtime stops.
    pub(crate) async fn run<E: Runtime>(
        mut self,
        runtime: E,
        mut sender: impl Sender<PublicKey = PublicKey>,
        mut receiver: impl Receiver<PublicKey = PublicKey>,
    ) {
        let (heard, intake) = mpsc::channel(INTAKE_MAX);
        let shard = Arc::clone(&self.shard);
        let _intake = runtime
            .child("intake")
            .spawn(move |runtime| take_in(runtime, shard, intake));
        let mut hello_at = runtime.current();
        loop {
            select! {
                signed = self.ends.outgoing.recv() => {
                    let Some(signed) = signed else { return };
                    self.tell(&mut sender, signed);
                },
                ask = self.ends.asks.recv() => {
                    let Some(Ask { peer, height, index }) = ask else { return };
                    let bytes = Told::WantsPart { height, index }.to_bytes();
                    let _ = sender.send(Recipients::One(peer), IoBuf::from(bytes), false);
                },
                message = receiver.recv() => {
                    let Ok((peer, bytes)) = message else { return };
                    match Told::from_bytes(bytes.as_ref()) {
                        None => debug!(?peer, "refused gossip"),
                        Some(Told::WantsPart { height, index }) => {
                            self.hand_out(&runtime, &sender, peer, (height, index));
                        }
                        Some(told) => self.hear(&runtime, peer, told, &heard),
                    }
                },
                _ = self.shard.advanced() => self.catch_up_further(),
                _ = runtime.sleep_until(hello_at) => {
                    hello_at = runtime.current() + self.interval();
                    self.say_hello(&runtime, &mut sender);
                },
            }
        }
    }

    /// How long until the next hello: short while members have not heard of each other.
    fn interval(&self) -> Duration {
        let session = self.shard.session();
        let others = match session.member {
            Some(_) => session.members.len() - 1,
            None => session.company(),
        };
        if self.shard.standings().len() < others {
            self.interval / HELLOS_AT_FIRST
        } else {
            self.interval
        }
    }

    /// Tells of a transaction, and of all others that wait to be told.
    fn tell(&mut self, sender: &mut impl Sender<PublicKey = PublicKey>, first: SignedTransaction) {
        let mut batch = vec![self.remember(first)];
        let mut length = batch.iter().map(Vec::len).sum::<usize>();
        while length < BATCH_LENGTH_MAX
            && let Ok(signed) = self.ends.outgoing.try_recv()
        {
            let bytes = self.remember(signed);
            length += bytes.len();
            batch.push(bytes);
        }
        send(sender, &Told::Transactions(batch));
    }

    fn remember(&mut self, signed: SignedTransaction) -> Vec<u8> {
        let bytes = signed.to_bytes();
        if self.told.len() < TOLD_MAX {
            self.told.insert(TransactionId::of(&bytes), signed);
        }
        bytes
    }

    /// Says where this member is, and tells again of what still waits.
    fn say_hello<E: Runtime>(
        &mut self,
        runtime: &E,
        sender: &mut impl Sender<PublicKey = PublicKey>,
    ) {
        let session = self.shard.session();
        let standing = Standing {
            epoch: session.epoch(),
            view: session.view(),
            height: self.shard.tip_node().header.height,
            oldest: self.shard.oldest(),
            is_archive: self.shard.is_archive(),
            votes: session.votes.lock().clone(),
        };
        send(sender, &Told::Hello(standing));
        self.ask_handover(sender);
        self.shard
            .peers
            .lock()
            .forget(runtime.current(), self.interval * SILENT_INTERVALS);
        self.told.retain(|id, _| self.shard.waits(id));
        let mut batch = Vec::new();
        let mut length = 0;
        for signed in self.told.values() {
            if length >= BATCH_LENGTH_MAX {
                break;
            }
            let bytes = signed.to_bytes();
            length += bytes.len();
            batch.push(bytes);
        }
        if !batch.is_empty() {
            send(sender, &Told::Transactions(batch));
        }
    }

    /// Asks the others how the committee changed, if this unit came late and has not got to show it
    /// itself.
    fn ask_handover(&self, sender: &mut impl Sender<PublicKey = PublicKey>) {
        let newest = self.shard.handovers.newest().epoch();
        if newest < self.shard.tip_node().header.epoch
            && let Ok(index) = u32::try_from(self.shard.handovers.all().len())
        {
            let height = HANDOVERS;
            send(sender, &Told::WantsPart { height, index });
        }
    }

    fn hear<E: Runtime>(
        &mut self,
        runtime: &E,
        peer: PublicKey,
        told: Told,
        intake: &mpsc::Sender<Batch>,
    ) {
        match told {
            Told::WantsPart { .. } => {}
            Told::Part {
                height: HANDOVERS,
                bytes,
                ..
            } if self.shard.marshal().is_some() => {
                // Later than those who begin by it.
                let handover = Handover::from_bytes(&bytes);
                if handover.is_none_or(|it| self.shard.handovers.add(&it).is_err()) {
                    debug!(?peer, "has no hand-over that holds");
                }
            }
            Told::Part {
                height,
                index,
                bytes,
            } => {
                let part = Part {
                    peer,
                    height,
                    index,
                    bytes,
                };
                // Nobody takes parts that nobody asked for.
                let _ = self.ends.parts.try_send(part);
            }
            Told::Transactions(transactions) => {
                let batch = Batch {
                    is_a_members: self.shard.peers.lock().is_member(&peer),
                    transactions,
                };
                if intake.try_send(batch).is_err() {
                    debug!(?peer, "dropped gossip");
                }
            }
            Told::Hello(standing) => {
                let mut peers = self.shard.peers.lock();
                peers.hear(peer.clone(), runtime.current(), standing.clone());
                let is_member = peers.is_member(&peer);
                drop(peers);
                if is_member {
                    self.catch_up(peer, standing.height);
                }
            }
        }
    }

    /// Hands a part of a snapshot to a member that wants it, or says that it is not here.
    fn hand_out<E: Runtime>(
        &self,
        runtime: &E,
        sender: &impl Sender<PublicKey = PublicKey>,
        peer: PublicKey,
        (height, part): (u64, u32),
    ) {
        let Ok(index) = usize::try_from(part) else {
            return;
        };
        let (answer, answered) = oneshot::channel();
        if height == HANDOVERS {
            let handovers = self.shard.handovers.all();
            let handover = handovers.get(index).map(|it| (HANDOVERS, it.to_bytes()));
            // The receiver is kept below.
            let _ = answer.send(handover);
        } else {
            self.order(&peer, (height, index), answer);
        }
        let mut sender = sender.clone();
        runtime.child("hand_out").spawn(move |_| async move {
            let Ok(found) = answered.await else {
                return;
            };
            let found = found.filter(|(_, bytes)| bytes.len() <= PART_LENGTH_MAX);
            let (height, bytes) = found.unwrap_or_default();
            let told = Told::Part {
                height,
                index: part,
                bytes,
            };
            let _ = sender.send(Recipients::One(peer), IoBuf::from(told.to_bytes()), false);
        });
    }

    fn order(
        &self,
        peer: &PublicKey,
        (height, index): (u64, usize),
        answer: oneshot::Sender<Option<(u64, Vec<u8>)>>,
    ) {
        let order = Order::Part {
            height,
            index,
            answer,
        };
        if self.ends.keeper.try_send(order).is_err() {
            debug!(?peer, "has no time to hand out a snapshot");
        }
    }

    /// Asks a member for blocks that are missing here, up to the last one of which it is known whose
    /// votes count; for some at a time, since it may not have what it says.
    ///
    /// Without this, a member that comes back while nothing happens would wait for the next block,
    /// and one that missed the end of an epoch would wait for ever: nobody tells of that epoch's
    /// votes any more.
    fn catch_up(&mut self, peer: PublicKey, height: u64) {
        let tip = self.shard.tip_node().header.height;
        let through = height.min(self.shard.known_through());
        let asked = self.asked.get(&peer).copied().unwrap_or(0);
        if through > tip.max(asked)
            && asked <= tip + ASKED_AHEAD
            && let Some(marshal) = self.shard.marshal()
        {
            let first = (tip.max(asked) + 1).max(through.saturating_sub(ASKED_MAX) + 1);
            trace!(shard = %self.shard.id, first, through, "asked for blocks");
            self.asked.insert(peer.clone(), through);
            for height in first..=through {
                marshal.hint_finalized(Height::new(height), NonEmptyVec::new(peer.clone()));
            }
        }
    }

    /// Goes on asking once some of what was asked for is there.
    fn catch_up_further(&mut self) {
        let tip = self.shard.tip_node().header.height;
        let above = self.shard.peers.lock().above(tip);
        for (peer, height) in above {
            self.catch_up(peer, height);
        }
    }
}

/// Checks what was heard, a batch at a time, away from the threads on which votes are counted.
async fn take_in<E: Runtime>(runtime: E, shard: Arc<Shard>, mut batches: mpsc::Receiver<Batch>) {
    while let Some(batch) = batches.recv().await {
        let shard = Arc::clone(&shard);
        let length_max = shard.genesis.limits.transaction_length_max();
        let task = runtime.child("check").shared(true);
        let checked = task.spawn(move |_| async move {
            for bytes in batch.transactions {
                if batch.is_a_members {
                    shard.hear(&bytes);
                    continue;
                }
                let Ok(signed) = SignedTransaction::from_bytes(&bytes, length_max) else {
                    continue;
                };
                if let Err(refusal) = shard.submit(signed) {
                    trace!(shard = %shard.id, %refusal, "a follower's transaction may not wait");
                }
            }
        });
        if checked.await.is_err() {
            return;
        }
    }
}

fn send(sender: &mut impl Sender<PublicKey = PublicKey>, told: &Told) {
    let bytes = told.to_bytes();
    let _ = sender.send(Recipients::All, IoBuf::from(bytes), false);
}

impl Told {
    /// As it goes over the wire.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Hello(standing) => {
                bytes.push(HELLO);
                bytes.push(standing.is_archive.into());
                let Standing {
                    epoch,
                    view,
                    height,
                    oldest,
                    is_archive: _,
                    votes,
                } = standing;
                let numbers = [epoch, view, height, oldest, &votes.since];
                for number in numbers.into_iter().chain(&votes.newest) {
                    bytes.extend_from_slice(&number.to_le_bytes());
                }
            }
            Self::WantsPart { height, index } => {
                bytes.push(WANTS_PART);
                bytes.extend_from_slice(&height.to_le_bytes());
                bytes.extend_from_slice(&index.to_le_bytes());
            }
            Self::Part {
                height,
                index,
                bytes: part,
            } => {
                bytes.push(PART);
                bytes.extend_from_slice(&height.to_le_bytes());
                bytes.extend_from_slice(&index.to_le_bytes());
                bytes.extend_from_slice(part);
            }
            Self::Transactions(batch) => {
                bytes.push(TRANSACTIONS);
                for transaction in batch {
                    let length = u32::try_from(transaction.len());
                    let length = length.expect("a transaction is bounded by a u32");
                    bytes.extend_from_slice(&length.to_le_bytes());
                    bytes.extend_from_slice(transaction);
                }
            }
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] writes; `None` if it is anything else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        match *kind {
            HELLO => {
                let (is_archive, numbers) = rest.split_first()?;
                let (numbers, []) = numbers.as_chunks::<8>() else {
                    return None;
                };
                let mut numbers = numbers.iter().map(|it| u64::from_le_bytes(*it));
                let standing = Standing {
                    epoch: numbers.next()?,
                    view: numbers.next()?,
                    height: numbers.next()?,
                    oldest: numbers.next()?,
                    is_archive: match is_archive {
                        0 => false,
                        1 => true,
                        _ => return None,
                    },
                    votes: VotesSeen {
                        since: numbers.next()?,
                        newest: numbers.collect(),
                    },
                };
                let is_bounded = standing.votes.newest.len() <= COMMITTEE_MAX;
                is_bounded.then_some(Self::Hello(standing))
            }
            WANTS_PART => {
                let (height, index) = rest.split_first_chunk::<8>()?;
                Some(Self::WantsPart {
                    height: u64::from_le_bytes(*height),
                    index: u32::from_le_bytes(index.try_into().ok()?),
                })
            }
            PART => {
                let (height, after) = rest.split_first_chunk::<8>()?;
                let (index, part) = after.split_first_chunk::<4>()?;
                Some(Self::Part {
                    height: u64::from_le_bytes(*height),
                    index: u32::from_le_bytes(*index),
                    bytes: part.to_vec(),
                })
            }
            TRANSACTIONS => {
                let mut batch = Vec::new();
                while let Some((length, after)) = rest.split_first_chunk::<4>() {
                    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
                    let (transaction, after) = after.split_at_checked(length)?;
                    batch.push(transaction.to_vec());
                    rest = after;
                }
                rest.is_empty().then_some(Self::Transactions(batch))
            }
            _ => None,
        }
    }
}

/// The most bytes of gossip in one message, for transactions of at most `transaction` bytes.
pub(crate) fn message_length_max(transaction: usize) -> usize {
    // A batch is closed by the transaction that exceeds its bound, and each has its length before
    // it.
    let batch = 2 * BATCH_LENGTH_MAX + transaction + size_of::<u32>();
    1 + batch.max(PART_LENGTH_MAX + size_of::<(u64, u32)>())
}

const HELLO: u8 = 0;
const TRANSACTIONS: u8 = 1;
const WANTS_PART: u8 = 2;
const PART: u8 = 3;

/// Some hundred transactions in a message.
const BATCH_LENGTH_MAX: usize = 128 * 1024;

/// The most bytes of a part of a snapshot that is handed out. A chunk's 256 entries are far smaller;
/// a manifest reaches it at 33 million entries, which are a million vehicles with 30 parts each.
const PART_LENGTH_MAX: usize = 4 << 20;

/// Batches that wait to be checked; further ones are dropped, and told again later.
const INTAKE_MAX: usize = 64;

/// Transactions that are told again while they wait; further ones wait for this member's turn.
const TOLD_MAX: usize = 8_192;

/// Hellos in an interval until all members are there.
const HELLOS_AT_FIRST: u32 = 5;

/// The members of the largest committee.
const COMMITTEE_MAX: usize = 64;

/// Blocks that a member is asked for at once; those below them come by themselves.
const ASKED_MAX: u64 = 16;

/// So many of the blocks that were asked for may still be missing when further ones are.
const ASKED_AHEAD: u64 = 8;

/// A member that has not said hello for so many intervals counts as gone.
const SILENT_INTERVALS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gossip_survives_the_wire() {
        for told in [
            Told::Hello(Standing {
                epoch: 1,
                view: 7,
                height: 3,
                oldest: 2,
                is_archive: true,
                votes: VotesSeen {
                    since: 5,
                    newest: vec![7, 0, 6],
                },
            }),
            Told::Transactions(vec![vec![1, 2, 3], vec![], vec![4]]),
            Told::WantsPart {
                height: 16,
                index: 4,
            },
            Told::Part {
                height: 16,
                index: 4,
                bytes: vec![5],
            },
        ] {
            assert_eq!(Told::from_bytes(&told.to_bytes()), Some(told));
        }
    }

    #[test]
    fn broken_gossip_is_refused() {
        assert_eq!(Told::from_bytes(&[]), None);
        assert_eq!(Told::from_bytes(&[4]), None);
        assert_eq!(Told::from_bytes(&[WANTS_PART, 1]), None);
        assert_eq!(Told::from_bytes(&[PART, 1]), None);
        assert_eq!(Told::from_bytes(&[HELLO, 0]), None);
        assert_eq!(Told::from_bytes(&[TRANSACTIONS, 1]), None);
        assert_eq!(Told::from_bytes(&[TRANSACTIONS, 9, 0, 0, 0, 1]), None);
    }
}
