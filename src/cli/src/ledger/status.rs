use std::io::Write as _;

use clap::Args;
use serde_json::{Value, json};
use wayside::rpc::ledger::v1::{GetInfoRequest, GetInfoResponse, ShardInfo};

use super::{
    genesis::DEVELOPMENT,
    text::wire_time,
    unit::{Unit, refused},
};

/// What a unit says of itself.
#[derive(Args, Debug)]
pub(super) struct Status {
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let answer = unit.ledger.get_info(GetInfoRequest {}).await;
        let info = answer.map_err(|status| refused(&status))?.into_inner();
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{:#}", json_of(&info))?;
            return Ok(());
        }
        if info.development {
            writeln!(out, "{DEVELOPMENT}")?;
        }
        writeln!(out, "ledger    {} ({})", info.chain_name, info.chain_id)?;
        let operator = if info.operator.is_empty() {
            "votes for nobody"
        } else {
            &info.operator
        };
        writeln!(
            out,
            "unit      {} {}, {}: {operator}",
            info.name,
            info.version,
            info.profiles.join("+")
        )?;
        writeln!(
            out,
            "committee {} operators, {} make a quorum",
            info.operators, info.quorum
        )?;
        for shard in &info.shards {
            writeln!(out, "{}", shard_line(shard))?;
            for warning in warnings(shard) {
                writeln!(out, "  {warning}")?;
            }
        }
        Ok(())
    }
}

fn shard_line(shard: &ShardInfo) -> String {
    let tip = shard.tip.as_ref();
    let state = if shard.upgrade_needed {
        "stopped"
    } else if shard.catching_up {
        "catching up"
    } else if shard.voting {
        "voting"
    } else {
        "following"
    };
    format!(
        "shard {:<3} height {:<8} {}  {state}, {} peers, {} transactions wait",
        shard.shard_id,
        tip.map_or(0, |tip| tip.height),
        tip.and_then(|tip| tip.time.as_ref())
            .map(wire_time)
            .unwrap_or_default(),
        shard.peers,
        shard.waiting_transactions,
    )
}

/// What an operator has to see to.
fn warnings(shard: &ShardInfo) -> Vec<String> {
    let mut warnings = Vec::new();
    let known = shard.rules_supported;
    if shard.upgrade_needed {
        warnings.push(format!(
            "it follows version {} of the rules, of which this unit's software knows {known}: \
             upgrade it, and it goes on",
            shard.rules,
        ));
    } else if shard.rules_next > known {
        warnings.push(format!(
            "version {} of the rules begins at height {}, of which this unit's software knows \
             {known}: upgrade it before",
            shard.rules_next, shard.rules_next_height,
        ));
    } else if shard.rules_next > 0 {
        warnings.push(format!(
            "version {} of the rules begins at height {}",
            shard.rules_next, shard.rules_next_height,
        ));
    }
    if shard.archives < shard.archives_required {
        warnings.push(format!(
            "{} of at least {} operators keep every block: until more do, none is forgotten",
            shard.archives, shard.archives_required,
        ));
    }
    warnings
}

fn json_of(info: &GetInfoResponse) -> Value {
    let shards = info.shards.iter().map(|shard| {
        let tip = shard.tip.as_ref();
        json!({
            "shard": shard.shard_id,
            "height": tip.map(|tip| tip.height),
            "header": tip.map(|tip| tip.digest.as_str()),
            "state_root": tip.map(|tip| tip.state_root.as_str()),
            "time": tip.and_then(|tip| tip.time.as_ref()).map(wire_time),
            "oldest_height": shard.oldest_height,
            "view": shard.view,
            "peers": shard.peers,
            "waiting_transactions": shard.waiting_transactions,
            "voting": shard.voting,
            "catching_up": shard.catching_up,
            "rules": shard.rules,
            "rules_supported": shard.rules_supported,
            "rules_next": (shard.rules_next > 0).then_some(shard.rules_next),
            "rules_next_height": (shard.rules_next > 0).then_some(shard.rules_next_height),
            "upgrade_needed": shard.upgrade_needed,
            "archives": shard.archives,
            "archives_required": shard.archives_required,
        })
    });
    json!({
        "name": info.name,
        "version": info.version,
        "chain": info.chain_id,
        "chain_name": info.chain_name,
        "development": info.development,
        "profiles": info.profiles,
        "operator": info.operator,
        "operators": info.operators,
        "quorum": info.quorum,
        "shards": shards.collect::<Vec<_>>(),
        "caller": info.caller,
        "roles": info.roles,
    })
}
