use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use thiserror::Error;
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{AccountKey, Genesis, MempoolConfig},
};

/// What a member of the committee, or a follower, needs to run.
pub struct Config {
    /// The ledger, its committee and where its members are reached.
    pub genesis: Arc<Genesis>,
    /// The shards that this process keeps, each once. An operator keeps every shard in exactly one
    /// process; those of one process share one address.
    pub shards: Vec<ShardId>,
    /// What this process is to the committee.
    pub seat: Seat,
    /// The folder under which everything is stored; made if missing. Each ledger and key has a folder
    /// of its own in it, which no second process may use.
    pub storage: PathBuf,
    /// Where a member listens for others. One that nobody else needs listens nowhere.
    pub listen: SocketAddr,
    /// How long to wait for others.
    pub timing: Timing,
    /// How many heights' blocks are kept below the newest snapshot; `None` keeps all of them, as an
    /// archive does.
    pub retention: Option<u64>,
    /// How many transactions of each shard may wait.
    pub mempool: MempoolConfig,
    /// What blocks are checked for.
    pub application: Application,
}

/// What a process is to the committee.
pub enum Seat {
    /// A member, in every epoch whose committee has its key; in others it follows.
    Member {
        /// Signs its votes, and names it to the other members.
        vote_key: SigningKey,
        /// The keys of the followers that it serves, at most [`FOLLOWERS_MAX`].
        followers: Vec<AccountKey>,
    },
    /// Follows what members make final, and has no vote.
    ///
    /// It checks and executes every block as a member does, so it can answer for all that it says. It
    /// reaches those members that serve it; the others refuse it, and lose nothing by that.
    Follower {
        /// Names it to the members that serve it.
        key: SigningKey,
    },
}

/// The most followers that one member serves; each costs it a copy of every block and vote.
pub const FOLLOWERS_MAX: usize = 64;

/// What blocks are checked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Application {
    /// The ledger: signatures, rules, state and every root.
    #[default]
    Ledger,
    /// Only the signature of every transaction. The same engine and bytes without rules and state,
    /// as a floor to measure the ledger against; what it makes final proves nothing.
    Bare,
}

/// How long a member waits for others before it goes on without them.
///
/// A member that is gone costs `leader_timeout` whenever it is its turn to lead, until it has been
/// silent for `skip_timeout`; from then on its turns cost nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timing {
    /// How long the leader of a view has to propose a block.
    pub leader_timeout: Duration,
    /// How long a view may take in all; above `leader_timeout`.
    pub certification_timeout: Duration,
    /// After how long without a vote a member's turns to lead are skipped; above
    /// `certification_timeout`.
    pub skip_timeout: Duration,
    /// After how long a vote to skip a view is said again.
    pub retry: Duration,
    /// How long a leader waits for something to propose before it gives its turn away; below
    /// `leader_timeout`, by more than members' clocks and messages may be apart.
    pub idle_wait: Duration,
    /// How long to wait for an answer from another member.
    pub fetch_timeout: Duration,
    /// How often members tell each other where they are.
    pub hello_interval: Duration,
}

impl Default for Timing {
    /// Safe between data centres of one continent, and on a loaded machine.
    fn default() -> Self {
        Self {
            leader_timeout: Duration::from_millis(400),
            certification_timeout: Duration::from_millis(1_200),
            skip_timeout: Duration::from_millis(1_500),
            retry: Duration::from_millis(400),
            idle_wait: Duration::from_millis(280),
            fetch_timeout: Duration::from_millis(1_000),
            hello_interval: Duration::from_millis(1_000),
        }
    }
}

/// Why a member does not run.
#[derive(Debug, Error)]
pub enum StartError {
    /// A follower's key is an operator's vote key, or cannot be signed with.
    #[error("{0} cannot be the key of a follower")]
    Follower(AccountKey),
    /// More followers than a member serves.
    #[error("{0} followers, of at most {FOLLOWERS_MAX}")]
    Followers(usize),
    /// No shard to keep, one of them twice, or one that the ledger does not have.
    #[error("shard {0} is not one of the ledger's, or named twice")]
    Shard(ShardId),
    /// No shard to keep.
    #[error("no shard to keep")]
    NoShard,
    /// Several shards of one process must have the same address for each operator.
    #[error("the shards of one process need one address for {0}")]
    Addresses(String),
    /// An operator's address is no address.
    #[error("address {address:?} of {operator} is not host:port")]
    Address {
        /// Whose.
        operator: String,
        /// What the genesis has for it.
        address: String,
    },
    /// The timing contradicts itself.
    #[error("{0}")]
    Timing(&'static str),
    /// Another process uses the folder. Two with one vote key could contradict each other.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// The folder cannot be used.
    #[error("cannot use {path}: {source}")]
    Storage {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// There is no thread to run on.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl Seat {
    /// The key that names this process to others.
    pub(crate) fn key(&self) -> &SigningKey {
        match self {
            Self::Member { vote_key: key, .. } | Self::Follower { key } => key,
        }
    }

    /// The key to vote with in every epoch whose committee has it; `None` for a follower.
    pub(crate) fn vote_key(&self, genesis: &Genesis) -> Result<Option<AccountKey>, StartError> {
        let key = AccountKey::from(self.key().verifying_key());
        match self {
            Self::Member { .. } => Ok(Some(key)),
            Self::Follower { .. } if genesis.committee().index(&key).is_some() => {
                Err(StartError::Follower(key))
            }
            Self::Follower { .. } => Ok(None),
        }
    }

    /// The followers that it serves.
    pub(crate) fn followers(&self) -> &[AccountKey] {
        match self {
            Self::Member { followers, .. } => followers,
            Self::Follower { .. } => &[],
        }
    }
}

impl Timing {
    pub(crate) fn check(&self) -> Result<(), StartError> {
        let ordered = [
            (self.idle_wait, self.leader_timeout),
            (self.leader_timeout, self.certification_timeout),
            (self.certification_timeout, self.skip_timeout),
            (self.retry, self.skip_timeout),
        ];
        let all = [
            self.idle_wait,
            self.retry,
            self.fetch_timeout,
            self.hello_interval,
        ];
        if all.iter().any(Duration::is_zero) {
            return Err(StartError::Timing("a time to wait is zero"));
        }
        if ordered.iter().any(|(less, more)| less >= more) {
            return Err(StartError::Timing(
                "idle wait < leader timeout < certification timeout < skip timeout > retry",
            ));
        }
        Ok(())
    }
}
