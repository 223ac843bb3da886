use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use tokio::time::{Instant, sleep, timeout};
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    rpc::ledger::v1::{GetInfoResponse, GetVehicleRequest, Vehicle},
};

use super::{committee::Committee, desk::Desk, people::People};
use crate::{
    demo::{stage::Outcome, steps::seconds},
    ledger::{Unit, refused},
};

/// One thing that must hold of the ledger, and how it comes about.
pub(in crate::demo) struct LedgerStep {
    /// What must hold, as the summary says it.
    pub(in crate::demo) name: &'static str,
    /// How long it may take.
    deadline: Duration,
    act: Act,
}

/// What is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    /// Starts the units.
    Start,
    /// Enrols the vehicles.
    Enrol,
    /// Makes a part and fits it to the first vehicle.
    Fit,
    /// Lets every vehicle's agent record wear.
    Record,
    /// Sells a vehicle twice.
    Sell,
    /// Moves the part to a vehicle of the other shard.
    Move,
    /// Kills a unit, and goes on without it.
    Kill,
    /// Starts that unit again.
    Restart,
    /// Takes a history away and verifies it.
    Prove,
    /// Ends the units.
    Stop,
}

/// The ledger before the drive.
pub(in crate::demo) const OPENING: &[LedgerStep] = &[
    LedgerStep {
        name: "four units vote",
        deadline: Duration::from_secs(25),
        act: Act::Start,
    },
    LedgerStep {
        name: "vehicles are enrolled",
        deadline: Duration::from_secs(15),
        act: Act::Enrol,
    },
    LedgerStep {
        name: "a part is fitted",
        deadline: Duration::from_secs(15),
        act: Act::Fit,
    },
];

/// The ledger during the drive.
pub(in crate::demo) const DRIVING: &[LedgerStep] = &[LedgerStep {
    name: "wear is recorded on the road",
    deadline: Duration::from_secs(20),
    act: Act::Record,
}];

/// The ledger after the drive.
pub(in crate::demo) const CLOSING: &[LedgerStep] = &[
    LedgerStep {
        name: "a car is sold once",
        deadline: Duration::from_secs(15),
        act: Act::Sell,
    },
    LedgerStep {
        name: "a part changes shards",
        deadline: Duration::from_secs(15),
        act: Act::Move,
    },
    LedgerStep {
        name: "three units go on",
        deadline: Duration::from_secs(20),
        act: Act::Kill,
    },
    LedgerStep {
        name: "the fourth catches up",
        deadline: Duration::from_secs(20),
        act: Act::Restart,
    },
    LedgerStep {
        name: "a history proves itself",
        deadline: Duration::from_secs(15),
        act: Act::Prove,
    },
    LedgerStep {
        name: "every unit ends in order",
        deadline: Duration::from_secs(15),
        act: Act::Stop,
    },
];

/// The units, and everybody who has something to write down.
pub(in crate::demo) struct Ledger {
    pub(super) folder: PathBuf,
    pub(super) committee: Committee,
    vehicles: usize,
    people: Option<People>,
}

impl Ledger {
    /// Before anything happens; `folder` is that of a trust domain with units.
    pub(in crate::demo) fn new(folder: PathBuf, vehicles: usize) -> Self {
        Self {
            vehicles,
            committee: Committee::new(folder.clone()),
            folder,
            people: None,
        }
    }

    /// Does what a step does, and holds it against what must be; `agents` are the addresses of the
    /// vehicles' agents.
    pub(in crate::demo) async fn run(
        &mut self,
        step: &LedgerStep,
        agents: &[String],
        say: impl Fn(&str),
    ) -> Outcome {
        let acted = timeout(step.deadline, self.act(step.act, agents, &say)).await;
        match acted {
            Ok(Ok(measured)) => {
                say(&format!("ok: {measured}"));
                Outcome::Held(measured)
            }
            Ok(Err(error)) => {
                say(&format!("FAILED: {}: {error:#}", step.name));
                Outcome::Failed(format!("{error:#}"))
            }
            Err(_) => {
                let late = format!("not within {}", seconds(step.deadline));
                say(&format!("FAILED: {}: {late}", step.name));
                Outcome::Failed(late)
            }
        }
    }

    /// Ends all units that still run.
    pub(in crate::demo) async fn end(&mut self) {
        self.committee.stop().await;
    }

    async fn act(
        &mut self,
        act: Act,
        agents: &[String],
        say: &impl Fn(&str),
    ) -> anyhow::Result<String> {
        match act {
            Act::Start => self.start(say).await,
            Act::Enrol => self.enrol(say).await,
            Act::Fit => self.fit(say).await,
            Act::Record => self.record(agents, say).await,
            Act::Sell => self.sell(say).await,
            Act::Move => self.move_part(say).await,
            Act::Kill => self.kill(say).await,
            Act::Restart => self.restart(say).await,
            Act::Prove => self.prove(say).await,
            Act::Stop => self.stop(say).await,
        }
    }

    async fn start(&mut self, say: &impl Fn(&str)) -> anyhow::Result<String> {
        let begun = Instant::now();
        say(&format!(
            "starting {UNITS} roadside units, each of another operator"
        ));
        self.committee.start(UNITS).await?;
        let infos = self
            .committee
            .wait_for("the units find each other", STEP_MAX, all_vote)
            .await?;
        let info = infos.first().context("no unit answers")?;
        Ok(format!(
            "{UNITS} processes keep {} shards, {} of {} votes make a block final; after {}",
            info.shards.len(),
            info.quorum,
            info.operators,
            seconds(begun.elapsed())
        ))
    }

    async fn stop(&mut self, say: &impl Fn(&str)) -> anyhow::Result<String> {
        let begun = Instant::now();
        say("every unit is asked to end (SIGTERM)");
        let ended = self.committee.stop().await;
        if ended < UNITS {
            bail!("{ended} of {UNITS} ended on SIGTERM without an error");
        }
        Ok(format!(
            "{ended} of {UNITS} ended on SIGTERM after {}",
            seconds(begun.elapsed())
        ))
    }

    /// Reads who there is; the files are those of `wayside pki init`.
    pub(super) fn meet(&mut self) -> anyhow::Result<&People> {
        let people = People::read(&self.folder, self.vehicles)?;
        Ok(self.people.insert(people))
    }

    /// Everybody who has a key.
    pub(super) fn people(&self) -> anyhow::Result<&People> {
        self.people.as_ref().context("nobody was enrolled")
    }

    /// A place to sign and submit at, by way of one unit; the first key is the sender's.
    pub(super) async fn desk(
        &self,
        unit: usize,
        keys: (SigningKey, Vec<SigningKey>),
        shard: Option<ShardId>,
    ) -> anyhow::Result<Desk> {
        let unit = self.committee.connect(unit).await?;
        Ok(Desk::new(unit, self.people()?.genesis.clone(), keys, shard))
    }

    /// What a unit says of a vehicle, once that is as wanted.
    pub(super) async fn wait_vehicle(
        &self,
        unit: usize,
        vehicle: &str,
        holds: impl Fn(&Vehicle) -> bool,
    ) -> anyhow::Result<Vehicle> {
        let mut unit = self.committee.connect(unit).await?;
        let end = Instant::now() + STEP_MAX;
        loop {
            // A unit that is a block behind does not even know a vehicle that was just born.
            match ask_vehicle(&mut unit, vehicle).await {
                Ok(found) if holds(&found) => return Ok(found),
                Ok(found) if Instant::now() > end => bail!("{vehicle} is {:?}", found.status),
                Err(error) if Instant::now() > end => return Err(error),
                Ok(_) | Err(_) => sleep(ASK_EVERY).await,
            }
        }
    }
}

/// What a unit says of a vehicle.
pub(super) async fn ask_vehicle(unit: &mut Unit, vehicle: &str) -> anyhow::Result<Vehicle> {
    let vehicle_id = vehicle.to_owned();
    let answer = unit
        .ledger
        .get_vehicle(GetVehicleRequest { vehicle_id })
        .await;
    let answer = answer.map_err(|status| refused(&status))?.into_inner();
    answer.vehicle.context("a unit says nothing of a vehicle")
}

fn all_vote(infos: &[GetInfoResponse]) -> bool {
    let others = u32::try_from(UNITS.saturating_sub(1)).unwrap_or(u32::MAX);
    infos.len() == UNITS
        && infos.iter().all(|info| {
            info.shards
                .iter()
                .all(|shard| shard.voting && !shard.catching_up && shard.peers >= others)
        })
}

pub(super) const ASK_EVERY: Duration = Duration::from_millis(50);
/// Within a step; the step's own deadline is what counts.
pub(super) const STEP_MAX: Duration = Duration::from_secs(20);
/// The smallest real committee.
pub(super) const UNITS: usize = 4;
