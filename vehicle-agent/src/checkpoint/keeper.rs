use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;
use wayside::{
    id::ShardId,
    ledger::{
        Anchor, Bundle, BundleError, Checkpoint, CheckpointError, Committees, Genesis, Handover,
        Point, Relation, Report, Trunk, Unanchored,
    },
    time::Timestamp,
};

use super::CheckpointConfig;

/// Where each shard stood, and who said so.
///
/// Ask a unit for the headers at [`Self::points`], give what it answers to [`Self::handle_answer`],
/// and write [`Self::kept`] down. [`Self::is_due`] says when to ask anew.
#[derive(Debug)]
pub struct Keeper {
    genesis: Genesis,
    home: ShardId,
    config: CheckpointConfig,
    /// By the vehicle's owner.
    given: Option<Given>,
    kept: Option<Kept>,
    /// Whose votes count, as far as what is given and what is kept say.
    committees: Arc<Committees>,
}

/// What is remembered.
#[derive(BorshDeserialize, BorshSerialize, Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    /// The newest headers, each of which leads to those before it.
    pub checkpoint: Checkpoint,
    /// When an operator, by its place in the genesis, last showed a shard's past that leads there.
    pub vouchers: BTreeMap<(ShardId, u16), Timestamp>,
}

#[derive(Debug)]
struct Given {
    checkpoint: Checkpoint,
    points: Vec<Point>,
}

/// Why what a unit showed is not kept.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum KeepError {
    /// It is no checkpoint of this ledger, or no committee made it final.
    #[error("not a checkpoint of this ledger: {0}")]
    False(#[from] CheckpointError),
    /// It says nothing of a shard that the vehicle needs.
    #[error("the checkpoint says nothing of shard {0}")]
    Missing(ShardId),
    /// It was true once; what is shown now should be newer.
    #[error("the checkpoint's newest block of shard {shard} is {age:?} old, more than {age_max:?}")]
    Stale {
        /// The shard.
        shard: ShardId,
        /// How old.
        age: Duration,
        /// How old it may be.
        age_max: Duration,
    },
    /// Its time is still to come, so that this car's clock or a quorum's is wrong.
    #[error("the checkpoint's newest block of shard {shard} is {ahead:?} ahead of this clock")]
    Future {
        /// The shard.
        shard: ShardId,
        /// How far.
        ahead: Duration,
    },
    /// It does not lead to what is kept, nor the other way round: the unit is behind, or did not give
    /// the path that it was asked for.
    #[error("the checkpoint's shard {0} does not lead to the block that is remembered")]
    NotLinked(ShardId),
    /// It shows another past.
    #[error(
        "operator {operator:?} shows another past of shard {shard} than {others}: one of the two was \
         made up by a quorum"
    )]
    Fork {
        /// The shard.
        shard: ShardId,
        /// Who shows it.
        operator: String,
        /// Who showed what is kept.
        others: String,
    },
}

/// How a history stands to what is kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Standing {
    /// The blocks that the history was held against; empty for none.
    pub points: Vec<Point>,
    /// Who vouches for that past, but the operator whose unit gave the history.
    pub vouchers: Vec<Voucher>,
    /// Whether the vehicle's owner does, by a checkpoint that is not too old.
    pub is_given: bool,
    /// Why nobody does; `None` if somebody does.
    pub problem: Option<String>,
}

/// An operator's word for a past.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Voucher {
    /// Whose.
    pub operator: String,
    /// When it was given.
    pub at: Timestamp,
}

impl Keeper {
    /// Goes on with what is remembered; `given` is from the vehicle's owner, and verified.
    pub fn new(
        genesis: Genesis,
        home: ShardId,
        config: CheckpointConfig,
        given: Option<(Checkpoint, Vec<Point>)>,
    ) -> Self {
        let given = given.map(|(checkpoint, points)| Given { checkpoint, points });
        let mut keeper = Self {
            committees: Arc::new(Committees::of(&genesis)),
            genesis,
            home,
            config,
            given,
            kept: None,
        };
        keeper.follow();
        keeper
    }

    /// Whose votes count, epoch by epoch, as far as it is known.
    pub fn committees(&self) -> Arc<Committees> {
        Arc::clone(&self.committees)
    }

    /// Learns the committees that what is given and what is kept name.
    fn follow(&mut self) {
        let given = self.given.iter().map(|given| &given.checkpoint);
        let checkpoints = given.chain(self.kept.iter().map(|kept| &kept.checkpoint));
        let mut committees = Committees::clone(&self.committees);
        for handover in checkpoints.flat_map(|checkpoint| &checkpoint.handovers) {
            // All were seen to follow from the genesis. One that contradicts what the owner gave is
            // passed over, and whatever it vouches for is refused.
            let _ = committees.follow(handover);
        }
        self.committees = Arc::new(committees);
    }

    /// Takes up what an earlier run remembered, once it is seen to hold.
    pub fn restore(&mut self, kept: Kept) -> Result<(), CheckpointError> {
        kept.checkpoint.verify(&self.genesis)?;
        self.kept = Some(kept);
        self.follow();
        Ok(())
    }

    /// What is to be written down; `None` for nothing.
    pub fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// The blocks to which a unit's headers must lead.
    pub fn points(&self) -> Vec<Point> {
        let kept = self.kept.iter().flat_map(|kept| &kept.checkpoint.shards);
        let given = self.given.iter().flat_map(|given| &given.points).copied();
        let mut points: Vec<Point> = kept.map(Trunk::tip).chain(given).collect();
        points.sort_by_key(|point| (point.shard, point.height));
        points.dedup_by_key(|point| (point.shard, point.height));
        points
    }

    /// Whether operators should be asked: fewer than wanted vouched for the needed shards lately.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let fresh = self.vouching(&self.needed(), self.config.refresh, now);
        let operators = self.genesis.operators.len();
        fresh.len() < usize::from(self.config.operators.get()).min(operators)
    }

    /// Whether an operator vouched so lately that it need not be asked again.
    pub fn is_fresh(&self, operator: usize, now: Timestamp) -> bool {
        let fresh = self.vouching(&self.needed(), self.config.refresh, now);
        fresh.keys().any(|known| usize::from(*known) == operator)
    }

    /// Takes what the unit of an operator, by its place in the genesis, showed.
    pub fn handle_answer(
        &mut self,
        operator: usize,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<(), KeepError> {
        let shown = Checkpoint::from_bytes(bytes)?;
        let points = shown.verify(&self.genesis)?;
        self.require_recent(&points, now)?;
        let earlier = self.given.iter().map(|given| &given.checkpoint);
        let earlier = earlier.chain(self.kept.iter().map(|kept| &kept.checkpoint));
        let mut newer = BTreeMap::new();
        for earlier in earlier {
            for (shard, relation) in shown.relations(earlier, &self.genesis)? {
                match relation {
                    Relation::OnePast => {}
                    Relation::NotLinked => return Err(KeepError::NotLinked(shard)),
                    Relation::Contradiction => return Err(self.fork(shard, operator)),
                }
            }
        }
        let kept = self.kept.take();
        let (before, mut vouchers) = match kept {
            Some(Kept {
                checkpoint,
                vouchers,
            }) => (Some(checkpoint), vouchers),
            None => (None, BTreeMap::new()),
        };
        let handovers = longer(&shown, before.as_ref());
        for trunk in before
            .into_iter()
            .flat_map(|it| it.shards)
            .chain(shown.shards)
        {
            let header = &trunk.newest.header;
            let (shard, height) = (header.shard, header.height);
            let known: Option<&Trunk> = newer.get(&shard);
            if known.is_none_or(|known| known.newest.header.height <= height) {
                newer.insert(shard, trunk);
            }
        }
        if let Ok(operator) = u16::try_from(operator) {
            vouchers.extend(points.iter().map(|point| ((point.shard, operator), now)));
        }
        self.kept = Some(Kept {
            checkpoint: Checkpoint {
                chain: self.genesis.chain(),
                handovers,
                shards: newer.into_values().collect(),
            },
            vouchers,
        });
        self.follow();
        Ok(())
    }

    /// What is remembered, and by whose word of whatever age; `None` for nothing.
    pub fn standing(&self) -> Option<Standing> {
        let kept = self.kept.as_ref()?;
        let mut latest: BTreeMap<u16, Timestamp> = BTreeMap::new();
        for ((_, operator), at) in &kept.vouchers {
            let known = latest.entry(*operator).or_insert(*at);
            *known = (*known).max(*at);
        }
        let vouchers = latest.into_iter().map(|(who, at)| self.voucher(who, at));
        Some(Standing {
            points: kept.checkpoint.shards.iter().map(Trunk::tip).collect(),
            vouchers: vouchers.collect(),
            is_given: false,
            problem: None,
        })
    }

    /// Verifies a history that the unit of an operator gave, and says who else vouches for it.
    ///
    /// Fails for one that contradicts what is kept or given.
    pub fn verify(
        &self,
        bundle: &Bundle,
        served_by: usize,
        now: Timestamp,
    ) -> Result<(Report, Standing), BundleError> {
        let mut verified = bundle.clone().verify(&self.genesis, None)?;
        let mut standing = Standing {
            problem: Some("no checkpoint was given, and no other operator's is kept".to_owned()),
            ..Standing::default()
        };
        if let Some(given) = &self.given {
            let report = bundle
                .clone()
                .verify(&self.genesis, Some(&given.checkpoint))?;
            standing.problem = match &report.anchor {
                Anchor::Anchored(points) => {
                    standing.points.clone_from(points);
                    let age = self.age(points, now);
                    standing.is_given = age <= self.config.age_max;
                    let words = || format!("the checkpoint that was given is {age:?} old");
                    (!standing.is_given).then(words)
                }
                Anchor::Unanchored(why) => Some(words(why)),
            };
            verified = report;
        }
        if let Some(kept) = &self.kept {
            let report = bundle
                .clone()
                .verify(&self.genesis, Some(&kept.checkpoint))?;
            let problem = match &report.anchor {
                Anchor::Anchored(points) => {
                    let shards = BTreeSet::from([ShardId::GOVERNANCE, report.vehicle.home]);
                    let vouching = self.vouching(&shards, self.config.age_max, now);
                    let others = vouching
                        .into_iter()
                        .filter(|(operator, _)| usize::from(*operator) != served_by);
                    standing.vouchers = others.map(|(who, at)| self.voucher(who, at)).collect();
                    standing.points.clone_from(points);
                    let nobody = || "no other operator showed this past lately".to_owned();
                    standing.vouchers.is_empty().then(nobody)
                }
                Anchor::Unanchored(why) => Some(words(why)),
            };
            if !standing.is_given {
                standing.problem = problem;
            }
            if report.is_anchored() || !verified.is_anchored() {
                verified = report;
            }
        }
        Ok((verified, standing))
    }

    /// The shards without which the own vehicle's history cannot be checked.
    fn needed(&self) -> BTreeSet<ShardId> {
        BTreeSet::from([ShardId::GOVERNANCE, self.home])
    }

    fn require_recent(&self, points: &[Point], now: Timestamp) -> Result<(), KeepError> {
        for shard in self.needed() {
            let point = points.iter().find(|point| point.shard == shard);
            let time = point.ok_or(KeepError::Missing(shard))?.time;
            let (age, ahead) = (now.since(time), time.since(now));
            if age > self.config.age_max {
                return Err(KeepError::Stale {
                    shard,
                    age,
                    age_max: self.config.age_max,
                });
            }
            if ahead > AHEAD_MAX {
                return Err(KeepError::Future { shard, ahead });
            }
        }
        Ok(())
    }

    /// Who vouched within `age` for all of some shards, and when last for all of them.
    fn vouching(
        &self,
        shards: &BTreeSet<ShardId>,
        age: Duration,
        now: Timestamp,
    ) -> BTreeMap<u16, Timestamp> {
        let Some(kept) = &self.kept else {
            return BTreeMap::new();
        };
        let operators: BTreeSet<u16> = kept.vouchers.keys().map(|(_, it)| *it).collect();
        let for_all = |operator: u16| {
            let vouched = |shard: &ShardId| kept.vouchers.get(&(*shard, operator)).copied();
            let times: Option<Vec<Timestamp>> = shards.iter().map(vouched).collect();
            let at = times?.into_iter().min()?;
            // A clock that was put back makes old words look new.
            (now.since(at) <= age && at.since(now) <= AHEAD_MAX).then_some((operator, at))
        };
        operators.into_iter().filter_map(for_all).collect()
    }

    fn fork(&self, shard: ShardId, operator: usize) -> KeepError {
        let vouchers = self.kept.iter().flat_map(|kept| kept.vouchers.keys());
        let of_shard = vouchers.filter(|(vouched, _)| *vouched == shard);
        let names: Vec<String> = of_shard
            .map(|(_, operator)| format!("{:?}", self.name(usize::from(*operator))))
            .collect();
        KeepError::Fork {
            shard,
            operator: self.name(operator),
            others: if names.is_empty() {
                "the checkpoint that was given".to_owned()
            } else {
                names.join(", ")
            },
        }
    }

    fn voucher(&self, operator: u16, at: Timestamp) -> Voucher {
        Voucher {
            operator: self.name(usize::from(operator)),
            at,
        }
    }

    fn name(&self, operator: usize) -> String {
        let found = self.genesis.operators.get(operator);
        found.map_or_else(|| format!("#{operator}"), |it| it.name.clone())
    }

    fn age(&self, points: &[Point], now: Timestamp) -> Duration {
        let ages = points.iter().map(|point| now.since(point.time));
        ages.max().unwrap_or_default()
    }
}

/// The hand-overs of the one that knows more of them; both were seen to follow from the genesis.
fn longer(shown: &Checkpoint, before: Option<&Checkpoint>) -> Vec<Handover> {
    let known = before.map_or(&[][..], |before| &before.handovers);
    let newest = |handovers: &[Handover]| handovers.last().map(|it| it.committee.epoch());
    if newest(known) >= newest(&shown.handovers) {
        known.to_vec()
    } else {
        shown.handovers.clone()
    }
}

fn words(why: &Unanchored) -> String {
    match why {
        Unanchored::NoCheckpoint => "there is no checkpoint".to_owned(),
        Unanchored::NoShard(shard) => format!("no checkpoint says anything of shard {shard}"),
        Unanchored::NotLinked {
            shard,
            bundle,
            checkpoint,
        } => format!(
            "shard {shard}: the history's block {bundle} and the checkpoint's block {checkpoint} are \
             not linked"
        ),
    }
}

/// How far a block may be ahead of this car's clock.
const AHEAD_MAX: Duration = Duration::from_secs(5 * 60);
