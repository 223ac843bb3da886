use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{id::VehicleId, ledger::Role};

/// What an account may do beyond what concerns its own vehicles.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RoleHolder {
    /// What people call it.
    pub name: String,
    /// Its roles; never empty.
    pub roles: BTreeSet<Role>,
}

/// Whoever may send transactions to a shard: the holder of a role, an operator, a vehicle, or
/// somebody who has or had a vehicle or a part there.
///
/// It stays for ever, so that no nonce is used twice.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Default, Eq, PartialEq, Serialize,
)]
pub struct Account {
    /// Which nonces were used.
    pub nonces: NonceWindow,
    /// The window of time that the quota below is counted in.
    pub quota_window: u64,
    /// How many transactions it sent in that window.
    pub quota_used: u32,
    /// The vehicle whose key it is.
    pub vehicle: Option<VehicleId>,
}

/// Which nonces of an account were used: all below a number, and some of the 256 from there on.
///
/// Two devices of one account, or an outbox that lost one transaction, need not wait for each
/// other, and still none is used twice.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Default, Eq, PartialEq, Serialize,
)]
pub struct NonceWindow {
    /// The first nonce that was not used.
    next: u64,
    /// Bit `i` of all four together says that nonce `next + i` was used; bit 0 is never set.
    used: [u64; 4],
}

impl NonceWindow {
    /// How many nonces from the first unused one on may be used.
    pub const LENGTH: u64 = 256;

    /// The first nonce that was not used.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether a nonce was used.
    pub fn is_used(&self, nonce: u64) -> bool {
        match nonce.checked_sub(self.next) {
            None => true,
            Some(offset) => self.bit(offset),
        }
    }

    /// Whether a nonce is too far ahead to be used yet.
    pub fn is_beyond(&self, nonce: u64) -> bool {
        nonce
            .checked_sub(self.next)
            .is_some_and(|it| it >= Self::LENGTH)
    }

    /// Marks a nonce as used; returns whether it could be.
    #[must_use]
    pub fn take(&mut self, nonce: u64) -> bool {
        // The very last number is never used, so that there is always a next one.
        if self.is_used(nonce) || self.is_beyond(nonce) || nonce == u64::MAX {
            return false;
        }
        let offset = nonce - self.next;
        for (word, bits) in (0..).zip(&mut self.used) {
            if offset / 64 == word {
                *bits |= 1 << (offset % 64);
            }
        }
        while self.bit(0) {
            self.shift();
        }
        true
    }

    fn bit(&self, offset: u64) -> bool {
        let word = (0..).zip(&self.used).find(|(word, _)| offset / 64 == *word);
        word.is_some_and(|(_, bits)| bits >> (offset % 64) & 1 == 1)
    }

    /// Moves on by one nonce, or by a whole word of used ones.
    fn shift(&mut self) {
        let [a, b, c, d] = self.used;
        let ones = a.trailing_ones();
        if ones == u64::BITS {
            self.used = [b, c, d, 0];
        } else {
            let carry = |low: u64, high: u64| low >> ones | high << (u64::BITS - ones);
            self.used = [carry(a, b), carry(b, c), carry(c, d), d >> ones];
        }
        self.next += u64::from(ones);
    }
}
