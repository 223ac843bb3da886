use std::{collections::BTreeMap, time::Duration};

use wayside::{
    crypto::{Digest, SigningKey},
    id::ShardId,
    ledger::{
        Account, AccountKey, Block, Certificate, Committees, Entry, EntryProof, FinalizedHeader,
        Genesis, GenesisContent, Header, Key, Limits, NonceWindow, Operator, Proof, ProofError,
        Proposal, Role, RoleGrant, Rule, ShardEntry, SignedTransaction, State, StateEntryProof,
        Transaction, TransactionError, Value, Vote,
    },
    time::Timestamp,
};

use super::road::submission;
use crate::outbox::{Proven, ProvenError, Standing, proven::STANDING_AGE_MAX};

#[test]
fn a_proof_says_what_became_of_the_transaction() {
    let town = Town::new();
    let committees = Committees::of(&town.genesis);
    for rule in [None, Some(Rule::OdometerDecreased)] {
        let code = rule.map_or(0, Rule::code);
        let (signed, proof) = town.prove_entry(0, code);
        let proven = Proven::verify(&proof, &committees, signed.id()).unwrap();
        assert_eq!(proven.transaction(), signed.id());
        let verdict = proven.into_verdict();
        assert_eq!(verdict.rule().as_deref(), rule.map(Rule::name));
        assert_eq!((verdict.place.shard, verdict.place.height), (HOME, 7));
        assert_eq!(verdict.proof, proof);
    }
}

#[test]
fn a_proof_of_another_transaction_or_another_thing_is_refused() {
    let town = Town::new();
    let committees = Committees::of(&town.genesis);
    let (_, proof) = town.prove_entry(0, 0);
    let (other, _) = town.prove_entry(1, 0);
    assert!(matches!(
        Proven::verify(&proof, &committees, other.id()),
        Err(ProvenError::Other)
    ));
    let state = town.prove_state(None, created());
    assert!(matches!(
        Proven::verify(&state, &committees, other.id()),
        Err(ProvenError::Other)
    ));
}

#[test]
fn a_proof_with_any_changed_byte_is_refused() {
    let town = Town::new();
    let committees = Committees::of(&town.genesis);
    let (signed, proof) = town.prove_entry(0, 0);
    for at in 0..proof.len() {
        let mut changed = proof.clone();
        changed[at] ^= 0x10;
        let refused = Proven::verify(&changed, &committees, signed.id());
        assert!(refused.is_err(), "byte {at}");
    }
}

/// A quorum that votes in every shard could certify the vehicle's transaction in the wrong one.
#[test]
fn l2_a_proof_of_another_shard_is_refused_whoever_certified_it() {
    let town = Town::new();
    let committees = Committees::of(&town.genesis);
    let (signed, proof) = town.prove_entry(0, 0);
    let Ok(Proof::Entry(mut entry)) = Proof::from_bytes(&proof) else {
        panic!("it is of an entry");
    };
    let mut header = entry.finalized.header.clone();
    header.shard = ShardId(0);
    entry.finalized = town.finalize(header);
    let elsewhere = Proof::Entry(entry).to_bytes();
    assert!(matches!(
        Proven::verify(&elsewhere, &committees, signed.id()),
        Err(ProvenError::Proof(ProofError::Transaction(
            TransactionError::ForeignShard(_)
        )))
    ));
}

#[test]
fn a_proof_of_another_ledger_is_refused() {
    let town = Town::new();
    let stranger = Town::with(50);
    let (signed, proof) = stranger.prove_entry(0, 0);
    let committees = Committees::of(&town.genesis);
    assert!(matches!(
        Proven::verify(&proof, &committees, signed.id()),
        Err(ProvenError::Proof(_))
    ));
}

#[test]
fn an_account_that_nobody_heard_of_begins_with_nonce_zero() {
    let town = Town::new();
    let proof = town.prove_state(None, created());
    let standing = town.standing(&proof, created()).unwrap();
    assert_eq!(standing.nonces(), NonceWindow::default());
}

#[test]
fn a_known_account_goes_on_where_it_is() {
    let town = Town::new();
    let mut nonces = NonceWindow::default();
    assert!(nonces.take(0) && nonces.take(1) && nonces.take(3));
    let proof = town.prove_state(Some(nonces), created());
    let standing = town.standing(&proof, created()).unwrap();
    assert_eq!(standing.nonces().next(), 2);
    assert!(standing.nonces().is_used(3));
}

#[test]
fn an_old_standing_or_another_accounts_is_refused() {
    let town = Town::new();
    let proof = town.prove_state(None, created());
    let late = created().saturating_add(STANDING_AGE_MAX + Duration::from_millis(1));
    assert!(matches!(
        town.standing(&proof, late),
        Err(ProvenError::Stale(_))
    ));
    let committees = Committees::of(&town.genesis);
    let other: AccountKey = SigningKey::from_seed(&[99; 32]).verifying_key().into();
    for of in [(other, HOME), (account(), ShardId(0))] {
        assert!(matches!(
            Standing::verify(&proof, &committees, of, created()),
            Err(ProvenError::Other)
        ));
    }
}

/// A ledger of four operators.
struct Town {
    genesis: Genesis,
    votes: Vec<SigningKey>,
}

impl Town {
    fn new() -> Self {
        Self::with(10)
    }

    fn with(first_seed: u8) -> Self {
        let key = |seed| SigningKey::from_seed(&[seed; 32]);
        let mut votes: Vec<SigningKey> = (0..4).map(|index| key(first_seed + index)).collect();
        votes.sort_by_key(|key| *key.verifying_key().as_bytes());
        let operators = votes
            .iter()
            .zip(0..)
            .map(|(vote, index): (_, u8)| Operator {
                name: format!("operator {index}"),
                cold_key: key(first_seed + 10 + index).verifying_key().into(),
                vote_key: vote.verifying_key().into(),
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
        Self {
            genesis: Genesis::new(content).unwrap(),
            votes,
        }
    }

    /// A vehicle's transaction in a block of three, and the proof of its outcome.
    fn prove_entry(&self, nonce: u64, outcome: u16) -> (SignedTransaction, Vec<u8>) {
        let sign = |nonce, km| {
            let transaction = Transaction {
                version: Transaction::VERSION,
                chain: self.genesis.chain(),
                shard: HOME,
                sender: account(),
                nonce,
                expires: None,
                approvers: Vec::new(),
                action: submission(km).action,
            };
            transaction.sign(&vehicle())
        };
        let signed = sign(nonce, 100);
        let mut block = self.block(Digest::from_bytes([1; 32]), created());
        block.entries = [sign(10, 1), signed.clone(), sign(11, 2)]
            .map(Entry::Transaction)
            .to_vec();
        block.outcomes = vec![0, outcome, 0];
        block.header.entries = 3;
        block.header.tx_root = Block::tx_root(&block.entries, &block.outcomes);
        let proof = Proof::Entry(Box::new(EntryProof {
            finalized: self.finalize(block.header.clone()),
            entry: block.entries[1].clone(),
            outcome,
            path: block.entry_path(1).unwrap(),
        }));
        (signed, proof.to_bytes())
    }

    /// What the state says of the vehicle's account after a block at that time.
    fn prove_state(&self, nonces: Option<NonceWindow>, time: Timestamp) -> Vec<u8> {
        let key = Key::Account(account());
        let value = nonces.map(|nonces| {
            Value::Account(Account {
                nonces,
                ..Account::default()
            })
        });
        let state = State::genesis(&self.genesis, HOME);
        let state = state.apply(BTreeMap::from([(key.clone(), value.clone())]));
        let block = self.block(state.root(), time);
        let proof = Proof::State(Box::new(StateEntryProof {
            finalized: self.finalize(block.header),
            proof: state.prove(&key),
            key,
            value,
        }));
        proof.to_bytes()
    }

    fn standing(&self, proof: &[u8], now: Timestamp) -> Result<Standing, ProvenError> {
        let committees = Committees::of(&self.genesis);
        Standing::verify(proof, &committees, (account(), HOME), now)
    }

    fn block(&self, state_root: Digest, time: Timestamp) -> Block {
        let mut block = Block::genesis(&self.genesis, HOME, state_root);
        block.header.height = 7;
        block.header.time = time;
        block
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
        let voters = self.votes.iter().take(3);
        FinalizedHeader {
            certificate: Certificate {
                epoch: proposal.epoch,
                view: proposal.view,
                parent_view: proposal.parent_view,
                payload: proposal.payload,
                signers: vec![0, 1, 2],
                signatures: voters.map(|voter| voter.sign_raw(&bytes)).collect(),
            },
            header,
            link: Vec::new(),
        }
    }
}

fn vehicle() -> SigningKey {
    SigningKey::from_seed(&[5; 32])
}

fn account() -> AccountKey {
    vehicle().verifying_key().into()
}

fn created() -> Timestamp {
    Timestamp::from_unix_ms(1_790_000_000_000).unwrap()
}

const HOME: ShardId = ShardId(1);
