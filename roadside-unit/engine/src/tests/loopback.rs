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
    ledger::{AddOperator, ChangeCommittee, Genesis, MempoolConfig, SeatChange, StateView as _},
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
fn a_new_member_is_connected_once_the_committee_has_changed() {
    const JOINER: u8 = 150;
    let ports = free_ports(5);
    let genesis = Arc::new(with_ports("loopback", &ports[..4]));
    let mut units: Vec<_> = (100..104)
        .zip(&ports)
        .map(|(number, port)| Unit::start(&genesis, number, *port))
        .collect();
    let joiner = Unit::start(&genesis, JOINER, ports[4]);
    let is_voting = |unit: &Unit| {
        let voting = SHARDS.map(|shard| unit.handle.status(shard).unwrap().voting);
        voting == [true, true]
    };
    wait("the committee", || units.iter().all(is_voting));
    assert_eq!(joiner.handle.status(SHARDS[0]).unwrap().peers, 0);

    let mut nonces = Nonces::default();
    let join = SeatChange::Add(AddOperator {
        name: "newcomer".parse().unwrap(),
        cold_key: account(JOINER + 100),
        vote_key: account(JOINER),
        address: format!("127.0.0.1:{}", ports[4]),
    });
    let change = ChangeCommittee { seats: vec![join] };
    let signers = [200, 201, 202, 203, JOINER + 100];
    let change = nonces.sign((&genesis, SHARDS[0]), &signers, change);
    block_on(units[0].handle.submit(SHARDS[0], change)).unwrap();
    wait("the epoch", || {
        units.iter().all(|unit| epochs(unit) == [1, 1])
    });
    wait("the new member", || {
        epochs(&joiner) == [1, 1] && is_voting(&joiner)
    });
    // Of five, four are needed, so now it is.
    units.pop().unwrap().stop();
    for shard in SHARDS {
        let reading = nonces.sign((&genesis, shard), &[MAKER], read(shard));
        let sender = reading.transaction.sender;
        block_on(joiner.handle.submit(shard, reading)).unwrap();
        let is_final = || {
            let state = joiner.handle.tip(shard).unwrap().state;
            let account = state.account(sender);
            account.is_some_and(|account| account.nonces.is_used(0))
        };
        wait("a transaction", is_final);
    }
    for unit in units.into_iter().chain([joiner]) {
        unit.stop();
    }
}

fn epochs(unit: &Unit) -> [u64; 2] {
    SHARDS.map(|shard| unit.handle.status(shard).unwrap().epoch)
}
