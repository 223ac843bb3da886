use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Deserialize;
use wayside::{
    id::{DomainId, ShardId},
    ledger::{Action, CertifyIssuingKey, RULES, ScheduleRules, SetTicketPolicy},
    rpc::ledger::v1::{GetInfoRequest, ShardInfo},
};

use super::{
    desk::{Desk, DomainArguments, KeyKind, account, now},
    enrol::enrol_all,
    offices,
};
use crate::ledger::refused;

/// Has the operators of a running development ledger issue tickets: says what tickets are like, gives
/// the operators their offices, certifies their issuing keys, waits until they have made the key that
/// signs tickets, and enrols the domain's vehicles. DEVELOPMENT only.
#[derive(Args, Debug)]
pub(crate) struct Issuing {
    #[command(flatten)]
    domain: DomainArguments,
    /// How long one ticket lasts.
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = humantime::parse_duration)]
    slot_length: Duration,
    /// For how long ahead a vehicle may have tickets.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
    preload: Duration,
    /// How many vehicles' tickets are signed together, so that nobody who signs can tell them apart.
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: u32,
    /// How long tickets wait at most for those of more vehicles.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    batch_wait: Duration,
}

impl Issuing {
    pub(in super::super) async fn run(self) -> anyhow::Result<()> {
        let desk = Desk::open(&self.domain).await?;
        let group = offices::group(desk.operators())?;
        follow_rules(&desk).await?;
        desk.perform_as_all(KeyKind::Cold, self.policy()?.into())
            .await?;
        eprintln!("tickets: slots of {} s", self.slot_length.as_secs());
        for operator in 0..desk.operators() {
            certify(&desk, operator).await?;
        }
        eprintln!("issuing keys of {} operators", desk.operators());
        desk.perform_as_all(KeyKind::Cold, group.into()).await?;
        let issuer = desk.wait_for("the key that signs tickets", async |desk| {
            let facts = desk.facts().await?;
            Ok(facts.and_then(|facts| facts.issuers.first().map(|issuer| issuer.key)))
        });
        eprintln!("the key that signs tickets: {}", issuer.await?);
        let enrolled = enrol_all(&desk).await?;
        eprintln!("{enrolled} vehicles enrolled");
        Ok(())
    }

    fn policy(&self) -> anyhow::Result<SetTicketPolicy> {
        let slot_length_s = u32::try_from(self.slot_length.as_secs())?;
        ensure!(slot_length_s > 0, "--slot-length is at least 1s");
        let preload_slots = u32::try_from(self.preload.as_secs())? / slot_length_s;
        Ok(SetTicketPolicy {
            domain: DOMAIN,
            slot_length_s,
            preload_slots: preload_slots.max(1),
            batch_vehicles_min: self.batch,
            batch_wait_ms: u32::try_from(self.batch_wait.as_millis())?,
        })
    }
}

/// Has every shard follow the newest rules, which know of tickets and suspend liars.
async fn follow_rules(desk: &Desk) -> anyhow::Result<()> {
    for shard in shards(desk).await? {
        if shard.rules.max(shard.rules_next) >= u32::from(RULES) {
            continue;
        }
        let scheduled = ScheduleRules {
            shard: ShardId(u16::try_from(shard.shard_id)?),
            rules: RULES,
            height: 1,
        };
        desk.perform_as_all(KeyKind::Cold, scheduled.into()).await?;
    }
    Ok(())
}

async fn shards(desk: &Desk) -> anyhow::Result<Vec<ShardInfo>> {
    let answer = desk.unit().ledger.get_info(GetInfoRequest {}).await;
    Ok(answer
        .map_err(|status| refused(&status))?
        .into_inner()
        .shards)
}

pub(super) async fn certify(desk: &Desk, operator: u16) -> anyhow::Result<()> {
    let begin = now().saturating_sub(KEY_BEFORE);
    let certified = CertifyIssuingKey {
        operator,
        replica: 0,
        key: account(&desk.key(operator, KeyKind::Issuing)?),
        door: door(desk.unit_folder(operator)?)?,
        from: begin,
        until: begin.saturating_add(KEY_LIFE),
    };
    let signed = vec![desk.key(operator, KeyKind::Cold)?];
    desk.perform(signed, Action::from(certified)).await?;
    Ok(())
}

/// Where a unit's door is, by its configuration.
fn door(unit: &Path) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Config {
        door: Door,
    }
    #[derive(Deserialize)]
    struct Door {
        server: Server,
    }
    #[derive(Deserialize)]
    struct Server {
        listen: String,
    }
    let path = unit.join("unit.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let config: Config = toml::from_str(&text)
        .with_context(|| format!("{} names no door.server.listen", path.display()))?;
    Ok(config.door.server.listen)
}

/// The domain of `wayside pki init`.
const DOMAIN: DomainId = DomainId(1);
const KEY_BEFORE: Duration = Duration::from_secs(60);
const KEY_LIFE: Duration = Duration::from_secs(30 * 86_400);
