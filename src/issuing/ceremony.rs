use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Facts, Seat, TicketKey,
    encoding::{decode, encode},
    keys::IssuingKeys,
};
use crate::{
    crypto::{KeyMaking, KeySeed, Seal, ThresholdError},
    id::{ChainId, GroupId},
    time::Timestamp,
};

/// Which key a ceremony makes.
#[derive(BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct CeremonyOf {
    /// The ledger.
    pub chain: ChainId,
    /// The group.
    pub group: GroupId,
    /// Which of the group's keys, as the ledger counts them.
    pub ceremony: u32,
    /// Who will hold shares, in order.
    pub members: Vec<u16>,
    /// How many of them will have to sign.
    pub threshold: u16,
}

/// One member's way through the making of a ticket authority's key, with the ledger as the channel on
/// which everybody hears the same.
///
/// Post [`Self::first_part`]; pass each member's part, one's own too, to [`Self::handle_part`] as the
/// ledger makes it final; post [`Self::second_part`] once it is there; [`Self::finish`] then gives the
/// share. Store it, and confirm its key on the ledger. After a restart begin again from the same
/// [`KeySeed`]: everything follows from it and from the ledger. Wipe the seed once all have confirmed.
pub struct KeyCeremony {
    of: CeremonyOf,
    own: u16,
    making: KeyMaking,
    firsts: BTreeMap<u16, Vec<u8>>,
    seconds: BTreeMap<u16, Vec<SealedPart>>,
}

/// What one member tells another, sealed to its issuing key.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
struct SealedPart {
    to: u16,
    sealed: Vec<u8>,
}

/// Why no key can be made.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CeremonyError {
    /// This operator is none of the members, or they can hold no key together.
    #[error("no ceremony for this operator")]
    NotAMember,
    /// These operators posted what cannot be. Begin anew without them.
    #[error("operators {0:?} posted what cannot be")]
    Culprits(Vec<u16>),
    /// A member has no issuing key to which its part could be sealed.
    #[error("operator {0} has no issuing key")]
    NoKey(u16),
    /// The parts do not make a key.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
}

impl KeyCeremony {
    /// Begins, or goes on after a restart, from the same seed.
    pub fn new(of: CeremonyOf, own: u16, seed: &KeySeed) -> Result<Self, CeremonyError> {
        let place = place(&of.members, own).ok_or(CeremonyError::NotAMember)?;
        let members = u16::try_from(of.members.len()).map_err(|_| CeremonyError::NotAMember)?;
        let making = KeyMaking::new(seed, &encode(&of), place, of.threshold, members)?;
        Ok(Self {
            of,
            own,
            making,
            firsts: BTreeMap::new(),
            seconds: BTreeMap::new(),
        })
    }

    /// What to post in round 1.
    pub fn first_part(&self) -> Vec<u8> {
        self.making.first_part().to_vec()
    }

    /// Takes a part that the ledger holds; parts of others, of later rounds, and repeated ones are
    /// passed over.
    pub fn handle_part(
        &mut self,
        operator: u16,
        round: u8,
        part: &[u8],
    ) -> Result<(), CeremonyError> {
        let Some(place) = place(&self.of.members, operator) else {
            return Ok(());
        };
        match round {
            1 => {
                self.firsts.entry(place).or_insert_with(|| part.to_vec());
            }
            2 => {
                let parts = decode(part, PART_LENGTH_MAX);
                let parts = parts.map_err(|_| CeremonyError::Culprits(vec![operator]))?;
                self.seconds.entry(place).or_insert(parts);
            }
            _ => {}
        }
        Ok(())
    }

    /// What to post in round 2; `None` until all have posted round 1.
    pub fn second_part(
        &self,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>, CeremonyError> {
        if self.firsts.len() < self.of.members.len() {
            return Ok(None);
        }
        let parts = self.making.second_parts(&self.others());
        let parts = parts.map_err(|error| self.named(error))?;
        let mut sealed = Vec::new();
        for (place, part) in parts {
            let to = self.operator(place).ok_or(CeremonyError::NotAMember)?;
            let key = facts.sealing_key(Seat::first(to), now);
            let key = key.ok_or(CeremonyError::NoKey(to))?;
            let bound = self.bound(self.own, to);
            let part = key.seal(Seal::KeyPart, &bound, part.as_slice());
            sealed.push(SealedPart {
                to,
                sealed: part.map_err(|_| CeremonyError::NoKey(to))?,
            });
        }
        Ok(Some(encode(&sealed)))
    }

    /// This member's share of the key; `None` until all have posted round 2.
    pub fn finish(&self, keys: &IssuingKeys) -> Result<Option<TicketKey>, CeremonyError> {
        if self.seconds.len() < self.of.members.len() {
            return Ok(None);
        }
        let mut parts = BTreeMap::new();
        for (place, sealed) in &self.seconds {
            let from = self.operator(*place).ok_or(CeremonyError::NotAMember)?;
            if from == self.own {
                continue;
            }
            let culprit = || CeremonyError::Culprits(vec![from]);
            let part = sealed.iter().find(|it| it.to == self.own);
            let part = part.ok_or_else(culprit)?;
            let bound = self.bound(from, self.own);
            let part = keys.open(Seal::KeyPart, &bound, &part.sealed);
            let part = part.map_err(|_| culprit())?;
            let part = <[u8; 32]>::try_from(part.as_slice()).map_err(|_| culprit())?;
            parts.insert(*place, Zeroizing::new(part));
        }
        let share = self.making.finish(&self.others(), &parts);
        let share = share.map_err(|error| self.named(error))?;
        Ok(Some(TicketKey::Shared {
            members: self.of.members.clone(),
            share: Box::new(share),
        }))
    }

    /// The other members' first parts.
    fn others(&self) -> BTreeMap<u16, Vec<u8>> {
        let own = place(&self.of.members, self.own);
        let others = self.firsts.iter().filter(|(it, _)| Some(**it) != own);
        others.map(|(place, part)| (*place, part.clone())).collect()
    }

    fn operator(&self, place: u16) -> Option<u16> {
        let index = usize::from(place).checked_sub(1)?;
        self.of.members.get(index).copied()
    }

    fn bound(&self, from: u16, to: u16) -> Vec<u8> {
        encode(&(&self.of, from, to))
    }

    /// The same with operators in place of members' places.
    fn named(&self, error: ThresholdError) -> CeremonyError {
        match error {
            ThresholdError::Culprits(places) => {
                let operators = places.into_iter().filter_map(|it| self.operator(it));
                CeremonyError::Culprits(operators.collect())
            }
            ThresholdError::Numbers { .. }
            | ThresholdError::Malformed
            | ThresholdError::Members
            | ThresholdError::Weak => CeremonyError::Threshold(error),
        }
    }
}

/// A member's place, from 1.
fn place(members: &[u16], operator: u16) -> Option<u16> {
    let index = members.iter().position(|it| *it == operator)?;
    u16::try_from(index + 1).ok()
}

/// As long as a part on the ledger may be.
const PART_LENGTH_MAX: usize = 8 << 10;
