use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::sleep;
use tonic::{Code, Status};
use wayside::{
    id::ShardId,
    ledger::{
        Bundle, BundleRecord, Checkpoint, EntryProof, FinalizedHeader, Handover, Head, Header, Key,
        Proof, StateEntryProof, Trunk,
    },
    rpc::{
        self, FieldError, FieldProblem,
        ledger::v1::{
            GetCheckpointRequest, GetCheckpointResponse, GetHistoryRequest, Position, ProofKind,
            ProveRequest, ProveResponse, prove_request::Subject,
        },
    },
};
use wayside_engine::{FinalizedBlock, Tip};

use super::{
    desk::Desk,
    reading::as_vehicle,
    refusal::{index_failed, transaction_unknown, vehicle_unknown},
};

impl Desk {
    /// A vehicle's whole history, as the bytes of a bundle.
    pub(super) async fn history(&self, request: &GetHistoryRequest) -> Result<Bytes, Status> {
        let id = rpc::parse_vehicle(&request.vehicle_id, "vehicle_id")?;
        let (tip, newest, governance, handovers) = self.tips_of(id.home).await?;
        let value = tip.state.get(&Key::Vehicle(id)).and_then(as_vehicle);
        let count = value.ok_or_else(vehicle_unknown)?.history.sequence;
        self.followed.wait_for_tip(id.home).await;
        let places = self
            .followed
            .index()
            .records(&id, 0..count)
            .map_err(|error| index_failed(&error))?;
        let mut blocks = BTreeMap::new();
        let mut records = Vec::new();
        for (_, place) in places {
            let block = self.kept(&mut blocks, id.home, place.height).await?;
            let record = to_bundle_record(&block, place.entry);
            records.push(record.ok_or_else(|| self.no_proof(id.home))?);
        }
        if u64::try_from(records.len()).ok() != Some(count) {
            return Err(self.lacks_records(id.home));
        }
        let headers = blocks.into_values().map(|it| it.block.header.clone());
        let mut headers: Vec<_> = headers.collect();
        let handed_over = handovers.iter().map(|it| it.finalized.header.clone());
        let governance = match governance {
            None => {
                headers.extend(handed_over);
                None
            }
            Some(newest) => {
                let headers = handed_over.collect();
                Some(self.trunk(newest, headers, &request.earlier).await?)
            }
        };
        let home = self.trunk(newest, headers, &request.earlier).await?;
        let bundle = Bundle {
            chain: self.genesis.chain(),
            vehicle: id,
            handovers,
            governance,
            home,
            records,
            head: Head::of_state(&tip.state, id).ok_or_else(vehicle_unknown)?,
        };
        Ok(bundle.to_bytes().into())
    }

    /// The newest state of a vehicle's home shard with the votes for its header, the governing shard's
    /// header where that is another one, and how committees followed each other up to both.
    async fn tips_of(
        &self,
        home: ShardId,
    ) -> Result<(Tip, FinalizedHeader, Option<FinalizedHeader>, Vec<Handover>), Status> {
        if home == ShardId::GOVERNANCE {
            let it = self.governance(0).await?;
            return Ok((it.tip, it.newest, None, it.handovers));
        }
        let (tip, newest) = self.certified_tip(home).await?;
        let it = self.governance(newest.header.epoch).await?;
        Ok((tip, newest, Some(it.newest), it.handovers))
    }

    /// The proof of a transaction's outcome, or of what the state says.
    pub(super) async fn prove(&self, request: &ProveRequest) -> Result<ProveResponse, Status> {
        match request.subject.as_ref() {
            None => Err(FieldError::new("subject", FieldProblem::Missing).into()),
            Some(Subject::TransactionId(text)) => self.prove_transaction(text).await,
            Some(Subject::VehicleId(text)) => {
                let id = rpc::parse_vehicle(text, "vehicle_id")?;
                self.prove_state(id.home, Key::Vehicle(id)).await
            }
            Some(Subject::StateKey(place)) => {
                let shard = rpc::parse_shard(place.shard_id, "state_key.shard_id")?;
                let problem = FieldProblem::Malformed("the canonical form of a key of the state");
                let key = Key::from_bytes(&place.key)
                    .ok_or_else(|| FieldError::new("state_key.key", problem))?;
                self.prove_state(shard, key).await
            }
        }
    }

    /// Recent finalized headers of shard 0 and others, tied to earlier ones that are asked for.
    pub(super) async fn checkpoint(
        &self,
        request: &GetCheckpointRequest,
    ) -> Result<GetCheckpointResponse, Status> {
        let (mut trunks, mut tips) = (Vec::new(), Vec::new());
        let mut epoch = 0;
        for shard in self.asked_shards(&request.shard_ids)? {
            let (tip, newest) = self.certified_tip(shard).await?;
            epoch = epoch.max(newest.header.epoch);
            tips.push(rpc::to_wire_tip(&tip.header));
            trunks.push(self.trunk(newest, Vec::new(), &request.earlier).await?);
        }
        let checkpoint = Checkpoint {
            chain: self.genesis.chain(),
            handovers: self.governance(epoch).await?.handovers,
            shards: trunks,
        };
        Ok(GetCheckpointResponse {
            checkpoint: checkpoint.to_bytes().into(),
            tips,
        })
    }

    /// The shards that a checkpoint shall hold, shard 0 among them, in order.
    pub(super) fn asked_shards(&self, numbers: &[u32]) -> Result<Vec<ShardId>, Status> {
        let asked = numbers.iter();
        let mut shards = asked
            .map(|number| rpc::parse_shard(*number, "shard_ids"))
            .collect::<Result<Vec<_>, _>>()?;
        if shards.is_empty() {
            shards = self.engine.shards();
        }
        shards.push(ShardId::GOVERNANCE);
        shards.sort_unstable();
        shards.dedup();
        Ok(shards)
    }

    async fn prove_transaction(&self, text: &str) -> Result<ProveResponse, Status> {
        let id = rpc::parse_transaction(text, "transaction_id")?;
        let place = self
            .place(&id)?
            .ok_or_else(|| transaction_unknown(&self.missing_blocks()))?;
        let (shard, height) = (place.shard, place.height);
        let block = self.engine.block(shard, height).await;
        let block = block.ok_or_else(|| self.pruned(shard, height))?;
        let record = to_bundle_record(&block, place.entry).ok_or_else(|| self.no_proof(shard))?;
        let finalized = self.certified(shard, height).await?;
        let anchor = rpc::to_wire_tip(&finalized.header);
        let proof = Proof::Entry(Box::new(EntryProof {
            finalized,
            entry: record.entry,
            outcome: record.outcome,
            path: record.path,
        }));
        Ok(ProveResponse {
            kind: ProofKind::Transaction.into(),
            proof: proof.to_bytes().into(),
            anchor: Some(anchor),
        })
    }

    async fn prove_state(&self, shard: ShardId, key: Key) -> Result<ProveResponse, Status> {
        let (tip, finalized) = self.certified_tip(shard).await?;
        let proof = Proof::State(Box::new(StateEntryProof {
            finalized,
            value: tip.state.get(&key).cloned(),
            proof: tip.state.prove(&key),
            key,
        }));
        Ok(ProveResponse {
            kind: ProofKind::State.into(),
            proof: proof.to_bytes().into(),
            anchor: Some(rpc::to_wire_tip(&tip.header)),
        })
    }

    /// The newest state of a shard with the votes for its header.
    ///
    /// A block is executed a moment before its votes are stored, and a new ledger has none at first,
    /// so this may take a few looks.
    pub(super) async fn certified_tip(
        &self,
        shard: ShardId,
    ) -> Result<(Tip, FinalizedHeader), Status> {
        for _ in 0..LOOKS_MAX {
            let tip = self.tip(shard)?;
            if let Some(finalized) = self.engine.certified(shard, tip.header.height).await {
                return Ok((tip, finalized));
            }
            sleep(LOOK_PAUSE).await;
        }
        Err(self.no_proof(shard))
    }

    pub(super) async fn certified(
        &self,
        shard: ShardId,
        height: u64,
    ) -> Result<FinalizedHeader, Status> {
        for _ in 0..LOOKS_MAX {
            if let Some(finalized) = self.engine.certified(shard, height).await {
                return Ok(finalized);
            }
            sleep(LOOK_PAUSE).await;
        }
        self.ledger_metrics.count_proof_failure(shard.0);
        Err(self.pruned(shard, height))
    }

    /// A header with the earlier ones of its shard that are wanted.
    pub(super) async fn trunk(
        &self,
        newest: FinalizedHeader,
        mut earlier: Vec<Header>,
        asked: &[Position],
    ) -> Result<Trunk, Status> {
        let (shard, height) = (newest.header.shard, newest.header.height);
        if asked.len() > POSITIONS_MAX {
            let problem = FieldProblem::OutOfRange("at most 256 positions");
            return Err(FieldError::new("earlier", problem).into());
        }
        let of_shard = |it: &&Position| it.shard_id == u32::from(shard.0);
        for position in asked.iter().filter(of_shard) {
            if position.height > height {
                let problem = FieldProblem::OutOfRange("a height up to the shard's newest");
                return Err(FieldError::new("earlier.height", problem).into());
            }
            let block = self.engine.block(shard, position.height).await;
            let block = block.ok_or_else(|| self.pruned(shard, position.height))?;
            earlier.push(block.block.header.clone());
        }
        earlier.retain(|header| header.height < height);
        // The log must reach up to the newest header's past.
        self.followed.wait_for_tip(shard).await;
        self.followed
            .with_log(shard, |log| Trunk::new(newest, earlier, log))
            .ok_or_else(|| self.no_proof(shard))
    }

    /// A block that is read once for all its records.
    async fn kept(
        &self,
        blocks: &mut BTreeMap<u64, Arc<FinalizedBlock>>,
        shard: ShardId,
        height: u64,
    ) -> Result<Arc<FinalizedBlock>, Status> {
        if let Some(block) = blocks.get(&height) {
            return Ok(Arc::clone(block));
        }
        let block = self.engine.block(shard, height).await;
        let block = block.ok_or_else(|| self.pruned(shard, height))?;
        blocks.insert(height, Arc::clone(&block));
        Ok(block)
    }

    /// Something is missing that this unit should have.
    pub(super) fn no_proof(&self, shard: ShardId) -> Status {
        self.ledger_metrics.count_proof_failure(shard.0);
        let words = format!("no proof can be made from shard {shard} for now");
        rpc::retry_later(Code::Unavailable, "NO_PROOF", words, RETRY_DELAY)
    }
}

fn to_bundle_record(block: &FinalizedBlock, entry: u32) -> Option<BundleRecord> {
    let index = usize::try_from(entry).ok()?;
    Some(BundleRecord {
        height: block.block.header.height,
        entry: block.block.entries.get(index)?.clone(),
        outcome: block.block.outcomes.get(index).copied()?,
        path: block.block.entry_path(index)?,
    })
}

pub(super) const LOOKS_MAX: u32 = 100;
pub(super) const LOOK_PAUSE: Duration = Duration::from_millis(20);
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// The most earlier blocks that somebody may ask to be tied in.
const POSITIONS_MAX: usize = 256;
