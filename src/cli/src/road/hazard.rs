use std::{io::Write as _, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use wayside::{
    rpc::{
        self,
        hazard::v1::Event,
        road::v1::{
            CancelHazardRequest, ListHazardsRequest, PublishHazardRequest, RoadHazard,
            UpdateHazardRequest,
        },
        types::v1::{Cause, Position},
    },
    time::Timestamp,
};

use crate::{
    ledger::{Unit, refused, utc},
    pki::parse_time,
};

/// What to tell.
#[derive(Args, Debug)]
pub(super) struct Publish {
    /// Your name for it: at most 64 letters, digits and any of `-_.:`.
    name: String,
    /// Where it is, `LATITUDE,LONGITUDE` in degrees.
    #[arg(long, value_name = "PLACE", value_parser = parse_place, allow_hyphen_values = true, required_unless_present = "update")]
    at: Option<(f64, f64)>,
    /// What it is: roadworks, closure, accident, obstacle, or an ETSI cause code with its sub-cause, as
    /// `9/4`.
    #[arg(long, value_name = "CAUSE", value_parser = parse_cause, default_value = "roadworks")]
    cause: (u32, u32),
    /// Whom it concerns, by the distance in metres; 1000, if not given.
    #[arg(long, value_name = "METRES")]
    radius_m: Option<f64>,
    /// Which way the traffic goes that it concerns, in degrees from north.
    #[arg(long, value_name = "DEGREES")]
    heading_deg: Option<f64>,
    /// When it is over, as 2026-01-31T12:00:00Z; when it is cancelled, if not given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<Timestamp>,
    /// How long vehicles hold to it that hear nothing more of it.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    validity: Duration,
    /// Says something else of one that is told already.
    #[arg(long)]
    update: bool,
}

/// What to end.
#[derive(Args, Debug)]
pub(super) struct Cancel {
    /// Your name for it.
    name: String,
}

/// What to list.
#[derive(Args, Debug)]
pub(super) struct List {
    /// Prints a JSON object for each instead of text.
    #[arg(long)]
    json: bool,
}

impl Publish {
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let event = Some(self.event());
        let until = self.until.map(rpc::to_wire_time);
        let mut out = std::io::stdout().lock();
        let kept = if self.update {
            let request = UpdateHazardRequest {
                hazard_id: self.name.clone(),
                event,
                until,
            };
            let answer = unit.road.update_hazard(request).await;
            let answer = answer.map_err(|status| refused(&status))?.into_inner();
            writeln!(out, "{}: vehicles are told what is new", self.name)?;
            answer.kept
        } else {
            let request = PublishHazardRequest {
                hazard_id: self.name.clone(),
                event,
                until,
            };
            let answer = unit.road.publish_hazard(request).await;
            let answer = answer.map_err(|status| refused(&status))?.into_inner();
            let words = if answer.repeated_request {
                "vehicles are told already"
            } else {
                "vehicles are told"
            };
            writeln!(out, "{}: {words}", self.name)?;
            answer.kept
        };
        warn_unless(kept)
    }

    fn event(&self) -> Event {
        let (code, sub_code) = self.cause;
        Event {
            cause: Some(Cause {
                code: Some(code),
                sub_code,
                name: String::new(),
            }),
            position: self.at.map(|(latitude_deg, longitude_deg)| Position {
                latitude_deg: Some(latitude_deg),
                longitude_deg: Some(longitude_deg),
                altitude_m: None,
            }),
            validity: Some(rpc::to_wire_duration(self.validity)),
            relevance_radius_m: self.radius_m,
            heading_deg: self.heading_deg,
            ..Event::default()
        }
    }
}

impl Cancel {
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let request = CancelHazardRequest {
            hazard_id: self.name.clone(),
        };
        let answer = unit.road.cancel_hazard(request).await;
        let answer = answer.map_err(|status| refused(&status))?.into_inner();
        writeln!(
            std::io::stdout().lock(),
            "{}: vehicles are told that it is over",
            self.name
        )?;
        warn_unless(answer.kept)
    }
}

impl List {
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        let mut page_token = String::new();
        loop {
            let request = ListHazardsRequest {
                page_token,
                ..ListHazardsRequest::default()
            };
            let answer = unit.road.list_hazards(request).await;
            let answer = answer.map_err(|status| refused(&status))?.into_inner();
            for hazard in &answer.hazards {
                let told = json_of(hazard);
                if self.json {
                    writeln!(out, "{told}")?;
                } else {
                    writeln!(out, "{}", line(hazard))?;
                }
            }
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                return Ok(());
            }
        }
    }
}

fn warn_unless(kept: bool) -> anyhow::Result<()> {
    if !kept {
        let mut out = std::io::stderr().lock();
        writeln!(
            out,
            "warning: the unit's disk has not taken it yet: see `wayside road show`"
        )?;
    }
    Ok(())
}

fn line(told: &RoadHazard) -> String {
    let hazard = told.hazard.clone().unwrap_or_default();
    let action = hazard.action_id.unwrap_or_default();
    let name = if told.hazard_id.is_empty() {
        let sequence = action.sequence.unwrap_or_default();
        format!("{}/{sequence}", action.station_id)
    } else {
        told.hazard_id.clone()
    };
    let cause = hazard.cause.unwrap_or_default();
    let place = hazard.position.unwrap_or_default();
    let ends = match &told.until {
        Some(until) => format!(", over {}", moment(*until)),
        None if told.hazard_id.is_empty() => {
            let expires = hazard.expires_at.map(moment).unwrap_or_default();
            format!(", holds until {expires}")
        }
        None => ", until it is cancelled".to_owned(),
    };
    format!(
        "{name}  {}/{} {} at {:.7},{:.7}, within {} m{ends}",
        cause.code.unwrap_or_default(),
        cause.sub_code,
        cause.name,
        place.latitude_deg.unwrap_or_default(),
        place.longitude_deg.unwrap_or_default(),
        hazard.relevance_radius_m,
    )
}

fn json_of(told: &RoadHazard) -> Value {
    let hazard = told.hazard.clone().unwrap_or_default();
    let action = hazard.action_id.unwrap_or_default();
    let cause = hazard.cause.unwrap_or_default();
    let place = hazard.position.unwrap_or_default();
    json!({
        "name": (!told.hazard_id.is_empty()).then_some(&told.hazard_id),
        "station": action.station_id,
        "sequence": action.sequence,
        "update": hazard.update,
        "cause": cause.code,
        "sub_cause": cause.sub_code,
        "cause_name": cause.name,
        "latitude_deg": place.latitude_deg,
        "longitude_deg": place.longitude_deg,
        "relevance_radius_m": hazard.relevance_radius_m,
        "expires": hazard.expires_at.map(moment),
        "until": told.until.map(moment),
    })
}

pub(super) fn moment(time: prost_types::Timestamp) -> String {
    let time = rpc::from_wire_time(Some(time), "time").ok().flatten();
    time.map(utc).unwrap_or_default()
}

fn parse_place(text: &str) -> Result<(f64, f64), String> {
    let parse = || {
        let (latitude, longitude) = text.split_once(',')?;
        let parse = |text: &str| text.trim().parse::<f64>().ok();
        Some((parse(latitude)?, parse(longitude)?))
    };
    parse().ok_or_else(|| "expected LATITUDE,LONGITUDE, as 48.1374,11.5755".to_owned())
}

/// Names and numbers of ETSI TS 102 894-2, `CauseCode`.
fn parse_cause(text: &str) -> Result<(u32, u32), String> {
    match text {
        "roadworks" => return Ok((3, 0)),
        // Roadworks that close the road: majorRoadworks.
        "closure" => return Ok((3, 1)),
        "accident" => return Ok((2, 0)),
        "obstacle" => return Ok((10, 0)),
        _ => {}
    }
    let parse = || {
        let (code, sub_code) = text.split_once('/').unwrap_or((text, "0"));
        let code: u8 = code.parse().ok().filter(|code| *code > 0)?;
        let sub_code: u8 = sub_code.parse().ok()?;
        Some((code.into(), sub_code.into()))
    };
    parse().ok_or_else(|| {
        "expected roadworks, closure, accident, obstacle, or CODE/SUB-CODE".to_owned()
    })
}
