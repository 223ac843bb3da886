//! The parts that virtual time leaves out: threads, sockets and files.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use tempfile::TempDir;
use wayside::{
    id::ShardId,
    ledger::{
        AddOperator, ChangeCommittee, Genesis, MempoolConfig, RemoveOperator, SeatChange,
        StateView as _,
    },
};

use super::genesis::{MAKER, Nonces, account, key, read, with_ports};
use crate::{Application, Config, Handle, Running, Seat, Timing, start};

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(1)];
const PATIENCE: Duration = Duration::from_secs(120);

/// A unit with a folder of its own.
struct Unit {
    handle: Handle,
    running: Running,
    _folder: TempDir,
}

impl Unit {
    /// The unit whose vote key has this number.
    fn start(genesis: &Arc<Genesis>, number: u8, port: u16) -> Self {
        let folder = TempDir::new().unwrap();
        let started = start(Config {
            genesis: Arc::clone(genesis),
            shards: SHARDS.to_vec(),
            seat: Seat::Member {
                vote_key: key(number),
                followers: Vec::new(),
            },
            storage: folder.path().to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            timing: Timing::default(),
            retention: None,
            mempool: MempoolConfig::default(),
            application: Application::Ledger,
        });
        let (handle, running) = started.unwrap();
        Self {
            handle,
            running,
            _folder: folder,
        }
    }

    fn stop(self) {
        self.handle.shutdown();
        self.running.join().unwrap();
    }
}

/// Waits until something is so.
#[expect(
    clippy::disallowed_methods,
    reason = "the units run on threads and sockets, whose time is the clock's"
)]
fn wait(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} does not come");
        thread::sleep(Duration::from_millis(20));
    }
}

fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<_> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
        .collect();
    held.iter()
        .map(|it| it.local_addr().unwrap().port())
        .collect()
}

#[test]
fn who_joins_is_connected_and_who_leaves_stays_so() {
    const JOINER: u8 = 150;
    let ports = free_ports(5);
    let genesis = Arc::new(with_ports("loopback", &ports[..4]));
    let numbers = [100, 101, 102, 103, JOINER];
    let units: Vec<_> = numbers
        .iter()
        .zip(&ports)
        .map(|(number, port)| Unit::start(&genesis, *number, *port))
        .collect();
    let (joiner, members) = units.split_last().unwrap();
    wait("the committee", || members.iter().all(is_voting));
    assert_eq!(joiner.handle.status(SHARDS[0]).unwrap().peers, 0);

    let mut nonces = Nonces::default();
    let join = SeatChange::Add(AddOperator {
        name: "newcomer".parse().unwrap(),
        cold_key: account(JOINER + 100),
        vote_key: account(JOINER),
        address: format!("127.0.0.1:{}", ports[4]),
    });
    let mut change = |seat| {
        let change = ChangeCommittee { seats: vec![seat] };
        let signers = [200, 201, 202, 203, JOINER + 100];
        let change = nonces.sign((&genesis, SHARDS[0]), &signers, change);
        block_on(members[0].handle.submit(SHARDS[0], change)).unwrap();
    };
    change(join);
    wait("the first epoch", || {
        units.iter().all(|it| epochs(it) == [1, 1])
    });
    wait("the new member", || is_voting(joiner));
    wait("the end of the change", || {
        let state = members[0].handle.tip(SHARDS[0]).unwrap().state;
        state.shard_epoch(SHARDS[1]) == 1
    });
    let operators = genesis.operators.iter();
    let left = operators
        .map(|it| it.vote_key)
        .position(|it| it == account(100));
    let operator = u16::try_from(left.unwrap()).unwrap();
    change(SeatChange::Remove(RemoveOperator { operator }));
    wait("the second epoch", || {
        units.iter().all(|it| epochs(it) == [2, 2])
    });

    // Who has left hands in for others, and hears of what is final.
    assert!(!is_voting(&members[0]));
    for shard in SHARDS {
        let reading = nonces.sign((&genesis, shard), &[MAKER], read(shard));
        block_on(members[0].handle.submit(shard, reading)).unwrap();
        let is_final = || {
            let state = members[0].handle.tip(shard).unwrap().state;
            let account = state.account(account(MAKER));
            account.is_some_and(|account| account.nonces.is_used(0))
        };
        wait("a transaction", is_final);
    }
    for unit in units {
        unit.stop();
    }
}

fn is_voting(unit: &Unit) -> bool {
    let voting = SHARDS.map(|shard| unit.handle.status(shard).unwrap().voting);
    voting == [true, true]
}

fn epochs(unit: &Unit) -> [u64; 2] {
    SHARDS.map(|shard| unit.handle.status(shard).unwrap().epoch)
}
