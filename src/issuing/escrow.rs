use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{
    BATCH_TICKETS_MAX, BatchId, EscrowDeposit, Facts, OperatorRefusal, Record, ReleaseOrder,
    Released, Seat, Staged,
    body::{ESCROW_SHARE_LEN, EscrowedSeed, SealOf, Sealed},
    facts::{CUSTODIANS_MAX, escrow_threshold},
    keys::IssuingKeys,
    record::KeptSeed,
};
use crate::{
    crypto::SecretShare,
    ledger::TicketHandle,
    security::{LinkageAuthority, LinkageSeed, LinkageShare, Slot, Ticket},
    time::Timestamp,
};

/// One custodian's shares of the seeds of all tickets: by these a revocation goes on when a linkage
/// authority is gone or refuses.
///
/// Fewer custodians than [`escrow_threshold`] say nothing about any seed. After [`Self::handle_deposit`],
/// write down the records; then the answer may leave.
pub struct Escrow {
    seat: Seat,
    kept: BTreeMap<TicketHandle, Vec<Kept>>,
}

/// What was dealt for a ticket with one batch.
struct Kept {
    batch: BatchId,
    slot: u32,
    shares: [Zeroizing<[u8; ESCROW_SHARE_LEN]>; 2],
}

impl Escrow {
    /// The custodian that goes on after `records`.
    pub fn new(seat: Seat, records: &[Record]) -> Self {
        let mut escrow = Self {
            seat,
            kept: BTreeMap::new(),
        };
        for record in records {
            if let Record::Kept { batch, seeds } = record {
                seeds.iter().for_each(|seed| escrow.keep(*batch, seed));
            }
        }
        escrow
    }

    /// Keeps what an enrolment authority deposits.
    pub fn handle_deposit(
        &mut self,
        from: Seat,
        deposit: &EscrowDeposit,
        keys: &IssuingKeys,
        (facts, now): (&Facts, Timestamp),
    ) -> Result<Staged<BatchId>, OperatorRefusal> {
        let group = facts.groups.get(&deposit.group);
        let group = group.ok_or(OperatorRefusal::NotInRole)?;
        if from.operator != group.enrolment {
            return Err(OperatorRefusal::NotForYou);
        }
        let of = SealOf {
            chain: facts.chain,
            group: deposit.group,
            batch: deposit.batch,
        };
        let office = facts.seats.get(&deposit.second.from);
        let office = office.filter(|_| deposit.second.from.operator == group.linkage);
        let office = office.ok_or(OperatorRefusal::BadLinkage)?;
        let own = (self.seat.operator, keys);
        let second: Option<Vec<EscrowedSeed>> =
            deposit.second.open(of, Sealed::Escrow, office.at(now), own);
        let second = second.ok_or(OperatorRefusal::BadLinkage)?;
        let names = |seeds: &[EscrowedSeed]| -> Vec<_> {
            seeds.iter().map(|it| (it.handle, it.slot)).collect()
        };
        if names(&deposit.first) != names(&second) {
            return Err(OperatorRefusal::BadLinkage);
        }
        if !(1..=BATCH_TICKETS_MAX).contains(&second.len()) {
            return Err(OperatorRefusal::BadBatch);
        }
        let seeds = deposit
            .first
            .iter()
            .zip(&second)
            .map(|(first, second)| KeptSeed {
                handle: first.handle,
                slot: first.slot,
                shares: [first.share, second.share],
            });
        let is_new = |seed: &KeptSeed| {
            let kept = self.kept.get(&seed.handle);
            kept.is_none_or(|kept| kept.iter().all(|it| it.batch != deposit.batch))
        };
        let fresh: Vec<_> = seeds.filter(is_new).collect();
        fresh.iter().for_each(|seed| self.keep(deposit.batch, seed));
        let records = Record::kept(deposit.batch, fresh);
        Ok(Staged::new(records, deposit.batch))
    }

    /// Gives a share away. `is_ordered`: a revocation that is final on the ledger names the ticket, and
    /// the authority has let its time pass.
    pub fn release(
        &self,
        order: ReleaseOrder,
        is_ordered: bool,
    ) -> Result<Released, OperatorRefusal> {
        if !is_ordered {
            return Err(OperatorRefusal::NotOrdered);
        }
        let kept = self.kept.get(&order.handle);
        let kept = kept.ok_or(OperatorRefusal::UnknownHandle)?;
        let share = |kept: &Kept| {
            let [first, second] = &kept.shares;
            let share = if order.is_second { second } else { first };
            (kept.batch, **share)
        };
        Ok(Released {
            order,
            shares: kept.iter().map(share).collect(),
        })
    }

    /// Forgets what is over, and gives all that is left, to write down anew in place of all records.
    pub fn compact(&mut self, facts: &Facts, now: Timestamp) -> Vec<Record> {
        let floor = facts.kept_from(now).number();
        self.kept.retain(|_, kept| {
            kept.retain(|it| it.slot >= floor);
            !kept.is_empty()
        });
        let mut batches: BTreeMap<BatchId, Vec<KeptSeed>> = BTreeMap::new();
        for (handle, kept) in &self.kept {
            for it in kept {
                let [first, second] = &it.shares;
                batches.entry(it.batch).or_default().push(KeptSeed {
                    handle: *handle,
                    slot: it.slot,
                    shares: [**first, **second],
                });
            }
        }
        batches
            .into_iter()
            .flat_map(|(batch, seeds)| Record::kept(batch, seeds))
            .collect()
    }

    fn keep(&mut self, batch: BatchId, seed: &KeptSeed) {
        let kept = self.kept.entry(seed.handle).or_default();
        if kept.len() >= DEALS_MAX {
            kept.remove(0);
        }
        kept.push(Kept {
            batch,
            slot: seed.slot,
            shares: seed.shares.map(Zeroizing::new),
        });
    }
}

/// Finds the seeds of an accused ticket from what custodians release.
///
/// [`Self::handle_released`] each answer, for one authority or both; then [`Self::find`]. False shares
/// are told from true ones by the ticket's own linkage value, and so is how many shares of a deal give
/// its seed: when it was dealt there may have been more custodians than there are now, or fewer.
pub struct SeedRecovery {
    linkage: [u8; 12],
    slot: Slot,
    /// A seed that an authority revealed itself, or none.
    revealed: [Option<LinkageSeed>; 2],
    dealt: [BTreeMap<BatchId, BTreeMap<u16, [u8; ESCROW_SHARE_LEN]>>; 2],
}

impl SeedRecovery {
    /// Begins, with the seeds of the accused ticket's slot that are known already, First and Second.
    pub fn new(accused: &Ticket, revealed: [Option<LinkageSeed>; 2]) -> Self {
        Self {
            linkage: accused.linkage(),
            slot: accused.slot(),
            revealed,
            dealt: [BTreeMap::new(), BTreeMap::new()],
        }
    }

    /// Takes a custodian's answer.
    pub fn handle_released(&mut self, custodian: u16, released: &Released) {
        let [first, second] = &mut self.dealt;
        let dealt = if released.order.is_second {
            second
        } else {
            first
        };
        for (batch, share) in released.shares.iter().take(DEALS_MAX) {
            let dealt = dealt.entry(*batch).or_default();
            if dealt.len() < CUSTODIANS_MAX || dealt.contains_key(&custodian) {
                dealt.insert(custodian, *share);
            }
        }
    }

    /// The seeds of both authorities that give the accused ticket's linkage value, if enough shares
    /// have come.
    pub fn find(&self) -> Option<[LinkageSeed; 2]> {
        let [firsts, seconds] = [LinkageAuthority::First, LinkageAuthority::Second]
            .map(|authority| self.candidates(authority));
        let seconds: BTreeMap<_, _> = seconds
            .iter()
            .map(|(seed, value)| (*value.as_bytes(), seed))
            .collect();
        let joined = LinkageShare::from_bytes(self.linkage);
        firsts.iter().find_map(|(first, value)| {
            // What is joined with one half once more is the other.
            let second = seconds.get(&value.join(&joined))?;
            Some([first.clone(), (*second).clone()])
        })
    }

    /// Each seed that some of the shares give, with its value.
    fn candidates(&self, authority: LinkageAuthority) -> Vec<(LinkageSeed, LinkageShare)> {
        let [first, second] = &self.revealed;
        let [first_dealt, second_dealt] = &self.dealt;
        let (revealed, dealt) = match authority {
            LinkageAuthority::First => (first, first_dealt),
            LinkageAuthority::Second => (second, second_dealt),
        };
        let combined = dealt.values().flat_map(|shares| {
            let shares: Vec<_> = shares.values().copied().collect();
            (1..=shares.len())
                .flat_map(move |count| subsets(&shares, count))
                .filter_map(combine)
        });
        let seeds = revealed.iter().cloned().chain(combined);
        seeds
            .map(|seed| {
                let value = seed.share(authority, self.slot);
                (seed, value)
            })
            .collect()
    }
}

/// Splits seeds among so many custodians: for each of these, a share of every seed.
pub(super) fn split(
    seeds: &[(TicketHandle, u32, LinkageSeed)],
    custodians: usize,
) -> Vec<Vec<EscrowedSeed>> {
    let count = u8::try_from(custodians).expect("custodians are bounded");
    let threshold = u8::try_from(escrow_threshold(count.into()));
    let threshold = threshold.expect("not more than there are");
    let mut dealt: Vec<Vec<EscrowedSeed>> = (0..custodians).map(|_| Vec::new()).collect();
    for (handle, slot, seed) in seeds {
        let shares = SecretShare::split(seed.to_bytes().as_slice(), threshold, count);
        for (to, share) in dealt.iter_mut().zip(shares) {
            let share = share.as_bytes().try_into();
            to.push(EscrowedSeed {
                handle: *handle,
                slot: *slot,
                share: share.expect("a share is a place and as long as its secret"),
            });
        }
    }
    dealt
}

fn combine(shares: Vec<[u8; ESCROW_SHARE_LEN]>) -> Option<LinkageSeed> {
    let shares: Vec<_> = shares
        .into_iter()
        .map(|share| SecretShare::from_bytes(Zeroizing::new(share.to_vec())))
        .collect();
    let seed = SecretShare::combine(&shares).ok()?;
    let seed = <[u8; 32]>::try_from(seed.as_slice()).ok()?;
    Some(LinkageSeed::from_bytes(seed))
}

/// All ways to take so many of some things.
fn subsets<T: Copy>(all: &[T], count: usize) -> Vec<Vec<T>> {
    let Some(rest) = count.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let mut found = Vec::new();
    for (place, one) in all.iter().enumerate() {
        let later = all.get(place + 1..).unwrap_or_default();
        for mut others in subsets(later, rest) {
            others.insert(0, *one);
            found.push(others);
        }
    }
    found
}

/// How many deals of a ticket are kept; older ones make room. All deal the same seed, so that any one
/// which enough custodians have does. A batch that is formed anew because members refused it was not
/// signed, and no batch is dealt more than once while nobody answers.
const DEALS_MAX: usize = 4;
