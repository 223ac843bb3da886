use anyhow::Context as _;
use tokio::time::Instant;
use wayside::{
    ledger::{Action, OdometerSource, RecordOdometer},
    rpc::ledger::v1::GetInfoResponse,
};

use super::{
    desk::{applied, send_all},
    enrolment::now,
    records::ODOMETER_KM,
    script::{Ledger, STEP_MAX, UNITS},
};
use crate::demo::steps::seconds;

impl Ledger {
    /// One unit is killed; a workshop's readings of all vehicles go through the others.
    pub(super) async fn kill(&mut self, say: &impl Fn(&str)) -> anyhow::Result<String> {
        let pid = self.committee.kill(VICTIM).await?;
        say(&format!("killed unit {UNITS} (SIGKILL to process {pid})"));
        let begun = Instant::now();
        let people = self.people()?;
        let mut units = Vec::new();
        for unit in 0..VICTIM {
            units.push(self.committee.connect(unit).await?);
        }
        let mut signed = Vec::new();
        let mut desk = self
            .desk(0, (people.key("workshop")?, Vec::new()), None)
            .await?;
        for round in 0..ROUNDS {
            for car in &people.vehicles {
                let reading = Action::RecordOdometer(RecordOdometer {
                    vehicle: car.id,
                    odometer_km: ODOMETER_KM + 10,
                    read: now(),
                    source: OdometerSource::Workshop,
                });
                signed.push(desk.sign(&reading).await?);
            }
            // Readings of one vehicle must not overtake each other.
            let answers = send_all(&units, std::mem::take(&mut signed)).await;
            for answer in &answers {
                applied(answer, "a reading").with_context(|| format!("round {round}"))?;
            }
        }
        let count = ROUNDS * people.vehicles.len();
        Ok(format!(
            "{count} records of a workshop applied without it, in {}",
            seconds(begun.elapsed())
        ))
    }

    /// It starts with what it had on disk, and takes the rest from the others.
    pub(super) async fn restart(&mut self, say: &impl Fn(&str)) -> anyhow::Result<String> {
        say(&format!(
            "starting unit {UNITS} again, with what it has on disk"
        ));
        let begun = Instant::now();
        self.committee.restart(VICTIM).await?;
        let infos = self
            .committee
            .wait_for("it catches up", STEP_MAX, all_agree)
            .await?;
        let tips: Vec<String> = infos
            .last()
            .context("no unit answers")?
            .shards
            .iter()
            .filter_map(|shard| {
                let tip = shard.tip.as_ref()?;
                Some(format!("block {} of shard {}", tip.height, shard.shard_id))
            })
            .collect();
        Ok(format!(
            "all four have the same state at {}, after {}",
            tips.join(" and "),
            seconds(begun.elapsed())
        ))
    }
}

/// All four are at the same block of each shard, vote, and have the same root of the state.
fn all_agree(infos: &[GetInfoResponse]) -> bool {
    let tips = |info: &GetInfoResponse| -> Option<Vec<(u32, u64, String)>> {
        let shards = info.shards.iter();
        let tips = shards.map(|shard| {
            let tip = shard.tip.as_ref()?;
            let is_up = shard.voting && !shard.catching_up;
            is_up.then(|| (shard.shard_id, tip.height, tip.state_root.clone()))
        });
        tips.collect()
    };
    let Some(first) = infos.first().and_then(tips) else {
        return false;
    };
    infos.len() == UNITS && infos.iter().all(|info| tips(info).as_ref() == Some(&first))
}

/// How often a workshop reads every vehicle's odometer while a unit is gone.
const ROUNDS: usize = 3;
/// The last unit.
pub(super) const VICTIM: usize = UNITS - 1;
