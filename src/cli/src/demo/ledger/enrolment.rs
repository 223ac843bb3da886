use std::time::Duration;

use anyhow::Context as _;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use wayside::{
    id::ShardId,
    ledger::{Action, InstallPart, PartTag, ShipPart},
    time::Timestamp,
    transport::Clock,
};

use super::{
    desk::{applied, send_all},
    people::People,
    proof::holds_part,
    records::record_wear,
    script::{ASK_EVERY, Ledger, STEP_MAX},
};
use crate::demo::steps::seconds;

impl Ledger {
    /// The maker, the owner and each vehicle sign its birth.
    pub(super) async fn enrol(&mut self, say: &impl Fn(&str)) -> anyhow::Result<String> {
        let begun = Instant::now();
        say("a maker, an owner and each vehicle sign the vehicle's birth; its identification");
        say("number stays off the ledger, where a tag keeps anybody from using it twice");
        self.meet()?;
        let people = self.people()?;
        let built = now().saturating_sub(YEAR);
        let unit = self.committee.connect(0).await?;
        let mut births = Vec::new();
        for car in &people.vehicles {
            let keys = (
                people.key("maker")?,
                vec![people.key("owner")?, people.enrolment_key(car)?],
            );
            let mut desk = self.desk(0, keys, None).await?;
            births.iter().for_each(|signed| desk.follow(signed));
            births.push(desk.sign(&people.birth(car, built)?).await?);
        }
        for answer in send_all(&[unit], births).await {
            applied(&answer, "a birth")?;
        }
        let ids: Vec<String> = people
            .vehicles
            .iter()
            .map(|car| car.id.to_string())
            .collect();
        for id in &ids {
            self.wait_vehicle(1, id, |vehicle| vehicle.status == "active")
                .await?;
        }
        Ok(format!(
            "{} vehicles in {} shards, after {}",
            ids.len(),
            people.genesis.shards.len(),
            seconds(begun.elapsed())
        ))
    }

    /// A part maker makes a part and sends it to a workshop, which fits it.
    pub(super) async fn fit(&mut self, say: &impl Fn(&str)) -> anyhow::Result<String> {
        let begun = Instant::now();
        say("a part maker makes a part and sends it to a workshop, which fits it");
        let people = self.people()?;
        let car = people.car(0)?;
        let shard = car.id.home;
        let part = people.part(SERIAL)?;
        let made = people.make_part(SERIAL, "brake_caliper")?;
        let maker = || people.key("part_maker");
        let workshop = || people.key("workshop");
        let mut desk = self.desk(1, (maker()?, Vec::new()), Some(shard)).await?;
        desk.apply(&made).await?;
        self.wait_part(2, shard, part, true).await?;
        let shipped = Action::ShipPart(ShipPart {
            part,
            to: people.account("workshop")?,
        });
        let mut desk = self
            .desk(2, (maker()?, vec![workshop()?]), Some(shard))
            .await?;
        desk.apply(&shipped).await?;
        let fitted = Action::InstallPart(InstallPart {
            part,
            vehicle: car.id,
            fitted: now(),
        });
        let keys = (workshop()?, vec![people.key("owner")?]);
        let height = self
            .desk(2, keys, Some(shard))
            .await?
            .apply(&fitted)
            .await?;
        Ok(format!(
            "made, shipped and fitted in shard {shard}, block {height}, after {}",
            seconds(begun.elapsed())
        ))
    }

    /// Every vehicle records through its own agent, which has it done only once a proof verifies.
    pub(super) async fn record(
        &mut self,
        agents: &[String],
        say: &impl Fn(&str),
    ) -> anyhow::Result<String> {
        let begun = Instant::now();
        say("each stack hands its brake pad's wear and its odometer to its agent, which signs");
        say("them, brings them to the ledger, and believes what a quorum's votes prove, no unit");
        let people = self.people()?;
        let mut recording = JoinSet::new();
        for (number, agent) in agents.iter().enumerate() {
            let pad = people.part(&format!("pad-{number}"))?.to_string();
            let agent = agent.clone();
            recording.spawn(async move { record_wear(&agent, pad).await });
        }
        let mut records = 0;
        while let Some(done) = recording.join_next().await {
            records += done?.context("a vehicle's records")?;
        }
        Ok(format!(
            "{records} records of {} vehicles on the ledger, each proven to its agent, after {}",
            agents.len(),
            seconds(begun.elapsed())
        ))
    }

    /// Waits until a shard has a part, or has it no more, by proof.
    pub(super) async fn wait_part(
        &self,
        unit: usize,
        shard: ShardId,
        part: PartTag,
        wanted: bool,
    ) -> anyhow::Result<u64> {
        let people: &People = self.people()?;
        let mut unit = self.committee.connect(unit).await?;
        let end = Instant::now() + STEP_MAX;
        loop {
            let (is_there, height) = holds_part(&mut unit, &people.genesis, shard, part).await?;
            if is_there == wanted {
                return Ok(height);
            }
            if Instant::now() > end {
                anyhow::bail!("shard {shard} still does not say so");
            }
            sleep(ASK_EVERY).await;
        }
    }
}

pub(super) fn now() -> Timestamp {
    Clock::system().now().timestamp
}

/// The part that moves.
pub(super) const SERIAL: &str = "caliper-7";
const YEAR: Duration = Duration::from_secs(365 * 86_400);
