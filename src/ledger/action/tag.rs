use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::{
    crypto::{Context, Digest, Signature, SigningKey},
    id::ChainId,
    ledger::AccountKey,
};

/// What a tag names; a tag of one kind never collides with one of another.
#[derive(
    BorshDeserialize,
    BorshSerialize,
    Clone,
    Copy,
    Debug,
    Deserialize,
    Eq,
    Hash,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TagKind {
    /// A vehicle identification number.
    Vehicle,
    /// A part's maker and serial number.
    Part,
}

/// The tag issuer's word that a tag was made from a number which the claimant showed.
///
/// The ledger never sees the number. That equal numbers get equal tags rests on the issuer alone.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TagCertificate {
    /// What the tag names.
    pub kind: TagKind,
    /// The tag: a keyed digest of the number.
    pub tag: Digest,
    /// The only account that may claim it by this certificate.
    pub claimant: AccountKey,
    /// Who issued it; must hold the role when it is used.
    pub issuer: AccountKey,
    /// The issuer's, over the ledger and all of the above.
    pub signature: Signature,
}

impl TagCertificate {
    /// Issues a certificate for use on one ledger.
    pub fn issue(
        chain: ChainId,
        kind: TagKind,
        tag: Digest,
        claimant: AccountKey,
        key: &SigningKey,
    ) -> Self {
        let issuer = AccountKey::from(key.verifying_key());
        let bytes = signed_bytes(chain, kind, &tag, &claimant, &issuer);
        Self {
            kind,
            tag,
            claimant,
            issuer,
            signature: key.sign(Context::LedgerTag, &[&bytes]),
        }
    }

    /// What the issuer signed.
    pub(in crate::ledger) fn signed_bytes(&self, chain: ChainId) -> Vec<u8> {
        signed_bytes(chain, self.kind, &self.tag, &self.claimant, &self.issuer)
    }
}

fn signed_bytes(
    chain: ChainId,
    kind: TagKind,
    tag: &Digest,
    claimant: &AccountKey,
    issuer: &AccountKey,
) -> Vec<u8> {
    let kind = match kind {
        TagKind::Vehicle => 0,
        TagKind::Part => 1,
    };
    [
        chain.as_bytes().as_slice(),
        &[kind],
        tag.as_bytes(),
        claimant.as_bytes(),
        issuer.as_bytes(),
    ]
    .concat()
}
