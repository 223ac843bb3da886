use std::{fmt, str::FromStr};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    crypto::{KeyError, VerifyingKey},
    id::{IdTextError, bytes_from_hex, deserialize_text, serialize_text},
};

/// Declares 32 bytes with a meaning of their own, shown as hexadecimal digits.
macro_rules! thirty_two_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            BorshDeserialize, BorshSerialize, Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd,
        )]
        pub struct $name([u8; 32]);

        impl $name {
            /// The value with these bytes.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes as they stand on the ledger.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdTextError;

            fn from_str(text: &str) -> Result<Self, IdTextError> {
                bytes_from_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_text(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserialize_text(deserializer)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

thirty_two_bytes! {
    /// Whoever signs on the ledger, named by an Ed25519 public key that is not admitted yet.
    ///
    /// Two are the same account if the bytes are the same.
    AccountKey
}

thirty_two_bytes! {
    /// A part of a vehicle, named by a keyed digest of its maker and serial number.
    ///
    /// Who holds the tag issuer's key could guess serial numbers from it.
    PartTag
}

thirty_two_bytes! {
    /// A vehicle identification number, as a digest under the tag issuer's key.
    ///
    /// The same number always gives the same tag, so that a vehicle cannot be born twice; who holds
    /// the tag issuer's key could guess numbers from it.
    VinTag
}

thirty_two_bytes! {
    /// A salted digest of a record whose plain text is kept off the ledger.
    ///
    /// Once the salt is destroyed it says nothing about the record any more.
    RecordCommitment
}

thirty_two_bytes! {
    /// A warranty, named by whoever gives it; at random, so that nobody else takes the name.
    PolicyId
}

thirty_two_bytes! {
    /// A claim under a warranty, named by whoever makes it, at random.
    ClaimId
}

impl AccountKey {
    /// Admits the key, or says why nobody may sign with it.
    pub fn admit(&self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_bytes(&self.0)
    }
}

impl From<VerifyingKey> for AccountKey {
    fn from(key: VerifyingKey) -> Self {
        Self(*key.as_bytes())
    }
}
