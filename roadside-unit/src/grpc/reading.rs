use std::sync::Arc;

use tonic::Status;
use wayside::{
    id::{ShardId, VehicleId},
    ledger::{Entry, Header, Key, Value, Vehicle},
    rpc::{
        self,
        ledger::v1::{
            GetVehicleRequest, GetVehicleResponse, ListRecordsRequest, ListRecordsResponse, Record,
        },
    },
    serve::{MESSAGE_BYTES_MAX, bad_token, page_len},
    time::Timestamp,
};
use wayside_engine::FinalizedBlock;

use super::{
    desk::Desk,
    refusal::{index_failed, vehicle_unknown},
    submission::entry_of,
};
use crate::index::Place;

impl Desk {
    /// What the ledger says of a vehicle now.
    pub(super) fn vehicle(
        &self,
        request: &GetVehicleRequest,
    ) -> Result<GetVehicleResponse, Status> {
        let id = rpc::parse_vehicle(&request.vehicle_id, "vehicle_id")?;
        let tip = self.tip(id.home)?;
        let value = tip
            .state
            .get(&Key::Vehicle(id))
            .ok_or_else(vehicle_unknown)?;
        let bytes = value.to_bytes();
        let vehicle = as_vehicle(value).ok_or_else(vehicle_unknown)?;
        Ok(GetVehicleResponse {
            vehicle: Some(rpc::to_wire_vehicle(id, vehicle, bytes, &tip.header)),
        })
    }

    /// How many records a vehicle has, and the header after which that holds.
    pub(super) fn history_length(&self, id: VehicleId) -> Result<(u64, Arc<Header>), Status> {
        let tip = self.tip(id.home)?;
        let value = tip
            .state
            .get(&Key::Vehicle(id))
            .ok_or_else(vehicle_unknown)?;
        let vehicle = as_vehicle(value).ok_or_else(vehicle_unknown)?;
        Ok((vehicle.history.sequence, tip.header))
    }

    /// A page of a vehicle's records.
    pub(super) async fn list_records(
        &self,
        request: &ListRecordsRequest,
    ) -> Result<ListRecordsResponse, Status> {
        let id = rpc::parse_vehicle(&request.vehicle_id, "vehicle_id")?;
        let len = u64::try_from(page_len(request.page_size)?).unwrap_or(u64::MAX);
        let (count, _) = self.history_length(id)?;
        self.followed.wait_for_tip(id.home).await;
        let token = match request.page_token.as_str() {
            "" => None,
            token => Some(token.parse::<u64>().map_err(|_| bad_token())?),
        };
        // The token is the number of the next record to tell.
        let numbers = if request.newest_first {
            let end = token.map_or(count, |next| next.saturating_add(1).min(count));
            end.saturating_sub(len)..end
        } else {
            let start = token.unwrap_or(0).min(count);
            start..start.saturating_add(len).min(count)
        };
        let mut places = self
            .followed
            .index()
            .records(&id, numbers.clone())
            .map_err(|error| index_failed(&error))?;
        if request.newest_first {
            places.reverse();
        }
        let first = if request.newest_first {
            numbers.end.checked_sub(1)
        } else {
            Some(numbers.start)
        };
        if !numbers.is_empty() && places.first().map(|(number, _)| *number) != first {
            return Err(self.lacks_records(id.home));
        }
        let (records, last) = self.records(&places).await;
        let next = match last {
            Some(0) if request.newest_first => None,
            Some(last) if request.newest_first => Some(last - 1),
            Some(last) if last + 1 < count => Some(last + 1),
            Some(_) | None => None,
        };
        Ok(ListRecordsResponse {
            records,
            next_page_token: next.map(|next| next.to_string()).unwrap_or_default(),
        })
    }

    /// The records at these places, as many as a message holds, and the number of the last.
    async fn records(&self, places: &[(u64, Place)]) -> (Vec<Record>, Option<u64>) {
        let mut room = MESSAGE_BYTES_MAX / 2;
        let (mut records, mut last) = (Vec::new(), None);
        let mut held: Option<Arc<FinalizedBlock>> = None;
        for (number, place) in places {
            let is_held = held.as_ref().is_some_and(|it| {
                (it.shard, it.block.header.height) == (place.shard, place.height)
            });
            if !is_held {
                held = self.engine.block(place.shard, place.height).await;
            }
            let record = to_record(*number, *place, held.as_deref());
            let Some(left) = room.checked_sub(record.entry.len() + RECORD_LEN) else {
                break;
            };
            room = left;
            last = Some(*number);
            records.push(record);
        }
        (records, last)
    }

    /// When a block was proposed; `None` if it is not kept any more.
    pub(super) async fn time_of(&self, shard: ShardId, height: u64) -> Option<Timestamp> {
        let block = self.engine.block(shard, height).await?;
        Some(block.block.header.time)
    }
}

fn to_record(number: u64, place: Place, block: Option<&FinalizedBlock>) -> Record {
    let entry = block.and_then(|it| entry_of(&it.block, place.entry));
    let time = block.map(|it| it.block.header.time);
    let (transaction_id, action, sender) = match entry {
        Some(Entry::Transaction(signed)) => (
            signed.id().to_string(),
            signed.transaction.action.name().to_owned(),
            signed.transaction.sender.to_string(),
        ),
        Some(Entry::Delivery(_)) | None => Default::default(),
    };
    Record {
        sequence: number,
        transaction_id,
        finalized: Some(rpc::to_wire_finalized(
            place.height,
            place.entry,
            time,
            place.outcome,
        )),
        action,
        sender,
        entry: entry.map(Entry::to_bytes).unwrap_or_default().into(),
    }
}

pub(super) fn as_vehicle(value: &Value) -> Option<&Vehicle> {
    if let Value::Vehicle(vehicle) = value {
        Some(vehicle)
    } else {
        None
    }
}

/// About what a record takes beside its entry.
const RECORD_LEN: usize = 256;
