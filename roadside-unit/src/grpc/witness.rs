use std::sync::Arc;

use tonic::{Code, Request, Response, Status};
use tracing::warn;
use wayside::{
    id::ShardId,
    ledger::{Checkpoint, CosignedCheckpoint, CosignedHead, Note, NoteHead, ShownHead},
    rpc::{
        self, FieldError, FieldProblem,
        ledger::v1::{
            AddCosignatureRequest, AddCosignatureResponse, GetCosignedCheckpointRequest,
            GetCosignedCheckpointResponse, GetHeadRequest, GetHeadResponse,
            witness_service_server::WitnessService,
        },
    },
};

use super::{desk::Desk, refusal::catching_up};

/// Shows witnesses what they may sign, and collects what they signed.
#[derive(Clone)]
pub(super) struct WitnessDoor(pub(super) Arc<Desk>);

#[tonic::async_trait]
impl WitnessService for WitnessDoor {
    async fn get_head(
        &self,
        request: Request<GetHeadRequest>,
    ) -> Result<Response<GetHeadResponse>, Status> {
        self.0.head(request.get_ref()).await.map(Response::new)
    }

    async fn add_cosignature(
        &self,
        request: Request<AddCosignatureRequest>,
    ) -> Result<Response<AddCosignatureResponse>, Status> {
        self.0.add_cosignature(request.get_ref())?;
        Ok(Response::new(AddCosignatureResponse {}))
    }
}

impl Desk {
    /// A recent block of a shard as a note, with what a witness must see of it.
    async fn head(&self, request: &GetHeadRequest) -> Result<GetHeadResponse, Status> {
        let shard = rpc::parse_shard(request.shard_id, "shard_id")?;
        let now = self.clock.now();
        let (head, note) = match self.notes.offered(shard, now.instant) {
            Some(offered) => offered,
            None => {
                let (tip, _) = self.certified_tip(shard).await?;
                let head = self.note_head(shard, tip.header.height + 1).await?;
                let note = self.notes.offer(head, (now.instant, now.timestamp));
                (head, note.ok_or_else(|| self.no_proof(shard))?)
            }
        };
        let count = head.headers.count;
        let height = count - 1;
        let newest = self.certified(shard, height).await?;
        let (path, consistency) = self.followed.with_log(shard, |log| {
            let path = log.path(height, count);
            let signed = request.signed_headers;
            let continues = (1..=count).contains(&signed);
            (path, continues.then(|| log.consistency(signed, count)))
        });
        let shown = ShownHead {
            newest,
            path: path.ok_or_else(|| self.no_proof(shard))?,
            consistency: match consistency {
                Some(shown) => shown.ok_or_else(|| self.pruned(shard, request.signed_headers))?,
                None => Default::default(),
            },
        };
        Ok(GetHeadResponse {
            note: note.to_string(),
            head: shown.to_bytes().into(),
        })
    }

    fn add_cosignature(&self, request: &AddCosignatureRequest) -> Result<(), Status> {
        self.open()?;
        let malformed = |_| {
            let problem = FieldProblem::Malformed("a signed note");
            FieldError::new("note", problem)
        };
        let note: Note = request.note.parse().map_err(malformed)?;
        let own = |head: &NoteHead| head.chain == self.genesis.chain();
        let head = NoteHead::of(&note).filter(own).ok_or_else(|| {
            FieldError::new("note", FieldProblem::Malformed("a note of this ledger"))
        })?;
        let (known, root) = self.followed.with_log(head.shard, |log| {
            (log.count(), log.root(head.headers.count))
        });
        if head.headers.count > known {
            return Err(catching_up(head.shard));
        }
        let Some(root) = root else {
            // This unit began with a snapshot, and has not seen those headers.
            return Err(self.pruned(head.shard, head.headers.count));
        };
        if root != head.headers {
            warn!(shard = %head.shard, headers = head.headers.count, "a note says another past than is kept here");
            let words = "this unit has other headers than the note says";
            return Err(rpc::refusal(Code::FailedPrecondition, "OTHER_PAST", words));
        }
        let now = self.clock.now();
        if !self
            .notes
            .collect(head, &note, (now.instant, now.timestamp))
        {
            let words = "no cosignature of a witness that this unit knows";
            return Err(rpc::refusal(
                Code::PermissionDenied,
                "WITNESS_UNKNOWN",
                words,
            ));
        }
        Ok(())
    }

    /// Recent headers of shard 0 and others that witnesses have cosigned.
    pub(super) async fn cosigned_checkpoint(
        &self,
        request: &GetCosignedCheckpointRequest,
    ) -> Result<GetCosignedCheckpointResponse, Status> {
        self.open()?;
        let (mut heads, mut trunks, mut tips) = (Vec::new(), Vec::new(), Vec::new());
        let mut epoch = 0;
        for shard in self.asked_shards(&request.shard_ids)? {
            let cosigned = self.notes.cosigned(shard);
            let (head, note) = cosigned.ok_or_else(|| not_cosigned(shard))?;
            let height = head.headers.count - 1;
            let newest = self.certified(shard, height).await?;
            let path = self
                .followed
                .with_log(shard, |log| log.path(height, head.headers.count));
            heads.push(CosignedHead {
                note: note.to_string(),
                path: path.ok_or_else(|| self.no_proof(shard))?,
            });
            epoch = epoch.max(newest.header.epoch);
            tips.push(rpc::to_wire_tip(&newest.header));
            trunks.push(self.trunk(newest, Vec::new(), &request.earlier).await?);
        }
        let checkpoint = Checkpoint {
            chain: self.genesis.chain(),
            handovers: self.governance(epoch).await?.handovers,
            shards: trunks,
        };
        let cosigned = CosignedCheckpoint { checkpoint, heads };
        Ok(GetCosignedCheckpointResponse {
            checkpoint: cosigned.to_bytes().into(),
            tips,
        })
    }

    /// All of a shard's headers up to the one before a height.
    async fn note_head(&self, shard: ShardId, count: u64) -> Result<NoteHead, Status> {
        self.followed.wait_for_tip(shard).await;
        let headers = self.followed.with_log(shard, |log| log.root(count));
        Ok(NoteHead {
            chain: self.genesis.chain(),
            shard,
            headers: headers.ok_or_else(|| self.no_proof(shard))?,
        })
    }
}

fn not_cosigned(shard: ShardId) -> Status {
    let words = format!("no witness has cosigned anything of shard {shard} yet");
    rpc::refusal(Code::NotFound, "NOT_COSIGNED", words)
}
