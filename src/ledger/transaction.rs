use std::{collections::BTreeSet, fmt, sync::Arc};

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{AccountKey, Action, ActionError, Genesis, KeyCache, encoding::encode};
use crate::{
    crypto::{Context, Digest, KeyError, Purpose, Signature, SigningKey},
    id::{ChainId, ShardId},
    time::Timestamp,
};

/// What a sender wants to happen on one shard of one ledger.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Transaction {
    /// The version of this layout, [`Self::VERSION`].
    pub version: u8,
    /// The ledger that it is for.
    pub chain: ChainId,
    /// The shard that it is for.
    pub shard: ShardId,
    /// Who sends it, and signs first.
    pub sender: AccountKey,
    /// Used once by each sender on each shard; [`execute`](super) says which may be used next.
    pub nonce: u64,
    /// The last moment at which a block may hold it, or `None` if it may wait for ever.
    pub expires: Option<Timestamp>,
    /// Whoever must agree besides the sender, sorted, each once; mostly nobody.
    ///
    /// They are part of what is signed, so that nobody can send a copy with fewer signatures, have it
    /// refused, and use up the nonce.
    pub approvers: Vec<AccountKey>,
    /// What shall happen.
    pub action: Action,
}

/// A transaction with its sender's signature, and those of whoever else must agree.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct SignedTransaction {
    /// What all of them sign.
    pub transaction: Transaction,
    /// The sender's.
    pub signature: Signature,
    /// Those of [`Transaction::approvers`], in the same order.
    pub approvals: Vec<Approval>,
}

/// Agreement of somebody else than the sender: a buyer, a second role, an operator of a quorum.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    /// Who agrees.
    pub key: AccountKey,
    /// Over the same bytes that the sender signs.
    pub signature: Signature,
}

/// A signed transaction, named by the digest of all its bytes, signatures too.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TransactionId(Digest);

/// A signed transaction that is for this ledger and shard, and whose signatures all hold.
///
/// Whether its sender may do what it asks for is decided when it is executed. Cloning it costs
/// nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckedTransaction {
    signed: Arc<SignedTransaction>,
    id: TransactionId,
    length: usize,
}

/// Why bytes are no transaction that may be executed; such a one has no place in a block, and no
/// proof that it was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum TransactionError {
    /// More bytes than the genesis allows.
    #[error("{0} bytes are more than a transaction may have")]
    TooLong(usize),
    /// Not the canonical form of any transaction.
    #[error("not a transaction: {0}")]
    Malformed(String),
    /// Of a version that this one does not know.
    #[error("unknown transaction version {0}")]
    Version(u8),
    /// For another ledger.
    #[error("for the ledger {0}")]
    ForeignChain(ChainId),
    /// For another shard.
    #[error("for shard {0}")]
    ForeignShard(ShardId),
    /// More approvers than anything needs.
    #[error("{0} approvers are more than {APPROVERS_MAX}")]
    TooManyApprovers(usize),
    /// Approvers out of order, one of them twice, or the sender among them.
    #[error("approvers are not sorted, or one of them is there twice or is the sender")]
    ApproverOrder,
    /// The approvals are not those of the approvers.
    #[error("{0} approvals are not those of the {1} approvers, in their order")]
    Approvals(usize, usize),
    /// Nobody may sign with this key.
    #[error("key {0}: {1}")]
    Key(AccountKey, KeyError),
    /// The signature under this key fits other bytes, or none.
    #[error("signature of {0} does not match")]
    BadSignature(AccountKey),
    /// What it asks for can stand in no block.
    #[error(transparent)]
    Action(#[from] ActionError),
}

impl Transaction {
    /// The only version so far.
    pub const VERSION: u8 = 1;

    /// Names who must agree besides the sender, in whatever order.
    #[must_use]
    pub fn with_approvers(mut self, keys: impl IntoIterator<Item = AccountKey>) -> Self {
        let others: BTreeSet<_> = keys.into_iter().filter(|key| *key != self.sender).collect();
        self.approvers = others.into_iter().collect();
        self
    }

    /// What its sender and its approvers sign.
    pub fn to_signed_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Signs it as its sender, without approvals.
    ///
    /// # Panics
    ///
    /// If the key is not the sender's, since nobody could ever execute what comes out.
    pub fn sign(self, key: &SigningKey) -> SignedTransaction {
        assert_eq!(
            AccountKey::from(key.verifying_key()),
            self.sender,
            "a transaction is signed by its sender"
        );
        SignedTransaction {
            signature: key.sign(Context::LedgerTransaction, &[&self.to_signed_bytes()]),
            transaction: self,
            approvals: Vec::new(),
        }
    }

    /// Agrees with it as somebody else than its sender.
    pub fn approve(&self, key: &SigningKey) -> Approval {
        Approval {
            key: key.verifying_key().into(),
            signature: key.sign(Context::LedgerTransaction, &[&self.to_signed_bytes()]),
        }
    }
}

impl SignedTransaction {
    /// Adds somebody's agreement, in its place; a second one by the same key replaces the first.
    #[must_use]
    pub fn with_approval(mut self, approval: Approval) -> Self {
        let found = self
            .approvals
            .binary_search_by_key(&approval.key, |it| it.key);
        match found {
            Ok(index) => self
                .approvals
                .splice(index..=index, [approval])
                .for_each(drop),
            Err(index) => self.approvals.insert(index, approval),
        }
        self
    }

    /// Who has not agreed yet.
    pub fn missing(&self) -> impl Iterator<Item = AccountKey> {
        let has_agreed = |key: &AccountKey| self.approvals.iter().any(|it| it.key == *key);
        let approvers = self.transaction.approvers.iter().copied();
        approvers.filter(move |key| !has_agreed(key))
    }

    /// Its canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// Reads what [`Self::to_bytes`] writes, and nothing else.
    ///
    /// `length_max` is the genesis' bound; no more memory is used than a small multiple of it.
    pub fn from_bytes(bytes: &[u8], length_max: usize) -> Result<Self, TransactionError> {
        if bytes.len() > length_max {
            return Err(TransactionError::TooLong(bytes.len()));
        }
        match bytes.first() {
            Some(&Transaction::VERSION) | None => {}
            Some(&version) => return Err(TransactionError::Version(version)),
        }
        borsh::from_slice(bytes).map_err(|error| TransactionError::Malformed(error.to_string()))
    }

    /// Names it by all its bytes.
    pub fn id(&self) -> TransactionId {
        TransactionId::of(&self.to_bytes())
    }

    /// Checks everything about it that does not depend on state: size, version, ledger, shard, the
    /// order of its approvals, and every signature by the strict rule.
    ///
    /// Costs a signature check each for the sender and the approvers, and as much again for each
    /// key that `keys` does not hold yet.
    pub fn check(
        self,
        genesis: &Genesis,
        shard: ShardId,
        keys: &mut KeyCache,
    ) -> Result<CheckedTransaction, TransactionError> {
        let bytes = self.verify(genesis, shard, keys)?;
        Ok(CheckedTransaction {
            id: TransactionId::of(&bytes),
            length: bytes.len(),
            signed: Arc::new(self),
        })
    }

    /// What [`Self::check`] checks; returns the canonical bytes.
    pub(super) fn verify(
        &self,
        genesis: &Genesis,
        shard: ShardId,
        keys: &mut KeyCache,
    ) -> Result<Vec<u8>, TransactionError> {
        let bytes = self.to_bytes();
        let transaction = &self.transaction;
        if bytes.len() > genesis.limits.transaction_length_max() {
            return Err(TransactionError::TooLong(bytes.len()));
        }
        if transaction.version != Transaction::VERSION {
            return Err(TransactionError::Version(transaction.version));
        }
        if transaction.chain != genesis.chain() {
            return Err(TransactionError::ForeignChain(transaction.chain));
        }
        if transaction.shard != shard {
            return Err(TransactionError::ForeignShard(transaction.shard));
        }
        self.check_approvers()?;
        // What is signed comes first.
        let signatures_length = SIGNATURE_LENGTH + 4 + self.approvals.len() * APPROVAL_LENGTH;
        let (signed, _) = bytes.split_at(bytes.len().saturating_sub(signatures_length));
        let approvals = self.approvals.iter().map(|it| (it.key, it.signature));
        for (key, signature) in [(transaction.sender, self.signature)]
            .into_iter()
            .chain(approvals)
        {
            keys.admit(key)
                .map_err(|error| TransactionError::Key(key, error))?
                .verify(Context::LedgerTransaction, &[signed], &signature)
                .map_err(|_| TransactionError::BadSignature(key))?;
        }
        transaction.action.check(genesis, keys)?;
        Ok(bytes)
    }

    fn check_approvers(&self) -> Result<(), TransactionError> {
        let Transaction {
            sender, approvers, ..
        } = &self.transaction;
        if approvers.len() > APPROVERS_MAX {
            return Err(TransactionError::TooManyApprovers(approvers.len()));
        }
        if !approvers.is_sorted_by(|a, b| a < b) || approvers.contains(sender) {
            return Err(TransactionError::ApproverOrder);
        }
        if !self.approvals.iter().map(|it| &it.key).eq(approvers) {
            let (approvals, approvers) = (self.approvals.len(), approvers.len());
            return Err(TransactionError::Approvals(approvals, approvers));
        }
        Ok(())
    }
}

impl CheckedTransaction {
    /// The transaction.
    pub fn transaction(&self) -> &Transaction {
        &self.signed.transaction
    }

    /// The transaction with all signatures.
    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// The transaction with all signatures, to keep.
    pub fn into_signed(self) -> SignedTransaction {
        Arc::unwrap_or_clone(self.signed)
    }

    /// Its name.
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// How many bytes it has in a block.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Who signed it: the sender and all approvers.
    pub fn signers(&self) -> BTreeSet<AccountKey> {
        let approvers = self.signed.approvals.iter().map(|it| it.key);
        approvers.chain([self.signed.transaction.sender]).collect()
    }
}

impl TransactionId {
    /// The id of the transaction with these canonical bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Digest::of(Purpose::LedgerTransaction, &[bytes]))
    }

    /// The id with this digest.
    pub fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest that it is.
    pub fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// More than a quorum of the largest committee.
pub(super) const APPROVERS_MAX: usize = 64;
const SIGNATURE_LENGTH: usize = 64;
const APPROVAL_LENGTH: usize = 32 + SIGNATURE_LENGTH;
