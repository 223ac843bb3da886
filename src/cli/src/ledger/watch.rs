use std::io::Write as _;

use clap::Args;
use serde_json::{Value, json};
use wayside::rpc::ledger::v1::{
    Position, TransactionFinalized, WatchRequest, watch_response::Event,
};

use super::{
    read::finalized_json,
    text::tip,
    unit::{Unit, refused},
};

/// Prints what becomes final, one line of JSON each, until it is stopped.
#[derive(Args, Debug)]
pub(super) struct Watch {
    /// Only this shard; may be repeated.
    #[arg(long = "shard", value_name = "N")]
    shards: Vec<u16>,
    /// Only records of this vehicle; may be repeated.
    #[arg(long = "vehicle", value_name = "ID")]
    vehicles: Vec<String>,
    /// Only what this key sent; may be repeated.
    #[arg(long = "sender", value_name = "KEY")]
    senders: Vec<String>,
    /// From this height of the one shard that is watched on; what is new, if not given.
    #[arg(long, value_name = "HEIGHT", requires = "shards")]
    from: Option<u64>,
    /// Ends after so many transactions.
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Prints every block, too.
    #[arg(long)]
    blocks: bool,
}

impl Watch {
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let shard_ids: Vec<u32> = self.shards.iter().map(|shard| (*shard).into()).collect();
        let from = self.from.into_iter().flat_map(|height| {
            let positions = shard_ids.iter().map(move |shard_id| Position {
                shard_id: *shard_id,
                height,
            });
            positions.collect::<Vec<_>>()
        });
        let request = WatchRequest {
            from: from.collect(),
            shard_ids: shard_ids.clone(),
            vehicle_ids: self.vehicles,
            senders: self.senders,
            ..WatchRequest::default()
        };
        let answer = unit.ledger.watch(request).await;
        let mut events = answer.map_err(|status| refused(&status))?.into_inner();
        let mut out = std::io::stdout().lock();
        let mut left = self.count.unwrap_or(usize::MAX);
        while left > 0 {
            let event = events.message().await.map_err(|status| refused(&status))?;
            let Some(event) = event else {
                break;
            };
            match event.event {
                Some(Event::Transaction(transaction)) => {
                    writeln!(out, "{}", transaction_json(&transaction))?;
                    left -= 1;
                }
                Some(Event::Block(block)) if self.blocks => {
                    writeln!(out, "{}", json!({ "block": tip(&block) }))?;
                }
                Some(Event::Block(_) | Event::Start(_) | Event::Heartbeat(_)) | None => {}
            }
            out.flush()?;
        }
        Ok(())
    }
}

fn transaction_json(transaction: &TransactionFinalized) -> Value {
    let records = transaction.records.iter();
    let records = records.map(|it| json!({ "vehicle": it.vehicle_id, "sequence": it.sequence }));
    json!({
        "id": transaction.transaction_id,
        "shard": transaction.shard_id,
        "action": transaction.action,
        "sender": transaction.sender,
        "records": records.collect::<Vec<_>>(),
        "finalized": transaction.finalized.as_ref().map(finalized_json),
    })
}
