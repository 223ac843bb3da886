use anyhow::{Context as _, bail, ensure};
use tokio::time::Instant;
use wayside::ledger::{Action, MovePart, Transfer};

use super::{
    desk::send_all,
    enrolment::{SERIAL, now},
    script::Ledger,
};
use crate::{
    demo::steps::seconds,
    ledger::{Answer, Fate},
};

impl Ledger {
    /// The owner sells one car to two people, through two units at once.
    pub(super) async fn sell(&mut self, say: &impl Fn(&str)) -> anyhow::Result<String> {
        let people = self.people()?;
        let car = people.car(2)?;
        say("the owner of the third vehicle sells it to two people at once, through two units");
        let sale = |buyer: &str| -> anyhow::Result<Action> {
            Ok(Action::Transfer(Transfer {
                vehicle: car.id,
                owner_epoch: 0,
                buyer: people.account(buyer)?,
            }))
        };
        let mut signed = Vec::new();
        for buyer in ["buyer", "workshop"] {
            let keys = (people.key("owner")?, vec![people.key(buyer)?]);
            let mut desk = self.desk(0, keys, None).await?;
            signed.iter().for_each(|other| desk.follow(other));
            signed.push(desk.sign(&sale(buyer)?).await?);
        }
        let units = [
            self.committee.connect(0).await?,
            self.committee.connect(3).await?,
        ];
        let answers = send_all(&units, signed).await;
        let heights: Vec<u64> = answers.iter().filter_map(applied_at).collect();
        let rules: Vec<&str> = answers.iter().filter_map(refused_by).collect();
        let ([height], [rule]) = (heights.as_slice(), rules.as_slice()) else {
            bail!("not exactly one of the sales counts: {answers:?}");
        };
        let id = car.id.to_string();
        let seen = self.wait_vehicle(1, &id, |it| it.owner_epoch == 1).await?;
        let new_owner = [people.account("buyer")?, people.account("workshop")?];
        ensure!(
            new_owner.iter().any(|it| it.to_string() == seen.owner),
            "the car belongs to a stranger"
        );
        Ok(format!(
            "sold in block {height} of shard {}; the other sale was refused: {rule}",
            car.id.home
        ))
    }

    /// A workshop moves the part to a vehicle that is at home in another shard.
    pub(super) async fn move_part(&mut self, say: &impl Fn(&str)) -> anyhow::Result<String> {
        let begun = Instant::now();
        let people = self.people()?;
        let from = people.car(0)?;
        let mut others = people.vehicles.iter().skip(1);
        let to = others.find(|car| car.id.home != from.id.home);
        let to = to.context("all vehicles are in one shard")?;
        say(&format!(
            "a workshop moves the part from shard {} to a vehicle of shard {}",
            from.id.home, to.id.home
        ));
        let part = people.part(SERIAL)?;
        let moved = Action::MovePart(MovePart {
            part,
            from: from.id,
            to: to.id,
            fitted: now(),
        });
        let keys = (people.key("workshop")?, vec![people.key("owner")?]);
        self.desk(1, keys, None).await?.apply(&moved).await?;
        let there = self.wait_part(2, to.id.home, part, true).await?;
        let gone = self.wait_part(3, from.id.home, part, false).await?;
        Ok(format!(
            "proven absent from shard {} (block {gone}) and present in shard {} (block {there}), \
             after {}",
            from.id.home,
            to.id.home,
            seconds(begun.elapsed())
        ))
    }
}

fn applied_at(answer: &Answer) -> Option<u64> {
    match &answer.fate {
        Fate::Applied { height } => Some(*height),
        Fate::Refused { .. } | Fate::Rejected { .. } | Fate::Pending { .. } => None,
    }
}

fn refused_by(answer: &Answer) -> Option<&str> {
    match &answer.fate {
        Fate::Refused { rule, .. } => Some(rule),
        Fate::Applied { .. } | Fate::Rejected { .. } | Fate::Pending { .. } => None,
    }
}
