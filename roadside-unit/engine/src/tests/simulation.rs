use std::{collections::BTreeMap, time::Duration};

use commonware_p2p::simulated::SplitTarget;
use commonware_runtime::{
    Clock as _, Runner as _, Supervisor as _,
    deterministic::{Config, Context, FaultConfig, PartialWriteMode, Runner, WriteConfig},
};
use commonware_utils::probability;
use rand_core::Rng as _;
use wayside::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        Audit, Auditor, ChangeCommittee, Entry, ReceiptBody, ReplaceSeat, SeatChange,
        SignedTransaction, StateView as _, TransactionId,
    },
};

use super::{
    Committee,
    committee::{BAD, GOOD, NONE},
    genesis::{MAKER, Nonces, reading},
    liar::lie,
    parts::next_step,
    seeds,
};
use crate::{Handle, Tip};

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(1)];

/// What was seen to be final, which must stay so whatever happens.
#[derive(Default)]
struct Seen {
    /// Who lies, if anybody does.
    liar: Option<Liar>,
    /// The header's digest of each block.
    blocks: BTreeMap<(ShardId, u64), Digest>,
    /// Where each transaction is.
    transactions: BTreeMap<(ShardId, TransactionId), u64>,
    /// The nonces that were used.
    nonces: Nonces,
    /// What was submitted, or tried to be.
    sent: Vec<SignedTransaction>,
    /// Holds the shards' states against each other.
    auditor: Auditor,
    /// The height of the state that it saw last of each shard.
    audited: BTreeMap<ShardId, u64>,
    /// How many parts left for the other shard.
    moved: u64,
    /// The newest epoch of a final block.
    epoch: u64,
    /// Whether the liar was named on the ledger.
    named: bool,
}

/// A member whose key is in the hands of somebody who wants a fork.
#[derive(Clone, Copy)]
enum Liar {
    /// Runs twice, each time for some of the others: it proposes two blocks when it leads, and
    /// votes for either.
    Twins(usize),
    /// Votes for whatever others vote for and for something else, and does nothing beside.
    Talker(usize),
}

#[test]
fn committee_agrees_and_forgets_nothing_whatever_fails() {
    let seen = seeds::each(3, simulate);
    println!(
        "{} seeds: {} blocks, {} parts moved, {} epochs, {} liars, of whom {} named",
        seen.len(),
        seen.iter().map(|it| it.blocks.len()).sum::<usize>(),
        seen.iter().map(|it| it.moved).sum::<u64>(),
        seen.iter().map(|it| it.epoch).sum::<u64>(),
        seen.iter().filter(|it| it.liar.is_some()).count(),
        seen.iter().filter(|it| it.named).count(),
    );
}

/// A minute of faults, in the middle of which the power of all members fails, and in two of three
/// seeds a member that lies all the while.
fn simulate(seed: u64) -> Seen {
    let faults = FaultConfig::default().write(WriteConfig {
        failure_rate: probability!(0.0),
        retention_rate: probability!(0.5),
        mode: PartialWriteMode::Subset,
    });
    let config = Config::default()
        .with_seed(seed)
        .with_timeout(Some(Duration::from_secs(900)))
        .with_storage_fault_config(faults);
    let index = usize::try_from(seed / 3 % 4).unwrap();
    let liar = [None, Some(Liar::Twins(index)), Some(Liar::Talker(index))];
    let liar = liar[usize::try_from(seed % 3).unwrap()];
    let (seen, checkpoint) = Runner::new(config).start_and_recover(|context| async move {
        let mut seen = Seen {
            liar,
            ..Seen::default()
        };
        misuse(context, &mut seen).await;
        seen
    });
    Runner::from(checkpoint).start(|context| async move {
        let mut seen = seen;
        let committee = misuse(context, &mut seen).await;
        settle(committee, &mut seen).await;
        seen
    })
}

/// Lets half a minute of faults pass.
async fn misuse(mut context: Context, seen: &mut Seen) -> Committee {
    let mut committee = Committee::new(context.child("committee"), 4).await;
    let honest = honest(&committee, seen);
    for index in &honest {
        committee.start(*index).await;
    }
    match seen.liar {
        Some(Liar::Twins(index)) => {
            divide(&mut context, &committee, index);
            committee.start_twins(index).await;
        }
        Some(Liar::Talker(index)) => lie(&committee, index).await,
        None => {}
    }
    if seen.liar.is_some() {
        begin(&committee).await;
    }
    let end = context.current() + Duration::from_secs(20);
    while context.current() < end {
        let index = usize::try_from(context.next_u32() % 4).unwrap();
        let is_honest = honest.contains(&index);
        match context.next_u32() % 8 {
            0 | 1 if committee.running() > 2 && committee.runs(index) => {
                committee.kill(index).await
            }
            0..=3 if is_honest && !committee.runs(index) => committee.start(index).await,
            0..=2 if !is_honest => divide(&mut context, &committee, index),
            4 => committee.link_all(index, &NONE).await,
            5 => committee.link_all(index, &BAD).await,
            _ => committee.link_all(index, &GOOD).await,
        }
        for _ in 0..context.next_u32() % 6 {
            submit(&mut context, &committee, seen).await;
            committee
                .pass(Duration::from_millis(u64::from(context.next_u32() % 200)))
                .await;
        }
        observe(&committee, seen).await;
    }
    committee
}

/// Waits until all members that run may vote. One that is killed before it has found out whether it
/// voted earlier stays silent for some views, like one that was wiped; a committee of four cannot
/// begin with such a one and a liar.
async fn begin(committee: &Committee) {
    let is_voting = |handle: &Handle| {
        let mut statuses = SHARDS.iter().map(|shard| handle.status(*shard).unwrap());
        statuses.all(|it| it.voting)
    };
    let end = committee.context.current() + Duration::from_secs(10);
    while !committee.handles().all(is_voting) {
        assert!(committee.context.current() < end, "it does not begin");
        committee.pass(Duration::from_millis(50)).await;
    }
}

/// All members but the liar.
fn honest(committee: &Committee, seen: &Seen) -> Vec<usize> {
    let liar = match seen.liar {
        Some(Liar::Twins(index) | Liar::Talker(index)) => Some(index),
        None => None,
    };
    let members = committee.members();
    members.filter(|index| Some(*index) != liar).collect()
}

/// Has each other member talk with the one twin, the other, or both.
fn divide(context: &mut Context, committee: &Committee, index: usize) {
    let halves = [
        SplitTarget::Primary,
        SplitTarget::Secondary,
        SplitTarget::Both,
    ];
    let mut choose = || halves[usize::try_from(context.next_u32() % 3).unwrap()];
    committee.wires.divide(index, [(); 4].map(|()| choose()));
}

/// Hands a transaction to some member, which may lose it.
async fn submit(context: &mut Context, committee: &Committee, seen: &mut Seen) {
    let running: Vec<_> = committee
        .members()
        .filter(|it| committee.runs(*it))
        .collect();
    let index = running[usize::try_from(context.next_u32()).unwrap() % running.len()];
    let handle = committee.handle(index);
    let genesis = &committee.genesis;
    let (shard, transaction) = if context.next_u32().is_multiple_of(32) {
        (ShardId::GOVERNANCE, change(context, committee, seen))
    } else if context.next_u32().is_multiple_of(4) {
        let shard = SHARDS[usize::try_from(context.next_u32() % 2).unwrap()];
        (
            shard,
            reading(genesis, shard, seen.nonces.next(MAKER, shard)),
        )
    } else {
        let states = SHARDS.map(|shard| handle.tip(shard).unwrap().state);
        // Few numbers, so that parts are moved often, and made twice.
        let number = u8::try_from(context.next_u32() % 16).unwrap();
        let step = next_step(context, genesis, &states, number);
        let about = (&**genesis, step.shard);
        let transaction = seen.nonces.sign(about, &step.signers, step.action);
        (step.shard, transaction)
    };
    // A member that has just begun may not know the sender yet.
    let _ = handle.submit(shard, transaction.clone()).await;
    seen.sent.push(transaction);
}

/// Governance moves a member to another address, which begins another epoch. The members stay, so
/// that they are tried by whatever fails in all of them.
fn change(context: &mut Context, committee: &Committee, seen: &mut Seen) -> SignedTransaction {
    let operator = u16::try_from(context.next_u32() % 4).unwrap();
    let port = 8_000 + context.next_u32() % 1_000;
    let moved = SeatChange::Replace(ReplaceSeat {
        operator,
        vote_key: None,
        address: Some(format!("127.0.0.1:{port}")),
    });
    let change = ChangeCommittee { seats: vec![moved] };
    let about = (&*committee.genesis, ShardId::GOVERNANCE);
    let cold_keys: Vec<_> = committee
        .members()
        .map(|index| committee.number(index) + 100)
        .collect();
    seen.nonces.sign(about, &cold_keys, change)
}

/// Holds what every member has against what was seen before.
async fn observe(committee: &Committee, seen: &mut Seen) {
    let honest = honest(committee, seen);
    for (by, whom) in committee.blocked().await {
        let both = honest.contains(&by) && honest.contains(&whom);
        assert!(
            !both,
            "member {by} keeps out {whom}, which follows the rules"
        );
    }
    for handle in committee.handles() {
        for shard in SHARDS {
            let tip = handle.tip(shard).unwrap();
            assert_eq!(tip.state.root(), tip.header.state_root);
            audit(committee, seen, shard, &tip);
            let tip = tip.header;
            seen.epoch = seen.epoch.max(tip.epoch);
            for height in 1..=tip.height {
                if !seen.blocks.contains_key(&(shard, height))
                    && let Some(block) = handle.block(shard, height).await
                {
                    check_block(seen, shard, height, block.block.header.digest());
                    let bodies = block.receipts.iter().map(|it| &it.body);
                    let moved = bodies.filter(|it| matches!(it, ReceiptBody::PartMoved { .. }));
                    seen.moved += u64::try_from(moved.count()).unwrap();
                    for entry in &block.block.entries {
                        if let Entry::Transaction(signed) = entry {
                            let before = seen.transactions.insert((shard, signed.id()), height);
                            assert_eq!(before, None, "a transaction is final twice");
                        }
                    }
                }
                if height == tip.height {
                    check_block(seen, shard, height, tip.digest());
                }
            }
        }
    }
}

/// Each part has to be there exactly once, and nothing may be taken back.
fn audit(committee: &Committee, seen: &mut Seen, shard: ShardId, tip: &Tip) {
    let audited = seen.audited.entry(shard).or_default();
    if tip.header.height > *audited {
        *audited = tip.header.height;
        assert_eq!(seen.auditor.observe(shard, tip.state.clone()), []);
    }
    if let Audit::Done(violations) = seen.auditor.check(&committee.genesis) {
        assert_eq!(violations, []);
    }
}

fn check_block(seen: &mut Seen, shard: ShardId, height: u64, digest: Digest) {
    let known = seen.blocks.entry((shard, height)).or_insert(digest);
    assert_eq!(
        *known, digest,
        "two blocks of shard {shard} at {height} are final"
    );
}

/// Ends all faults but lies: every member has to get to the same state with everything that was
/// ever final.
async fn settle(mut committee: Committee, seen: &mut Seen) {
    for index in committee.members() {
        committee.link_all(index, &GOOD).await;
    }
    let honest = honest(&committee, seen);
    for index in &honest {
        if !committee.runs(*index) {
            committee.start(*index).await;
        }
    }
    committee.pass(Duration::from_secs(5)).await;
    let first = committee.handle(honest[0]);
    for shard in SHARDS {
        let nonce = seen.nonces.next(MAKER, shard);
        seen.sent.push(reading(&committee.genesis, shard, nonce));
        send_again(&committee, first, seen, shard).await;
        committee.pass(Duration::from_secs(1)).await;
        let heights = honest.iter().map(|it| committee.height(*it, shard));
        let height = heights.max().unwrap();
        committee
            .reach(shard, height, Duration::from_secs(30))
            .await;
    }
    committee.pass(Duration::from_secs(10)).await;
    for handle in committee.handles() {
        for ((shard, height), digest) in &seen.blocks {
            let block = handle.block(*shard, *height).await;
            let is_older = *height < handle.oldest(*shard).unwrap();
            let same = block.is_some_and(|it| it.block.header.digest() == *digest);
            assert!(same || is_older, "block {height} of shard {shard} is gone");
        }
    }
    observe(&committee, seen).await;
    for sent in &seen.sent {
        let found = (sent.transaction.shard, sent.id());
        assert!(seen.transactions.contains_key(&found), "{found:?} is gone");
    }
    // Nothing is under way between the shards any more.
    let states = SHARDS.map(|shard| first.tip(shard).unwrap().state);
    for (from, to) in [(0, 1), (1, 0)] {
        let sent = states[from].sent(SHARDS[to]);
        assert_eq!(sent, states[to].received(SHARDS[from]));
    }
    let audit = seen.auditor.check(&committee.genesis);
    assert_eq!(audit, Audit::Done(Vec::new()));
    for index in committee.members() {
        let operator = states[0].operator(u16::try_from(index).unwrap()).unwrap();
        let is_named = operator.misconduct > 0;
        assert!(!(is_named && honest.contains(&index)), "{index} is no liar");
        seen.named |= is_named;
    }
}

/// Sends a member what was lost, as clients do until all they sent is final.
async fn send_again(committee: &Committee, first: &Handle, seen: &Seen, shard: ShardId) {
    let end = committee.context.current() + Duration::from_secs(60);
    loop {
        let state = first.tip(shard).unwrap().state;
        let missing = seen.sent.iter().filter(|it| {
            let SignedTransaction { transaction, .. } = it;
            let account = state.account(transaction.sender);
            let is_final = account.is_some_and(|it| it.nonces.is_used(transaction.nonce));
            transaction.shard == shard && !is_final
        });
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return;
        }
        let is_early = committee.context.current() < end;
        let statuses = committee.handles().map(|it| it.status(shard));
        let statuses: Vec<_> = statuses.collect();
        assert!(is_early, "shard {shard} is stuck: {statuses:?}");
        for transaction in missing {
            // Some wait already.
            let _ = first.submit(shard, transaction.clone()).await;
        }
        committee.pass(Duration::from_secs(1)).await;
    }
}
