use std::{io::Write as _, process::ExitCode};

use clap::Args;
use serde_json::json;
use wayside::{
    id::ShardId,
    ledger::{AccountKey, Action, GrantRole, Label, RevokeRole, Role, ScheduleRules, SetShard},
    rpc::ledger::v1::{ListRolesRequest, ListShardsRequest, Shard},
};

use super::{
    sign::Signing,
    unit::{Unit, UnitArguments, refused},
};

/// Lets a key do what a role may, once a quorum of operators has signed: with `--key` and `--with`
/// at once, or one after the other with `--save-draft` and `wayside ledger approve`.
#[derive(Args, Debug)]
pub(super) struct Grant {
    /// The public half of the key, as `wayside ledger key show` prints it.
    account: AccountKey,
    /// What it may do: maker, workshop, inspection, insurer, …
    role: Role,
    /// Whose key it is: 1 to 32 characters of A-Z a-z 0-9 _ - . : /
    #[arg(long, default_value = "unnamed")]
    name: Label,
    #[command(flatten)]
    signing: Signing,
}

/// Takes a role from a key, once a quorum of operators has signed, as with `grant`.
#[derive(Args, Debug)]
pub(super) struct Revoke {
    /// The public half of the key.
    account: AccountKey,
    /// What it may no longer do.
    role: Role,
    #[command(flatten)]
    signing: Signing,
}

/// Prints one line of JSON for each key that has a role.
#[derive(Args, Debug)]
pub(super) struct Roles {
    /// Only this role.
    role: Option<Role>,
}

/// Changes what share of new vehicles a shard takes, once a quorum of operators has signed, as with
/// `grant`. This is how a ledger grows: a spare shard is opened, and nothing moves.
#[derive(Args, Debug)]
pub(super) struct Weight {
    /// The shard.
    id: u16,
    /// How many of the new vehicles it takes, against the other shards' weights; 0 for none.
    weight: u32,
    #[command(flatten)]
    signing: Signing,
}

/// Has a shard follow another version of the rules from a height on, once a quorum of operators has
/// signed, as with `grant`. Units whose software does not know it stop before that height; `status`
/// says which versions a unit knows. Where version 2 is followed already, naming the version that is
/// followed takes back one that is scheduled.
#[derive(Args, Debug)]
pub(super) struct Rules {
    /// The shard.
    id: u16,
    /// The version.
    version: u16,
    /// The first height that follows it; the next one, if that is past.
    #[arg(long)]
    height: u64,
    #[command(flatten)]
    signing: Signing,
}

/// Prints one line of JSON for each shard.
#[derive(Args, Debug)]
pub(super) struct Shards {}

impl Grant {
    pub(super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        let action = Action::GrantRole(GrantRole {
            key: self.account,
            role: self.role,
            name: self.name,
        });
        self.signing
            .perform(unit, |_| Ok((action, Vec::new())))
            .await
    }
}

impl Revoke {
    pub(super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        let action = Action::RevokeRole(RevokeRole {
            key: self.account,
            role: self.role,
        });
        self.signing
            .perform(unit, |_| Ok((action, Vec::new())))
            .await
    }
}

impl Weight {
    pub(super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        let action = Action::SetShard(SetShard {
            shard: ShardId(self.id),
            weight: self.weight,
        });
        self.signing
            .perform(unit, |_| Ok((action, Vec::new())))
            .await
    }
}

impl Rules {
    pub(super) async fn run(self, unit: &UnitArguments) -> anyhow::Result<ExitCode> {
        let action = Action::ScheduleRules(ScheduleRules {
            shard: ShardId(self.id),
            rules: self.version,
            height: self.height,
        });
        self.signing
            .perform(unit, |_| Ok((action, Vec::new())))
            .await
    }
}

impl Shards {
    pub(super) async fn run(self, unit: Unit) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        for shard in shards(unit).await? {
            let line = json!({
                "shard": shard.shard_id,
                "weight": shard.weight,
                "tag_buckets": shard.tag_buckets,
            });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// The shards, as the governing one says.
pub(super) async fn shards(mut unit: Unit) -> anyhow::Result<Vec<Shard>> {
    let answer = unit.governance.list_shards(ListShardsRequest {}).await;
    Ok(answer
        .map_err(|status| refused(&status))?
        .into_inner()
        .shards)
}

impl Roles {
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        let mut page_token = String::new();
        loop {
            let request = ListRolesRequest {
                role: self
                    .role
                    .map_or_else(String::new, |it| it.name().to_owned()),
                page_size: 0,
                page_token,
            };
            let answer = unit.governance.list_roles(request).await;
            let page = answer.map_err(|status| refused(&status))?.into_inner();
            for holder in page.holders {
                let line = json!({
                    "key": holder.key,
                    "roles": holder.roles,
                    "name": holder.name,
                });
                writeln!(out, "{line}")?;
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(());
            }
        }
    }
}
