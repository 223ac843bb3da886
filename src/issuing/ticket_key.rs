use zeroize::Zeroizing;

use crate::crypto::{KeyShare, SigningKey, VerifyingKey};

/// What one member of a ticket authority holds of a key that signs tickets, wiped when dropped.
pub enum TicketKey {
    /// All of it: a member that signs alone, on a ledger for development.
    Single {
        /// The member.
        member: u16,
        /// The key.
        key: Box<SigningKey>,
    },
    /// A share, of which several sign together.
    Shared {
        /// Who holds the shares, in the order of their places.
        members: Vec<u16>,
        /// The share.
        share: Box<KeyShare>,
    },
}

impl TicketKey {
    /// The operators that hold it, in the order of their places.
    pub fn members(&self) -> &[u16] {
        match self {
            Self::Single { member, .. } => std::slice::from_ref(member),
            Self::Shared { members, .. } => members,
        }
    }

    /// The key under which the tickets count.
    pub fn verifying_key(&self) -> VerifyingKey {
        match self {
            Self::Single { key, .. } => key.verifying_key(),
            Self::Shared { share, .. } => share.verifying_key(),
        }
    }

    /// The bytes to store.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let secret: Zeroizing<Vec<u8>> = match self {
            Self::Single { key, .. } => Zeroizing::new(key.to_seed().to_vec()),
            Self::Shared { share, .. } => share.to_bytes(),
        };
        let kind = match self {
            Self::Single { .. } => SINGLE,
            Self::Shared { .. } => SHARED,
        };
        let members = self.members();
        let count = u8::try_from(members.len()).expect("a group's members are few");
        let mut bytes = Zeroizing::new(Vec::with_capacity(3 + 2 * members.len() + secret.len()));
        bytes.extend_from_slice(&[VERSION, kind, count]);
        for member in members {
            bytes.extend_from_slice(&member.to_be_bytes());
        }
        bytes.extend_from_slice(&secret);
        bytes
    }

    /// Reads what [`Self::to_bytes`] writes; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([version, kind, count], rest) = bytes.split_first_chunk::<3>()?;
        let (members, secret) = rest.split_at_checked(2 * usize::from(*count))?;
        let (members, _) = members.as_chunks::<2>();
        let members: Vec<_> = members.iter().map(|it| u16::from_be_bytes(*it)).collect();
        match (*version, *kind, members.as_slice()) {
            (VERSION, SINGLE, [member]) => Some(Self::Single {
                member: *member,
                key: Box::new(SigningKey::from_seed(secret.try_into().ok()?)),
            }),
            (VERSION, SHARED, _) => {
                let share = KeyShare::from_bytes(secret).ok()?;
                let is_whole = usize::from(share.members()) == members.len();
                is_whole.then_some(Self::Shared {
                    members,
                    share: Box::new(share),
                })
            }
            _ => None,
        }
    }
}

const VERSION: u8 = 1;
const SINGLE: u8 = 1;
const SHARED: u8 = 2;
