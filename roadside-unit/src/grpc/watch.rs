use std::{collections::BTreeMap, collections::BTreeSet, sync::Arc};

use tokio::{select, sync::watch, time::sleep};
use tonic::{Code, Status};
use wayside::{
    id::{ShardId, VehicleId},
    ledger::{AccountKey, Entry, TransactionId},
    rpc::{
        self, FieldError, FieldProblem,
        ledger::v1::{
            Heartbeat, TransactionFinalized, VehicleRecord, WatchRequest, WatchResponse,
            watch_response::Event,
        },
    },
    serve::Inlet,
};
use wayside_engine::FinalizedBlock;

use super::{desk::Desk, refusal::stopping};

/// One subscriber's view: which transactions, and how far each shard was told.
pub(super) struct Watching {
    filter: Filter,
    next: BTreeMap<ShardId, u64>,
    turns: watch::Receiver<u64>,
}

/// Which transactions a subscriber is told.
#[derive(Debug, Default)]
struct Filter {
    vehicles: BTreeSet<VehicleId>,
    senders: BTreeSet<AccountKey>,
    transactions: BTreeSet<TransactionId>,
    with_bytes: bool,
}

/// Why a subscription ended.
enum End {
    ClientGone,
    Failed(Status),
}

impl Desk {
    /// Reads what a subscriber asks for; refuses what cannot be told.
    pub(super) fn begin_watch(&self, request: &WatchRequest) -> Result<Watching, Status> {
        self.open()?;
        let filter = Filter::try_from(request)?;
        let shards: Vec<ShardId> = if request.shard_ids.is_empty() {
            self.engine.shards()
        } else {
            let parse = |number: &u32| rpc::parse_shard(*number, "shard_ids");
            request
                .shard_ids
                .iter()
                .map(parse)
                .collect::<Result<_, _>>()?
        };
        // Before the heights are read, so that no block falls between the two.
        let turns = self.followed.turns();
        let mut next = BTreeMap::new();
        for shard in shards {
            next.insert(shard, self.tip(shard)?.header.height + 1);
        }
        for position in &request.from {
            let shard = rpc::parse_shard(position.shard_id, "from.shard_id")?;
            let problem = FieldProblem::OutOfRange("a shard that is watched");
            let after_newest = next
                .get_mut(&shard)
                .ok_or_else(|| FieldError::new("from.shard_id", problem))?;
            if position.height > *after_newest {
                let words = format!("block {} is not final yet", position.height);
                return Err(rpc::refusal(Code::OutOfRange, "NOT_YET_FINAL", words));
            }
            if position.height < self.engine.oldest(shard).unwrap_or_default() {
                return Err(self.pruned(shard, position.height));
            }
            *after_newest = position.height;
        }
        Ok(Watching {
            filter,
            next,
            turns,
        })
    }

    /// Tells a subscriber everything until it goes, or the unit stops.
    pub(super) async fn watch(self: Arc<Self>, watching: Watching, inlet: Inlet<WatchResponse>) {
        match self.tell(watching, &inlet).await {
            End::ClientGone => {}
            End::Failed(status) => inlet.fail(status),
        }
    }

    async fn tell(&self, mut watching: Watching, inlet: &Inlet<WatchResponse>) -> End {
        for shard in watching.next.keys() {
            let Ok(tip) = self.tip(*shard) else {
                continue;
            };
            let start = Event::Start(rpc::to_wire_tip(&tip.header));
            if let Err(end) = self.send(inlet, start).await {
                return end;
            }
        }
        loop {
            watching.turns.mark_unchanged();
            match self.tell_blocks(&mut watching, inlet).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(end) => return end,
            }
            select! {
                turned = watching.turns.changed() => if turned.is_err() {
                    return End::Failed(stopping());
                },
                () = self.drained() => return End::Failed(stopping()),
                () = inlet.items.closed() => return End::ClientGone,
                () = sleep(self.limits.heartbeat_interval) => {
                    let sent_at = Some(rpc::to_wire_time(self.clock.now().timestamp));
                    let heartbeat = Event::Heartbeat(Heartbeat { sent_at });
                    if let Err(end) = self.send(inlet, heartbeat).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Tells the next block of each shard; returns whether there was one.
    async fn tell_blocks(
        &self,
        watching: &mut Watching,
        inlet: &Inlet<WatchResponse>,
    ) -> Result<bool, End> {
        let mut any = false;
        for (shard, next) in &mut watching.next {
            // Only what is indexed, so that whoever is told of a transaction can ask for it.
            if *next >= self.followed.next_height(*shard) {
                continue;
            }
            let block = self.engine.block(*shard, *next).await;
            let block = block.ok_or_else(|| End::Failed(self.pruned(*shard, *next)))?;
            for event in watching.filter.events(&block) {
                self.send(inlet, event).await?;
            }
            let complete = Event::Block(rpc::to_wire_tip(&block.block.header));
            self.send(inlet, complete).await?;
            *next += 1;
            any = true;
        }
        Ok(any)
    }

    async fn send(&self, inlet: &Inlet<WatchResponse>, event: Event) -> Result<(), End> {
        let response = WatchResponse { event: Some(event) };
        select! {
            sent = inlet.items.send(response) => sent.map_err(|_| End::ClientGone),
            () = sleep(self.limits.slow_subscriber_timeout) => {
                let words = "the subscriber took nothing for too long";
                let slow = rpc::refusal(Code::ResourceExhausted, "SLOW_SUBSCRIBER", words);
                Err(End::Failed(slow))
            }
        }
    }
}

impl Filter {
    fn events<'a>(&'a self, block: &'a FinalizedBlock) -> impl Iterator<Item = Event> + 'a {
        let entries = (0_u32..).zip(&block.block.entries).zip(&block.outcomes);
        let entries = entries.zip(&block.touched);
        entries.filter_map(move |(((number, entry), outcome), touched)| {
            let Entry::Transaction(signed) = entry else {
                return None;
            };
            let (id, sender) = (signed.id(), signed.transaction.sender);
            if !self.passes(&id, &sender, touched) {
                return None;
            }
            let header = &block.block.header;
            let records = touched.iter().map(|(vehicle, sequence)| VehicleRecord {
                vehicle_id: vehicle.to_string(),
                sequence: *sequence,
            });
            let bytes = self.with_bytes.then(|| signed.to_bytes());
            Some(Event::Transaction(TransactionFinalized {
                transaction_id: id.to_string(),
                shard_id: header.shard.0.into(),
                finalized: Some(rpc::to_wire_finalized(
                    header.height,
                    number,
                    Some(header.time),
                    outcome.code(),
                )),
                sender: sender.to_string(),
                action: signed.transaction.action.name().to_owned(),
                records: records.collect(),
                transaction: bytes.unwrap_or_default().into(),
            }))
        })
    }

    fn passes(
        &self,
        id: &TransactionId,
        sender: &AccountKey,
        touched: &[(VehicleId, u64)],
    ) -> bool {
        let is_open =
            self.vehicles.is_empty() && self.senders.is_empty() && self.transactions.is_empty();
        is_open
            || self.senders.contains(sender)
            || self.transactions.contains(id)
            || touched
                .iter()
                .any(|(vehicle, _)| self.vehicles.contains(vehicle))
    }
}

impl TryFrom<&WatchRequest> for Filter {
    type Error = FieldError;

    fn try_from(request: &WatchRequest) -> Result<Self, FieldError> {
        let names =
            request.vehicle_ids.len() + request.senders.len() + request.transaction_ids.len();
        if names > NAMES_MAX {
            let problem = FieldProblem::OutOfRange("at most 1 024 names in all");
            return Err(FieldError::new("vehicle_ids", problem));
        }
        let vehicles = request.vehicle_ids.iter();
        let senders = request.senders.iter();
        let transactions = request.transaction_ids.iter();
        Ok(Self {
            vehicles: vehicles
                .map(|text| rpc::parse_vehicle(text, "vehicle_ids"))
                .collect::<Result<_, _>>()?,
            senders: senders
                .map(|text| rpc::parse_account(text, "senders"))
                .collect::<Result<_, _>>()?,
            transactions: transactions
                .map(|text| rpc::parse_transaction(text, "transaction_ids"))
                .collect::<Result<_, _>>()?,
            with_bytes: request.with_bytes,
        })
    }
}

/// The most names of a filter.
pub(super) const NAMES_MAX: usize = 1_024;
