use std::time::Duration;

use commonware_p2p::simulated;
use commonware_runtime::{
    Clock as _, Runner as _, Supervisor as _,
    deterministic::{Config, Context, FaultConfig, PartialWriteMode, Runner, WriteConfig},
};
use commonware_utils::probability;
use rand_core::Rng as _;
use wayside::{
    id::ShardId,
    ledger::{
        AddOperator, ChangeCommittee, Committees, Outcome, RemoveOperator, ReplaceSeat, Rule,
        SeatChange, StateView as _,
    },
};

use super::{
    Committee,
    committee::{BAD, GOOD, NONE},
    crashes::ALL,
    genesis::{MAKER, Nonces, account, read},
    seeds,
};

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(1)];

/// The first unit that has no seat at first.
const JOINER: usize = 4;

const PATIENCE: Duration = Duration::from_secs(60);

/// A committee of four that changes.
struct Changing {
    committee: Committee,
    nonces: Nonces,
    /// The numbers of the cold keys of the operators that govern.
    cold_keys: Vec<u8>,
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(Context) -> F) {
    Runner::timed(Duration::from_secs(1_800)).start(test);
}

impl Changing {
    /// All members run, and so do `joiners` units that have no seat.
    async fn new(context: Context, joiners: u8) -> Self {
        let mut committee = Committee::with_joiners(context, 4, joiners).await;
        committee.start_all().await;
        for joiner in 0..usize::from(joiners) {
            committee.start(JOINER + joiner).await;
        }
        committee.pass(Duration::from_secs(3)).await;
        let cold_keys = (0..4).map(|index| committee.number(index) + 100).collect();
        Self {
            committee,
            nonces: Nonces::default(),
            cold_keys,
        }
    }

    /// Has governance change the committee, by a member that runs; the height at which it did.
    async fn change(&mut self, by: usize, seats: impl IntoIterator<Item = SeatChange>) -> u64 {
        let seats: Vec<_> = seats.into_iter().collect();
        let mut signers = self.cold_keys.clone();
        for seat in &seats {
            let cold = match seat {
                SeatChange::Add(it) => cold_number(it),
                SeatChange::Replace(it) => self.cold_keys[usize::from(it.operator)],
                SeatChange::Remove(_) => continue,
            };
            if !signers.contains(&cold) {
                signers.push(cold);
            }
        }
        let end = self.committee.context.current() + PATIENCE;
        loop {
            let about = (&*self.committee.genesis, ShardId::GOVERNANCE);
            let action = ChangeCommittee {
                seats: seats.clone(),
            };
            let transaction = self.nonces.sign(about, &signers, action);
            let (height, outcome) = self.committee.settle(by, transaction).await;
            if outcome == Outcome::Applied {
                self.cold_keys = signers;
                return height;
            }
            // Governance may not have heard yet that all shards are through with the last one.
            assert_eq!(outcome, Outcome::Refused(Rule::CommitteeChanging));
            assert!(self.committee.context.current() < end, "it never settles");
            self.committee.pass(Duration::from_millis(200)).await;
        }
    }

    /// The first height of a shard's next epoch, as a member that runs knows it; `None` if none is
    /// awaited.
    fn border(&self, by: usize, shard: ShardId) -> Option<u64> {
        let state = self.committee.handle(by).tip(shard).unwrap().state;
        let next = state.epoch_state(&self.committee.genesis).next?;
        Some(next.first_height)
    }

    /// Waits until a member that runs has a block of shard 0 at `height` or is beyond it.
    async fn wait(&self, by: usize, height: u64) {
        let end = self.committee.context.current() + PATIENCE;
        while self.committee.height(by, ShardId(0)) < height {
            assert!(self.committee.context.current() < end, "it is stuck");
            self.committee.pass(Duration::from_millis(1)).await;
        }
    }

    /// Has some transactions made final in both shards by a member that runs.
    async fn work(&mut self, by: usize, transactions: u64) {
        for _ in 0..transactions {
            for shard in SHARDS {
                let about = (&*self.committee.genesis, shard);
                let transaction = self.nonces.sign(about, &[MAKER], read(shard));
                self.committee.settle(by, transaction).await;
            }
        }
    }

    /// Waits until all units that run are in an epoch, and have a final block of it.
    async fn cross(&self, epoch: u64) {
        let end = self.committee.context.current() + PATIENCE;
        loop {
            let handles = self.committee.handles();
            let states = handles.flat_map(|handle| {
                SHARDS.map(|shard| {
                    let status = handle.status(shard).unwrap();
                    (status.epoch, handle.tip(shard).unwrap().header.epoch)
                })
            });
            let states: Vec<_> = states.collect();
            if states.iter().all(|it| *it == (epoch, epoch)) {
                return;
            }
            let is_early = self.committee.context.current() < end;
            assert!(is_early, "epoch {epoch} does not begin: {states:?}");
            self.committee.pass(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a unit votes in both shards.
    async fn votes(&self, index: usize) {
        let end = self.committee.context.current() + PATIENCE;
        let handle = self.committee.handle(index);
        while !SHARDS.iter().all(|it| handle.status(*it).unwrap().voting) {
            let is_early = self.committee.context.current() < end;
            assert!(is_early, "{index} does not vote");
            self.committee.pass(Duration::from_millis(50)).await;
        }
    }

    /// Holds that all units that run have the same blocks, each final by the committee of its epoch
    /// as the hand-overs show it, and that nobody has anything against anybody.
    async fn agree(&self) {
        for shard in SHARDS {
            let height = self.committee.handles().map(|it| it.tip(shard).unwrap());
            let height = height.map(|it| it.header.height).max().unwrap();
            self.committee.reach(shard, height, PATIENCE).await;
            let mut blocks = Vec::new();
            for handle in self.committee.handles() {
                let mut own = Vec::new();
                for height in 1..=height {
                    let block = handle.block(shard, height).await;
                    own.push(block.map(|it| it.block.header.digest()));
                }
                blocks.push(own);
                let state = handle.tip(shard).unwrap().state;
                let accused = state.operators().filter(|(_, it)| it.misconduct > 0);
                assert_eq!(accused.count(), 0);
            }
            for height in 0..blocks[0].len() {
                let mut known = blocks.iter().filter_map(|it| it[height]);
                let first = known.next().unwrap();
                assert!(known.all(|it| it == first));
            }
            for handle in self.committee.handles() {
                let mut committees = Committees::of(&self.committee.genesis);
                for handover in &*handle.handovers() {
                    committees.follow(handover).unwrap();
                }
                for height in 1..=height {
                    if let Some(certified) = handle.certified(shard, height).await {
                        committees.verify(&certified).unwrap();
                    }
                }
            }
        }
        assert_eq!(self.committee.blocked().await, []);
    }
}

/// A unit that has no seat gets one.
fn join(number: u8) -> SeatChange {
    SeatChange::Add(AddOperator {
        name: "newcomer".parse().unwrap(),
        cold_key: account(number + 100),
        vote_key: account(number),
        address: format!("127.0.0.1:{}", 7_000 + u16::from(number)),
    })
}

fn cold_number(added: &AddOperator) -> u8 {
    let mut numbers = 0..=u8::MAX;
    numbers.find(|it| account(*it) == added.cold_key).unwrap()
}

/// An operator votes with another key.
fn replace(operator: u16, number: u8) -> SeatChange {
    SeatChange::Replace(ReplaceSeat {
        operator,
        vote_key: Some(account(number)),
        address: None,
    })
}

fn remove(operator: u16) -> SeatChange {
    SeatChange::Remove(RemoveOperator { operator })
}

#[test]
fn a_new_member_follows_at_first_and_votes_from_the_border_on() {
    run(|context| async move {
        let mut changing = Changing::new(context, 1).await;
        changing.work(0, 3).await;
        let joiner = changing.committee.number(JOINER);
        let height = changing.change(0, [join(joiner)]).await;
        changing.cross(1).await;
        changing.votes(JOINER).await;

        let committee = &changing.committee;
        let tip = committee.handle(0).tip(ShardId(0)).unwrap();
        let epochs = tip.state.epoch_state(&committee.genesis);
        assert!(epochs.first_height >= height + 16 && epochs.first_height % 16 == 0);
        assert_eq!(epochs.committee.keys().len(), 5);
        assert_eq!(committee.handle(JOINER).handovers().len(), 1);
        for shard in SHARDS {
            let state = committee.handle(0).tip(shard).unwrap().state;
            let first = state.epoch_state(&committee.genesis).first_height;
            let last = committee.handle(0).block(shard, first - 1).await.unwrap();
            let first = committee.handle(0).block(shard, first).await.unwrap();
            let pause = first.block.header.time.since(last.block.header.time);
            assert!(pause < Duration::from_secs(1), "a pause of {pause:?}");
        }
        // Of five, four are needed, so now it is.
        changing.committee.kill(3).await;
        changing.work(JOINER, 5).await;
        changing.agree().await;
    });
}

#[test]
fn members_are_replaced_and_removed_while_transactions_go_on() {
    run(|context| async move {
        let mut changing = Changing::new(context, 2).await;
        let (first, second) = (
            changing.committee.number(JOINER),
            changing.committee.number(JOINER + 1),
        );
        changing.change(1, [replace(0, first)]).await;
        changing.work(1, 30).await;
        changing.cross(1).await;
        changing.votes(JOINER).await;
        let replaced = changing.committee.handle(0).status(ShardId(0)).unwrap();
        assert!(!replaced.voting);
        // The one that has no seat any more still follows, and hands in for others.
        changing.work(0, 3).await;
        changing.change(1, [join(second), remove(1)]).await;
        changing.work(2, 30).await;
        changing.cross(2).await;
        changing.votes(JOINER + 1).await;
        changing.committee.kill(0).await;
        changing.committee.kill(1).await;
        // Of the four, one may be gone.
        changing.committee.kill(3).await;
        changing.work(2, 5).await;
        changing.committee.start(3).await;
        changing.work(JOINER, 5).await;
        changing.agree().await;
        assert_eq!(changing.committee.handle(2).handovers().len(), 2);
    });
}

#[test]
fn a_committee_hands_over_to_one_of_others_only() {
    run(|context| async move {
        let mut changing = Changing::new(context, 4).await;
        let seats: Vec<_> = (0..4)
            .map(|operator| {
                let joiner = changing.committee.number(JOINER + usize::from(operator));
                replace(operator, joiner)
            })
            .collect();
        changing.change(0, seats).await;
        changing.cross(1).await;
        for index in 0..4 {
            changing.votes(JOINER + index).await;
            changing.committee.kill(index).await;
        }
        changing.work(JOINER, 5).await;
        changing.agree().await;
    });
}

#[test]
fn a_member_that_was_away_for_two_epochs_catches_up_and_votes() {
    run(|context| async move {
        let mut changing = Changing::new(context, 1).await;
        changing.work(0, 3).await;
        changing.committee.kill(3).await;
        let joiner = changing.committee.number(JOINER);
        changing.change(0, [join(joiner)]).await;
        changing.cross(1).await;
        changing.work(0, 20).await;
        changing.change(0, [remove(4)]).await;
        changing.cross(2).await;
        changing.work(0, 5).await;

        changing.committee.start(3).await;
        changing.cross(2).await;
        changing.votes(3).await;
        changing.committee.kill(0).await;
        changing.work(3, 5).await;
        changing.agree().await;
    });
}

#[test]
fn a_wiped_member_begins_with_a_snapshot_of_a_later_epoch() {
    run(|context| async move {
        let mut changing = Changing::new(context, 1).await;
        let joiner = changing.committee.number(JOINER);
        changing.change(0, [replace(1, joiner)]).await;
        changing.cross(1).await;
        changing.committee.kill(1).await;
        changing.work(0, 40).await;
        changing.committee.kill(3).await;
        changing.committee.wipe(3, &ALL).await;
        changing.committee.start(3).await;

        changing.cross(1).await;
        let wiped = changing.committee.handle(3);
        assert!(wiped.past(ShardId(0)).unwrap().count() >= 32);
        assert_eq!(wiped.handovers().len(), 1);
        changing.work(0, 10).await;
        changing.votes(3).await;
        // What it begins with outlasts another crash.
        changing.committee.kill(3).await;
        changing.committee.start(3).await;
        changing.cross(1).await;
        changing.committee.kill(0).await;
        changing.work(3, 5).await;
        changing.agree().await;
    });
}

#[test]
fn members_that_all_restart_at_the_border_lose_nothing() {
    // Before the last block of the epoch is final, when it is, and when the next has begun.
    for from_border in [3, 2, 1, 0] {
        run(|context| async move {
            let mut changing = Changing::new(context, 1).await;
            let joiner = changing.committee.number(JOINER);
            changing.change(0, [join(joiner)]).await;
            let border = changing.border(0, ShardId(0)).unwrap();
            changing.wait(0, border - from_border).await;
            for index in 0..=JOINER {
                changing.committee.kill(index).await;
            }
            changing.committee.start_all().await;
            changing.committee.start(JOINER).await;
            changing.cross(1).await;
            changing.work(JOINER, 3).await;
            changing.agree().await;
        });
    }
}

#[test]
fn a_committee_that_is_cut_in_two_at_the_border_goes_on_when_it_is_whole() {
    run(|context| async move {
        let mut changing = Changing::new(context, 1).await;
        let joiner = changing.committee.number(JOINER);
        changing.change(0, [join(joiner)]).await;
        let border = changing.border(0, ShardId(0)).unwrap();
        changing.wait(0, border - 2).await;
        let halves = [[0, 1], [2, 3]];
        let cut = async |changing: &Changing, link: simulated::Link| {
            for one in halves[0] {
                for other in halves[1] {
                    changing.committee.link(one, other, link.clone()).await;
                    changing.committee.link(other, one, link.clone()).await;
                }
            }
        };
        cut(&changing, NONE).await;
        changing.committee.pass(Duration::from_secs(20)).await;
        cut(&changing, GOOD).await;
        changing.cross(1).await;
        changing.work(0, 3).await;
        changing.agree().await;
    });
}

#[test]
fn a_member_that_misses_the_border_is_blamed_for_nothing() {
    run(|context| async move {
        let mut changing = Changing::new(context, 1).await;
        let joiner = changing.committee.number(JOINER);
        changing.change(0, [replace(0, joiner)]).await;
        let border = changing.border(1, ShardId(0)).unwrap();
        changing.wait(1, border - 8).await;
        for other in 0..=JOINER {
            changing.committee.link(3, other, NONE).await;
            changing.committee.link(other, 3, NONE).await;
        }
        changing.wait(1, border).await;
        changing.work(1, 20).await;
        for other in 0..=JOINER {
            changing.committee.link(3, other, GOOD).await;
            changing.committee.link(other, 3, GOOD).await;
        }
        changing.cross(1).await;
        changing.votes(3).await;
        changing.agree().await;
    });
}

#[test]
fn a_wiped_member_is_shown_a_committee_of_which_it_hardly_knows_anybody() {
    run(|context| async move {
        let mut changing = Changing::new(context, 2).await;
        let (first, second) = (
            changing.committee.number(JOINER),
            changing.committee.number(JOINER + 1),
        );
        changing
            .change(2, [replace(0, first), replace(1, second)])
            .await;
        changing.cross(1).await;
        changing.committee.kill(0).await;
        changing.committee.kill(1).await;
        changing.work(2, 40).await;
        changing.committee.kill(3).await;
        changing.committee.wipe(3, &ALL).await;
        changing.committee.start(3).await;

        changing.cross(1).await;
        assert!(changing.committee.handle(3).past(ShardId(0)).is_some());
        changing.work(2, 10).await;
        changing.votes(3).await;
        changing.agree().await;
    });
}

#[test]
fn l7_member_with_a_disk_of_an_earlier_epoch_stays_silent_until_its_votes_are_past() {
    run(|context| async move {
        const VOTES: [&str; 3] = ["votes", "votes-1", "fence"];
        let mut changing = Changing::new(context, 1).await;
        changing.work(0, 3).await;
        changing.committee.kill(3).await;
        let image = changing.committee.image(3, &VOTES).await;
        changing.committee.start(3).await;
        let joiner = changing.committee.number(JOINER);
        changing.change(0, [join(joiner)]).await;
        changing.cross(1).await;
        changing.votes(3).await;
        changing.work(0, 5).await;
        changing.committee.kill(3).await;
        changing.committee.wipe(3, &VOTES).await;
        changing.committee.restore(image).await;
        changing.committee.start(3).await;
        changing.committee.handle(3).ready().await.unwrap();
        changing.committee.pass(Duration::from_secs(2)).await;

        for shard in SHARDS {
            let status = changing.committee.handle(3).status(shard).unwrap();
            assert!(status.epoch == 1 && !status.voting);
        }
        changing.work(0, 20).await;
        changing.votes(3).await;
        changing.agree().await;
    });
}

#[test]
fn epochs_begin_whatever_fails_around_borders() {
    seeds::each(1, |seed| {
        let faults = FaultConfig::default().write(WriteConfig {
            failure_rate: probability!(0.0),
            retention_rate: probability!(0.5),
            mode: PartialWriteMode::Subset,
        });
        let config = Config::default()
            .with_seed(seed)
            .with_timeout(Some(Duration::from_secs(1_800)))
            .with_storage_fault_config(faults);
        Runner::new(config).start(fail_around_borders);
    });
}

/// Three changes, each of another kind, around each of which units crash and links fail.
async fn fail_around_borders(mut context: Context) {
    let mut changing = Changing::new(context.child("committee"), 2).await;
    let joiners = [0, 1].map(|it| changing.committee.number(JOINER + it));
    let seat = u16::try_from(context.next_u32() % 4).unwrap();
    let changes = [join(joiners[0]), replace(seat, joiners[1]), remove(seat)];
    for (epoch, change) in (1..).zip(changes) {
        changing.change(0, [change]).await;
        for _ in 0..context.next_u32() % 60 {
            let index = usize::try_from(context.next_u32() % 6).unwrap();
            let committee = &mut changing.committee;
            match context.next_u32() % 8 {
                0 | 1 if committee.running() > 3 && committee.runs(index) => {
                    committee.kill(index).await;
                }
                0..=3 if !committee.runs(index) => committee.start(index).await,
                4 => committee.link_all(index, &NONE).await,
                5 => committee.link_all(index, &BAD).await,
                _ => committee.link_all(index, &GOOD).await,
            }
            let pause = Duration::from_millis(u64::from(context.next_u32() % 200));
            committee.pass(pause).await;
        }
        for index in 0..6 {
            changing.committee.link_all(index, &GOOD).await;
            if !changing.committee.runs(index) {
                changing.committee.start(index).await;
            }
        }
        changing.cross(epoch).await;
        changing.work(0, 2).await;
        changing.agree().await;
    }
}
