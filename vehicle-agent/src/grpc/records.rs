use std::sync::Arc;

use prost::Message;
use tonic::{Request, Response, Status};
use wayside::{
    rpc::{
        self, FieldError, FieldProblem, RecordContext,
        record::v1::{
            Checkpoint, GetHistoryRequest, GetHistoryResponse, GetOutboxRequest, GetOutboxResponse,
            GetRequest, GetResponse, HistoryRecord, ListRequest, ListResponse, OutboxLevel, Place,
            Progress, Record, RecordState, SubmitRequest, SubmitResponse, Voucher, WatchRequest,
            WatchResponse, record_service_server::RecordService,
        },
        required_record,
    },
    serve::{Admission, Caller, Outlet, bad_token, from_gate, outlet, page, page_len},
};

use super::{
    record_watch::watch,
    refusal::{history_refused, ledger_off, not_recorded, record_unknown},
    server::Inner,
};
use crate::{
    Role,
    checkpoint::Standing,
    ledger::{Records, VerifiedHistory},
    outbox::{self, Entry, Level, Name, RecordId, Stage},
};

/// Takes records of the own vehicle, and tells what became of them.
#[derive(Clone, Debug)]
pub(super) struct RecordDoor(pub(super) Arc<Inner>);

#[tonic::async_trait]
impl RecordService for RecordDoor {
    type WatchStream = Outlet<WatchResponse>;

    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let caller: Caller<Role> = from_gate(&request)?;
        let records = self.records()?;
        let request = request.into_inner();
        let name = required_name(&caller, &request.request_id)?;
        let salt = crate::ledger::new_salt();
        let context = RecordContext {
            vehicle: records.identity().vehicle,
            now: records.now().timestamp,
            salt,
        };
        let action = required_record(request.record.as_ref(), &context)?;
        let content = request.record.unwrap_or_default().encode_to_vec();
        let id = records
            .submit(Some(name), (content, salt), action)
            .await
            .map_err(|error| not_recorded(&error))?;
        let state = records.with_entry(|outbox| outbox.entry(id), to_wire);
        Ok(Response::new(SubmitResponse {
            state: Some(state.ok_or_else(record_unknown)?),
        }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<GetResponse>, Status> {
        let caller: Caller<Role> = from_gate(&request)?;
        let records = self.records()?;
        let request = request.get_ref();
        let state = match request.record_id {
            Some(id) => records.with_entry(|outbox| outbox.entry(RecordId(id)), to_wire_whole),
            None => {
                let name = required_name(&caller, &request.request_id)?;
                records.with_entry(|outbox| outbox.named(&name), to_wire_whole)
            }
        };
        Ok(Response::new(GetResponse {
            state: Some(state.ok_or_else(record_unknown)?),
        }))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let records = self.records()?;
        let request = request.get_ref();
        let len = page_len(request.page_size)?;
        let last = match request.page_token.as_str() {
            "" => None,
            token => Some(RecordId(token.parse().map_err(|_| bad_token())?)),
        };
        let (states, next) = records.look(|outbox| {
            let wanted = |entry: &&Entry| !(request.waiting_only && entry.is_done());
            let entries = outbox.entries().filter(wanted);
            let (entries, next) = page(entries, |entry| entry.id, last.as_ref(), len);
            (entries.into_iter().map(to_wire).collect(), next)
        });
        Ok(Response::new(ListResponse {
            states,
            next_page_token: next.map(|id| id.to_string()).unwrap_or_default(),
        }))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let records = self.records()?;
        let place = from_gate::<Admission, _>(&request)?.open_stream()?;
        let (inlet, outlet) = outlet(place);
        tokio::spawn(watch(Arc::clone(&self.0), records, inlet));
        Ok(Response::new(outlet))
    }

    async fn get_outbox(
        &self,
        _: Request<GetOutboxRequest>,
    ) -> Result<Response<GetOutboxResponse>, Status> {
        let Some(records) = &self.0.records else {
            return Ok(Response::new(GetOutboxResponse::default()));
        };
        let (state, identity) = (records.state(), records.identity());
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let bytes = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let standing = records.with_keeper(|keeper| keeper.standing());
        Ok(Response::new(GetOutboxResponse {
            enabled: true,
            waiting: number(state.waiting),
            waiting_max: number(records.config().outbox.waiting_max.get()),
            oldest_age: state.oldest_age.map(rpc::to_wire_duration),
            chain: identity.genesis.chain().to_string(),
            vehicle_id: identity.vehicle.to_string(),
            reached_at: state.reached.map(rpc::to_wire_time),
            last_failure: state.failure.unwrap_or_default(),
            development: identity.genesis.development,
            waiting_bytes: bytes(state.waiting_bytes),
            waiting_bytes_max: bytes(records.config().outbox.waiting_bytes_max.get()),
            undelivered_since: state.undelivered_since.map(rpc::to_wire_time),
            level: match state.level {
                Level::Room => OutboxLevel::Room,
                Level::NearlyFull => OutboxLevel::NearlyFull,
                Level::Full => OutboxLevel::Full,
            }
            .into(),
            checkpoint: standing.as_ref().map(to_wire_checkpoint),
            checkpoint_problem: records.checkpoint_problem().unwrap_or_default(),
        }))
    }

    async fn get_history(
        &self,
        request: Request<GetHistoryRequest>,
    ) -> Result<Response<GetHistoryResponse>, Status> {
        let records = self.records()?;
        let vehicle = match request.get_ref().vehicle_id.as_str() {
            "" => records.identity().vehicle,
            text => rpc::parse_vehicle(text, "vehicle_id")?,
        };
        let history = records
            .history(vehicle)
            .await
            .map_err(|error| history_refused(&error))?;
        Ok(Response::new(to_wire_history(history)))
    }
}

impl RecordDoor {
    fn records(&self) -> Result<Records, Status> {
        self.0.records.clone().ok_or_else(ledger_off)
    }
}

/// The client's name for a record, that must be there.
fn required_name(caller: &Caller<Role>, text: &str) -> Result<Name, FieldError> {
    let missing = || FieldError::new("request_id", FieldProblem::Missing);
    Ok(Name {
        caller: caller.identity.to_string(),
        request_id: rpc::parse_request_id(text)?.ok_or_else(missing)?.to_owned(),
    })
}

/// A record as the agent tells it.
pub(super) fn to_wire(entry: &Entry) -> RecordState {
    let verdict = entry.verdict();
    let rule = verdict.and_then(outbox::Verdict::rule);
    let progress = match (&entry.stage, &rule) {
        (Stage::Queued | Stage::Signing(_), _) => Progress::Queued,
        (Stage::Signed(..) | Stage::Proven(..), _) => Progress::Sending,
        (Stage::Done(..), None) => Progress::Applied,
        (Stage::Done(..), Some(_)) => Progress::Refused,
    };
    let transaction = entry.transaction().map(|id| id.to_string());
    let request_id = entry.name.as_ref().map(|name| name.request_id.clone());
    RecordState {
        record_id: entry.id.0,
        request_id: request_id.unwrap_or_default(),
        taken_at: Some(rpc::to_wire_time(entry.taken)),
        progress: progress.into(),
        transaction_id: transaction.unwrap_or_default(),
        rule: rule.unwrap_or_default(),
        place: verdict.map(|verdict| place(verdict.place)),
        // What was handed in was a record.
        record: Record::decode(entry.content.as_slice()).ok(),
        ..RecordState::default()
    }
}

/// The same, with what is long or secret.
fn to_wire_whole(entry: &Entry) -> RecordState {
    RecordState {
        proof: entry
            .verdict()
            .map(|verdict| verdict.proof.clone().into())
            .unwrap_or_default(),
        salt: entry.salt.to_vec().into(),
        ..to_wire(entry)
    }
}

fn to_wire_history(history: VerifiedHistory) -> GetHistoryResponse {
    let VerifiedHistory {
        report,
        standing,
        bundle,
    } = history;
    let records = report.records.iter().map(|record| {
        let signed = match &record.entry {
            wayside::ledger::Entry::Transaction(signed) => Some(signed),
            wayside::ledger::Entry::Delivery(_) => None,
        };
        HistoryRecord {
            sequence: record.sequence,
            transaction_id: signed.map(|it| it.id().to_string()).unwrap_or_default(),
            kind: signed
                .map_or("delivery", |it| it.transaction.action.name())
                .to_owned(),
            sender: record
                .signers
                .first()
                .map(ToString::to_string)
                .unwrap_or_default(),
            outcome: match record.outcome {
                wayside::ledger::Outcome::Applied => "applied".to_owned(),
                wayside::ledger::Outcome::Refused(rule) => rule.name().to_owned(),
            },
            place: Some(point(&record.block)),
            transaction: signed.map(|it| it.to_bytes().into()).unwrap_or_default(),
        }
    });
    GetHistoryResponse {
        vehicle_id: report.vehicle.to_string(),
        records: records.collect(),
        as_of: Some(point(&report.as_of)),
        anchored: standing.problem.is_none(),
        bundle: bundle.into(),
        checkpoint: (!standing.points.is_empty()).then(|| to_wire_checkpoint(&standing)),
        unanchored: standing.problem.unwrap_or_default(),
    }
}

fn to_wire_checkpoint(standing: &Standing) -> Checkpoint {
    let vouchers = standing.vouchers.iter().map(|voucher| Voucher {
        operator: voucher.operator.clone(),
        at: Some(rpc::to_wire_time(voucher.at)),
    });
    Checkpoint {
        places: standing.points.iter().map(point).collect(),
        vouchers: vouchers.collect(),
        given: standing.is_given,
    }
}

fn point(point: &wayside::ledger::Point) -> Place {
    place(outbox::Place {
        shard: point.shard,
        height: point.height,
        time: point.time,
    })
}

fn place(place: outbox::Place) -> Place {
    Place {
        shard: place.shard.0.into(),
        height: place.height,
        time: Some(rpc::to_wire_time(place.time)),
    }
}
