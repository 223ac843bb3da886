use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use wayside::{
    id::ShardId,
    ledger::SignedTransaction,
    rpc::ledger::v1::{GetVehicleRequest, SubmitRequest, WatchRequest, watch_response::Event},
};

use super::log::{Log, Place};
use crate::{
    bench::{
        ledger::domain::{Domain, Vehicle},
        meter::monotonic,
    },
    ledger::Unit,
};

/// What this process and its tasks share.
pub(super) type SharedLog = Arc<std::sync::Mutex<Log>>;

/// Vehicles that record, and what of that is not known to be final.
pub(super) struct Load {
    domain: Domain,
    vehicles: VecDeque<Vehicle>,
    clients: Vec<Unit>,
    log: SharedLog,
    /// By id, with the time of its last submission.
    waiting: BTreeMap<String, (SignedTransaction, Duration)>,
    /// How many were submitted.
    submitted: u64,
    /// Which unit is asked next.
    turn: usize,
}

impl Load {
    /// Brings the vehicles to the ledger.
    pub(super) async fn enrol(
        domain: Domain,
        clients: Vec<Unit>,
        log: SharedLog,
        shards: u16,
    ) -> anyhow::Result<Self> {
        let mut load = Self {
            domain,
            vehicles: VecDeque::new(),
            clients,
            log,
            waiting: BTreeMap::new(),
            submitted: 0,
            turn: 0,
        };
        for member in (0..).take(load.clients.len()) {
            for shard in (0..shards).map(ShardId) {
                let vehicles = load.domain.vehicles(member, shard, VEHICLES);
                for (nonce, vehicle) in (0..).zip(&vehicles) {
                    let birth = load.domain.birth(member, vehicle, nonce)?;
                    load.hand_in(birth);
                }
                load.vehicles.extend(vehicles);
            }
        }
        timeout(ENROL_MAX, load.await_vehicles())
            .await
            .context("the vehicles were not enrolled in time")??;
        Ok(load)
    }

    /// Waits until every vehicle may record; a tag of another shard comes back as a receipt.
    async fn await_vehicles(&mut self) -> anyhow::Result<()> {
        while !self.waiting.is_empty() {
            sleep(TICK).await;
            self.settle();
        }
        let mut unit = self.clients.first().context("no unit")?.clone();
        for vehicle in &self.vehicles {
            loop {
                let vehicle_id = vehicle.id().to_string();
                let answer = unit.ledger.get_vehicle(GetVehicleRequest { vehicle_id });
                // A unit that is not as far as the others yet does not know it.
                let found = answer.await.ok().and_then(|it| it.into_inner().vehicle);
                if found.is_some_and(|it| it.status == "active") {
                    break;
                }
                sleep(TICK).await;
            }
        }
        self.submitted = 0;
        Ok(())
    }

    /// Records at a constant rate until `end`, on the clock of [`monotonic`].
    pub(super) async fn run(&mut self, per_s: f64, end: &tokio::sync::Notify) {
        let begun = monotonic();
        let before = self.submitted;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let end = end.notified();
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                _ = ticks.tick() => {
                    let elapsed = monotonic().saturating_sub(begun).as_secs_f64();
                    while ((self.submitted - before) as f64) < elapsed * per_s {
                        self.submit_reading();
                    }
                    self.settle();
                }
            }
        }
    }

    /// Goes on handing in what is not final yet; returns how many are left after `most`.
    pub(super) async fn finish(&mut self, most: Duration) -> usize {
        let end = monotonic() + most;
        while !self.waiting.is_empty() && monotonic() < end {
            sleep(TICK).await;
            self.settle();
        }
        self.waiting.len()
    }

    /// How many were submitted.
    pub(super) fn submitted(&self) -> u64 {
        self.submitted
    }

    fn submit_reading(&mut self) {
        // The one that signed last is at the end.
        let Some(mut vehicle) = self.vehicles.pop_front() else {
            return;
        };
        let reading = self.domain.reading(&vehicle);
        vehicle.count_submitted();
        self.vehicles.push_back(vehicle);
        self.hand_in(reading);
    }

    fn hand_in(&mut self, signed: SignedTransaction) {
        self.submitted += 1;
        self.send(&signed);
        self.waiting
            .insert(signed.id().to_string(), (signed, monotonic()));
    }

    /// Forgets what is final, and hands in again what has waited long, by another unit: the one that
    /// took it may be gone.
    fn settle(&mut self) {
        {
            let log = self
                .log
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            self.waiting.retain(|id, _| !log.is_final(id));
        }
        let now = monotonic();
        let late = |(_, at): &&mut (SignedTransaction, Duration)| now.saturating_sub(*at) > RETRY;
        let mut again = Vec::new();
        for (signed, at) in self.waiting.values_mut().filter(late) {
            *at = now;
            again.push(signed.clone());
        }
        for signed in again {
            self.send(&signed);
        }
    }

    /// Hands a transaction to the next unit that takes it.
    fn send(&mut self, signed: &SignedTransaction) {
        let first = self.turn % self.clients.len();
        self.turn += 1;
        let (before, from) = self.clients.split_at(first);
        let units: Vec<Unit> = from.iter().chain(before).cloned().collect();
        let transaction = Bytes::from(signed.to_bytes());
        tokio::spawn(async move {
            for mut unit in units {
                let request = SubmitRequest {
                    transaction: transaction.clone(),
                    wait: None,
                };
                let answer = timeout(SUBMIT_MAX, unit.ledger.submit(request)).await;
                if matches!(answer, Ok(Ok(_))) {
                    return;
                }
            }
        });
    }
}

/// Writes down what a unit says becomes final, whenever it runs.
pub(super) async fn watch(mut unit: Unit, log: SharedLog) {
    loop {
        if let Ok(answer) = unit.ledger.watch(WatchRequest::default()).await {
            let mut events = answer.into_inner();
            while let Ok(Some(event)) = events.message().await {
                let now = monotonic();
                let mut log = log
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                match event.event {
                    Some(Event::Transaction(it)) => {
                        if let Some(place) = Place::of(&it) {
                            log.take_transaction(&it.transaction_id, place, now);
                        }
                    }
                    Some(Event::Block(tip)) => log.take_block(&tip, now),
                    Some(Event::Start(_) | Event::Heartbeat(_)) | None => {}
                }
            }
        }
        sleep(TICK).await;
    }
}

const TICK: Duration = Duration::from_millis(20);
/// After how long without an outcome a client hands its transaction in again.
const RETRY: Duration = Duration::from_secs(2);
const SUBMIT_MAX: Duration = Duration::from_secs(2);
const ENROL_MAX: Duration = Duration::from_secs(60);
/// Of each maker in each shard.
const VEHICLES: u32 = 48;
