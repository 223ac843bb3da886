//! Two shards of four operators, with as many blocks as a test wants.

use std::{collections::BTreeMap, time::Duration};

use wayside::{
    crypto::{Digest, SigningKey},
    id::ShardId,
    ledger::{
        Block, Certificate, Checkpoint, Committee, FinalizedHeader, Genesis, GenesisContent,
        Handover, Header, HistoryLog, Key, Limits, List, Operator, Peaks, Proposal, Role,
        RoleGrant, ShardEntry, State, Trunk, Value, Vote,
    },
    time::Timestamp,
};

/// The shard where the vehicle is at home.
pub(crate) const HOME: ShardId = ShardId(1);

/// What the ledger was and is.
#[derive(Clone)]
pub(crate) struct Past {
    pub(crate) genesis: Genesis,
    /// Whose votes count, by epoch.
    votes: Vec<Vec<SigningSeed>>,
    handovers: Vec<Handover>,
    shards: BTreeMap<ShardId, Shard>,
}

/// Keys cannot be cloned.
#[derive(Clone, Copy)]
struct SigningSeed([u8; 32]);

#[derive(Clone)]
struct Shard {
    headers: Vec<Header>,
    log: HistoryLog,
    peaks: Peaks,
}

impl Past {
    /// Of the operators whose keys begin at a seed.
    pub(crate) fn of(first_seed: u8) -> Self {
        let key = |seed: u8| SigningKey::from_seed(&[seed; 32]);
        let votes = committee(first_seed);
        let operators = votes
            .iter()
            .zip(0..)
            .map(|(vote, index): (_, u8)| Operator {
                name: format!("operator {index}"),
                cold_key: key(first_seed + 10 + index).verifying_key().into(),
                vote_key: vote.key().verifying_key().into(),
                addresses: [ShardId(0), HOME]
                    .map(|shard| (shard, format!("127.0.0.1:400{index}")))
                    .into(),
            });
        let mut content = GenesisContent {
            version: GenesisContent::VERSION,
            name: "test".to_owned(),
            development: false,
            created: created(),
            snapshot_interval: 1_000,
            buckets: [ShardId(0); 256],
            shards: [ShardId(0), HOME]
                .map(|id| ShardEntry { id, weight: 1 })
                .to_vec(),
            operators: operators.collect(),
            roles: vec![RoleGrant {
                key: key(first_seed + 20).verifying_key().into(),
                role: Role::Maker,
                name: "maker".to_owned(),
            }],
            limits: Limits::default(),
        };
        content.sort();
        let genesis = Genesis::new(content).unwrap();
        let shard = |id| {
            let block = Block::genesis(&genesis, id, Digest::from_bytes([0; 32]));
            Shard {
                headers: vec![block.header],
                log: HistoryLog::default(),
                peaks: Peaks::default(),
            }
        };
        let shards = [ShardId(0), HOME].map(|id| (id, shard(id))).into();
        Self {
            genesis,
            votes: vec![votes],
            handovers: Vec::new(),
            shards,
        }
    }

    /// Everybody who votes gets another key, which begin at a seed: one more block in each shard, by
    /// those who voted before, and shard 0's state names the others.
    pub(crate) fn change(&mut self, after: Duration, first_seed: u8) {
        self.grow(after, 0);
        let votes = committee(first_seed);
        let epoch = u64::try_from(self.votes.len()).unwrap();
        let keys = votes.iter().map(|seed| seed.key().verifying_key().into());
        let committee = Value::Committee(Committee::new(epoch, keys));
        let named = BTreeMap::from([(Key::Committee(epoch), Some(committee))]);
        let state = State::new().apply(named);
        let governance = self.shards.get_mut(&ShardId(0)).unwrap();
        let last = governance.headers.last_mut().unwrap();
        last.state_root = state.root();
        let last = last.clone();
        let last = self.finalize(last);
        self.handovers.push(Handover::of(last, &state).unwrap());
        self.votes.push(votes);
        self.grow(after, 0);
    }

    /// Another block in each shard, `after` the last one; what it says differs by `word`.
    pub(crate) fn grow(&mut self, after: Duration, word: u8) {
        let epoch = u64::try_from(self.votes.len()).unwrap() - 1;
        for shard in self.shards.values_mut() {
            let parent = shard.headers.last().unwrap();
            let digest = parent.digest();
            shard.log.append(digest);
            shard.peaks.append(digest);
            let mut header = parent.clone();
            header.height += 1;
            header.epoch = epoch;
            header.parent = digest;
            header.time = header.time.saturating_add(after);
            header.history_root = shard.peaks.root(List::History);
            header.state_root = Digest::from_bytes([word; 32]);
            shard.headers.push(header);
        }
    }

    /// One more block in each shard, `after` the last one, of which one says what its state holds; that
    /// state, and the block's header.
    pub(crate) fn hold(
        &mut self,
        after: Duration,
        shard: ShardId,
        values: BTreeMap<Key, Option<Value>>,
    ) -> (State, FinalizedHeader) {
        self.grow(after, 0);
        let state = State::new().apply(values);
        let header = self.shards.get_mut(&shard).unwrap().headers.last_mut();
        let header = header.unwrap();
        header.state_root = state.root();
        let header = header.clone();
        (state, self.finalize(header))
    }

    /// The newest blocks, with the way to earlier ones of both shards.
    pub(crate) fn checkpoint(&self, earlier: &[u64]) -> Checkpoint {
        let newest = |shard: &Shard| shard.headers.len() - 1;
        let trunks = self
            .shards
            .values()
            .map(|shard| self.trunk(shard, newest(shard), earlier));
        Checkpoint {
            chain: self.genesis.chain(),
            handovers: self.handovers.clone(),
            shards: trunks.collect(),
        }
    }

    pub(crate) fn bytes(&self, earlier: &[u64]) -> Vec<u8> {
        self.checkpoint(earlier).to_bytes()
    }

    pub(crate) fn height(&self) -> u64 {
        self.shards[&HOME].headers.last().unwrap().height
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shards[&HOME].headers.last().unwrap().time
    }

    fn trunk(&self, shard: &Shard, newest: usize, earlier: &[u64]) -> Trunk {
        let earlier = earlier
            .iter()
            .map(|height| shard.headers[usize::try_from(*height).unwrap()].clone());
        let newest = self.finalize(shard.headers[newest].clone());
        Trunk::new(newest, earlier, &shard.log).unwrap()
    }

    /// Three of the four vote for it.
    fn finalize(&self, header: Header) -> FinalizedHeader {
        let proposal = Proposal {
            epoch: header.epoch,
            view: 9,
            parent_view: 8,
            payload: header.digest(),
        };
        let bytes = Vote::Finalize(proposal).to_signed_bytes(self.genesis.chain(), header.shard);
        let epoch = usize::try_from(header.epoch).unwrap();
        let voters = self.votes[epoch].iter().take(3);
        FinalizedHeader {
            certificate: Certificate {
                epoch: proposal.epoch,
                view: proposal.view,
                parent_view: proposal.parent_view,
                payload: proposal.payload,
                signers: vec![0, 1, 2],
                signatures: voters.map(|voter| voter.key().sign_raw(&bytes)).collect(),
            },
            header,
            link: Vec::new(),
        }
    }
}

impl SigningSeed {
    fn key(&self) -> SigningKey {
        SigningKey::from_seed(&self.0)
    }
}

/// Keys that begin at a seed, in the order of their votes.
fn committee(first_seed: u8) -> Vec<SigningSeed> {
    let mut votes: Vec<_> = (0..4_u8)
        .map(|index| SigningSeed([first_seed + index; 32]))
        .collect();
    votes.sort_by_key(|seed| *seed.key().verifying_key().as_bytes());
    votes
}

fn created() -> Timestamp {
    Timestamp::from_unix_ms(1_790_000_000_000).unwrap()
}
