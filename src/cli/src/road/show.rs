use std::io::Write as _;

use clap::Args;
use serde_json::{Map, Value, json};
use wayside::rpc::road::v1::{Count, GetRelayRequest, LoadState, Relay};

use super::hazard::moment;
use crate::{
    ledger::{Unit, refused},
    lines::lines,
};

/// How the unit relays.
#[derive(Args, Debug)]
pub(super) struct Show {
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let answer = unit.road.get_relay(GetRelayRequest {}).await;
        let answer = answer.map_err(|status| refused(&status))?.into_inner();
        let shown = json_of(&answer.relay.unwrap_or_default());
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{shown:#}")?;
        } else {
            write!(out, "{}", lines(&shown))?;
        }
        Ok(())
    }
}

fn json_of(relay: &Relay) -> Value {
    if !relay.enabled {
        return json!({ "relays": false });
    }
    let place = relay.position.unwrap_or_default();
    json!({
        "relays": true,
        "problems": relay.problems,
        "load": load(relay.load()),
        "address": relay.address,
        "latitude_deg": place.latitude_deg,
        "longitude_deg": place.longitude_deg,
        "radius_m": relay.radius_m,
        "station": relay.station_id,
        "certificate_until": relay.certificate_until.map(moment),
        "vehicles": relay.vehicles,
        "units": relay.units,
        "hazards": relay.hazards,
        "hazards_unwritten": relay.hazards_unwritten,
        "relayed": counts(&relay.relayed),
        "shed": counts(&relay.shed),
        "refused": counts(&relay.refused),
        "revocations": relay.list_next,
        "revocations_as_of": relay.list_as_of.map(moment),
        "operators": relay.operators,
    })
}

fn load(load: LoadState) -> &'static str {
    match load {
        LoadState::Unspecified => "none",
        LoadState::Normal => "normal",
        LoadState::SheddingFar => "shedding_far",
        LoadState::HazardsOnly => "hazards_only",
        LoadState::Isolated => "isolated",
    }
}

fn counts(counts: &[Count]) -> Value {
    let counts = counts.iter();
    let counts = counts.map(|it| (it.name.clone(), Value::from(it.count)));
    Value::Object(counts.collect::<Map<_, _>>())
}
