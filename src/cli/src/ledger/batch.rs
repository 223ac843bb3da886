use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};
use wayside::ledger::SignedTransaction;

use super::{
    record::Record,
    send::{Answer, Fate, send},
    sent::Sent,
    signer::Signer,
};

/// Brings the records of a file to the ledger, many at once.
///
/// Records that have a name in common, a vehicle's for instance, are decided in the order of the
/// file: the next one is sent when the one before has its outcome.
pub(super) struct Batch {
    signer: Signer,
    sent: Sent,
    wait: Duration,
    /// In the order of the file, with their place in it.
    waiting: VecDeque<(usize, Record)>,
    flying: JoinSet<Landed>,
    /// What those in flight are about, by their place.
    busy: BTreeMap<usize, BTreeSet<String>>,
}

/// A record that was sent, and what became of it.
struct Landed {
    place: usize,
    record: Record,
    answer: Answer,
}

impl Batch {
    /// Nothing is sent yet. `wait` is how long each record may take.
    pub(super) fn new(
        mut signer: Signer,
        sent: Sent,
        records: Vec<Record>,
        wait: Duration,
    ) -> Self {
        for signed in sent.transactions() {
            signer.follow(signed);
        }
        Self {
            signer,
            sent,
            wait,
            waiting: records.into_iter().enumerate().collect(),
            flying: JoinSet::new(),
            busy: BTreeMap::new(),
        }
    }

    /// Sends all of them, and tells what became of each, in the order of the file.
    pub(super) async fn run(
        mut self,
        mut tell: impl FnMut(&Record, &Answer) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut landed: BTreeMap<usize, (Record, Answer)> = BTreeMap::new();
        let mut told = 0;
        loop {
            self.start().await?;
            let Some(done) = self.flying.join_next().await else {
                return Ok(());
            };
            let Landed {
                place,
                record,
                answer,
            } = done?;
            self.busy.remove(&place);
            if self.is_to_be_signed_anew(&answer) {
                self.fly(place, record, None).await?;
                continue;
            }
            landed.insert(place, (record, answer));
            while let Some((record, answer)) = landed.remove(&told) {
                tell(&record, &answer)?;
                told += 1;
            }
        }
    }

    /// Sends what may be sent now.
    async fn start(&mut self) -> anyhow::Result<()> {
        let ready = self.take_ready();
        let mut signed = Vec::new();
        for (_, record) in &ready {
            if self.sent.get(&record.name).is_none() {
                let transaction = self.signer.sign(&record.action).await?;
                signed.push((record.name.clone(), transaction));
            }
        }
        if !signed.is_empty() {
            self.sent.keep(signed)?;
        }
        for (place, record) in ready {
            let transaction = self.sent.get(&record.name).cloned();
            self.fly(place, record, transaction).await?;
        }
        Ok(())
    }

    /// The records whose predecessors are decided, so many as may be in flight.
    fn take_ready(&mut self) -> Vec<(usize, Record)> {
        let mut taken: BTreeSet<String> = self.busy.values().flatten().cloned().collect();
        let room = FLYING_MAX.saturating_sub(self.flying.len());
        let mut ready = Vec::new();
        let mut kept = VecDeque::new();
        while ready.len() < room && kept.len() < LOOK_AHEAD {
            let Some((place, record)) = self.waiting.pop_front() else {
                break;
            };
            let is_free = record.subjects.is_disjoint(&taken);
            taken.extend(record.subjects.iter().cloned());
            if is_free {
                ready.push((place, record));
            } else {
                kept.push_back((place, record));
            }
        }
        kept.append(&mut self.waiting);
        self.waiting = kept;
        ready
    }

    /// Sends a record as it was signed, or signs it first.
    async fn fly(
        &mut self,
        place: usize,
        record: Record,
        signed: Option<SignedTransaction>,
    ) -> anyhow::Result<()> {
        let signed = match signed {
            Some(signed) => signed,
            None => {
                let signed = self.signer.sign(&record.action).await?;
                self.sent
                    .keep(vec![(record.name.clone(), signed.clone())])?;
                signed
            }
        };
        self.busy.insert(place, record.subjects.clone());
        let unit = self.signer.unit().clone();
        let deadline = Instant::now() + self.wait;
        self.flying.spawn(async move {
            Landed {
                place,
                record,
                answer: send(unit, signed, deadline).await,
            }
        });
        Ok(())
    }

    /// A transaction whose nonce another one used, or that expired, never happens: its record may
    /// be signed again without being recorded twice.
    fn is_to_be_signed_anew(&mut self, answer: &Answer) -> bool {
        let Fate::Rejected { reason, .. } = &answer.fate else {
            return false;
        };
        if !SIGNED_ANEW.contains(&reason.as_str()) {
            return false;
        }
        self.signer.ask_again(answer.shard);
        true
    }
}

/// Below the window of nonces, so that none lies beyond it.
const FLYING_MAX: usize = 64;
/// How many records are looked at for one that need not wait.
const LOOK_AHEAD: usize = 512;
/// Refusals of transactions that never come into a block.
const SIGNED_ANEW: [&str; 2] = ["EXPIRED", "NONCE_USED"];
