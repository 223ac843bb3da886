use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use wayside::{
    ledger::{
        AccountKey, Action, AddOperator, ChangeCommittee, RemoveOperator, ReplaceSeat, SeatChange,
    },
    rpc::ledger::v1::{Committee, ListOperatorsRequest, ListOperatorsResponse},
};

use super::{
    key::Party,
    sign::Signing,
    unit::{Unit, UnitArguments, refused},
};

/// Arguments of `wayside ledger committee`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints who votes, who will, and from which block on.
    Show(Show),
    /// Lets an operator join, leave, or vote with another key, once a quorum of operators has signed,
    /// as with `grant`. Whoever joins or gets another key signs too, with its own cold key.
    ///
    /// The new committee votes from the first snapshot on that is at least 16 blocks later, in each
    /// shard at a height of its own; the next change can be made when all of them are there.
    Change(Box<Change>),
}

#[derive(Args, Debug)]
struct Show {
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Change {
    /// Whoever joins: `operator.toml` of `wayside pki operator`, with name, cold_key, vote_key and
    /// address; may be repeated.
    #[arg(long, value_name = "FILE")]
    add: Vec<PathBuf>,
    /// The number of an operator that leaves; may be repeated.
    #[arg(long, value_name = "NUMBER")]
    remove: Vec<u16>,
    /// The number of an operator that votes with another key, or is reached elsewhere.
    #[arg(long, value_name = "NUMBER")]
    replace: Option<u16>,
    /// The public half of its new vote key.
    #[arg(long, value_name = "KEY", requires = "replace")]
    vote_key: Option<AccountKey>,
    /// Where it is reached from then on.
    #[arg(long = "address", value_name = "HOST:PORT", requires = "replace")]
    new_address: Option<String>,
    #[command(flatten)]
    signing: Signing,
}

impl Arguments {
    pub(super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Show(it) => it.run(unit.connect().await?).await,
            Command::Change(it) => it.run(unit).await,
        }
    }
}

impl Show {
    async fn run(self, mut unit: Unit) -> anyhow::Result<ExitCode> {
        let answer = unit
            .governance
            .list_operators(ListOperatorsRequest {})
            .await;
        let answer = answer.map_err(|status| refused(&status))?.into_inner();
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{:#}", json_of(&answer))?;
        } else {
            lines_of(&answer)
                .iter()
                .try_for_each(|line| writeln!(out, "{line}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Change {
    async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        let (seats, others) = self.seats(&mut unit.connect().await?).await?;
        let action = Action::ChangeCommittee(ChangeCommittee { seats });
        let signing = self.signing;
        signing.perform(unit, |_| Ok((action, others))).await
    }

    /// What changes, and who must sign for it beside a quorum.
    async fn seats(&self, unit: &mut Unit) -> anyhow::Result<(Vec<SeatChange>, Vec<Party>)> {
        let (mut seats, mut others) = (Vec::new(), Vec::new());
        for path in &self.add {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let added: AddOperator = toml::from_str(&text)
                .with_context(|| format!("{} is no operator", path.display()))?;
            others.push(Party::named(added.cold_key));
            seats.push(SeatChange::Add(added));
        }
        if let Some(operator) = self.replace {
            others.push(Party::named(cold_key(unit, operator).await?));
            seats.push(SeatChange::Replace(ReplaceSeat {
                operator,
                vote_key: self.vote_key,
                address: self.new_address.clone(),
            }));
        }
        let removed = self.remove.iter();
        seats.extend(removed.map(|it| SeatChange::Remove(RemoveOperator { operator: *it })));
        if seats.is_empty() {
            bail!("nothing changes: give --add, --remove or --replace");
        }
        let sender = self.signing.account()?;
        others.retain(|other| other.account() != sender);
        Ok((seats, others))
    }
}

async fn cold_key(unit: &mut Unit, operator: u16) -> anyhow::Result<AccountKey> {
    let answer = unit
        .governance
        .list_operators(ListOperatorsRequest {})
        .await;
    let answer = answer.map_err(|status| refused(&status))?.into_inner();
    let mut operators = answer.operators.iter();
    let found = operators.find(|it| it.number == u32::from(operator));
    let found = found.with_context(|| format!("there is no operator {operator}"))?;
    Ok(found.cold_key.parse()?)
}

fn lines_of(answer: &ListOperatorsResponse) -> Vec<String> {
    let mut lines = Vec::new();
    for operator in &answer.operators {
        let votes = |committee: Option<&Committee>| {
            let mut members = committee.iter().flat_map(|it| &it.members);
            let member = members.find(|it| it.operator == operator.number);
            member.map(|it| it.vote_key.clone())
        };
        let (now, then) = (
            votes(answer.committee.as_ref()),
            votes(answer.next_committee.as_ref()),
        );
        let is_settled = answer.next_committee.is_none();
        let seat = match (now, then) {
            (Some(_), None) if is_settled => "votes",
            (Some(now), Some(then)) if now == then => "votes",
            (Some(_), Some(_)) => "votes, then with another key",
            (Some(_), None) => "votes, then no longer",
            (None, Some(_)) => "will vote",
            (None, None) => "has no vote",
        };
        let address = operator.addresses.first();
        lines.push(format!(
            "operator {:<3} {:<24} {:<9} {seat}  {}",
            operator.number,
            operator.name,
            operator.status,
            address.map_or("", |it| it.address.as_str()),
        ));
    }
    let committees = [&answer.committee, &answer.next_committee];
    for committee in committees.into_iter().flatten() {
        lines.push(format!(
            "epoch {}: {} vote, {} make a quorum, from block {} of shard 0 on",
            committee.epoch,
            committee.members.len(),
            committee.quorum,
            committee.first_height,
        ));
    }
    for shard in &answer.shards {
        let next = match shard.next_first_height {
            0 => String::new(),
            height => format!(", the next from block {height} on"),
        };
        lines.push(format!(
            "shard {:<3} epoch {} from block {} on{next}",
            shard.shard_id, shard.epoch, shard.first_height,
        ));
    }
    lines
}

fn json_of(answer: &ListOperatorsResponse) -> Value {
    let operators = answer.operators.iter().map(|operator| {
        json!({
            "number": operator.number,
            "name": operator.name,
            "status": operator.status,
            "cold_key": operator.cold_key,
            "vote_key": operator.vote_key,
            "address": operator.addresses.first().map(|it| &it.address),
            "misconduct": operator.misconduct,
        })
    });
    let shards = answer.shards.iter().map(|shard| {
        json!({
            "shard": shard.shard_id,
            "epoch": shard.epoch,
            "first_height": shard.first_height,
            "next_first_height": Some(shard.next_first_height).filter(|height| *height > 0),
        })
    });
    json!({
        "operators": operators.collect::<Vec<_>>(),
        "committee": answer.committee.as_ref().map(committee_json),
        "next_committee": answer.next_committee.as_ref().map(committee_json),
        "shards": shards.collect::<Vec<_>>(),
    })
}

fn committee_json(committee: &Committee) -> Value {
    let members = committee.members.iter().map(|member| {
        json!({
            "operator": member.operator,
            "vote_key": member.vote_key,
            "address": member.address,
        })
    });
    json!({
        "epoch": committee.epoch,
        "first_height": committee.first_height,
        "quorum": committee.quorum,
        "members": members.collect::<Vec<_>>(),
    })
}
