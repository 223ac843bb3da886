use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};
use wayside::{
    crypto::{Context, Signature, VerifyingKey},
    rpc,
    rpc::road::v1::{CellTraffic, GetTrafficRequest, SignedTraffic, TrafficReport},
    security::UnitCertificate,
    time::Timestamp,
};

use crate::ledger::{Unit, refused, utc};

/// How traffic flows.
#[derive(Args, Debug)]
pub(super) struct Show {
    /// Shows every interval of the last hour, not only the last.
    #[arg(long)]
    all: bool,
    /// Prints a JSON object for each interval instead of text.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self, mut unit: Unit) -> anyhow::Result<()> {
        let mut reports = Vec::new();
        loop {
            let last: Option<&TrafficReport> = reports.last();
            let since = last.and_then(|last| Timestamp::from_unix_ms(last.until_unix_ms));
            let request = GetTrafficRequest {
                since: since.map(rpc::to_wire_time),
                page_size: 0,
            };
            let answer = unit.road.get_traffic(request).await;
            let answer = answer.map_err(|status| refused(&status))?.into_inner();
            let key = certified_key(&answer.unit_certificate)?;
            for signed in &answer.reports {
                reports.push(verified(signed, &key)?);
            }
            if !answer.more || answer.reports.is_empty() {
                break;
            }
        }
        let shown = if self.all {
            &reports[..]
        } else {
            reports.last().map(std::slice::from_ref).unwrap_or_default()
        };
        let mut out = std::io::stdout().lock();
        for report in shown {
            if self.json {
                writeln!(out, "{}", json_of(report))?;
            } else {
                write!(out, "{}", text_of(report))?;
            }
        }
        if reports.is_empty() {
            eprintln!("no interval is over yet");
        }
        Ok(())
    }
}

fn certified_key(certificate: &[u8]) -> anyhow::Result<VerifyingKey> {
    let certificate = UnitCertificate::from_bytes(certificate)?;
    VerifyingKey::from_bytes(&certificate.key_bytes()).context("the unit's certificate has no key")
}

/// What a unit says, if it signed it.
fn verified(signed: &SignedTraffic, key: &VerifyingKey) -> anyhow::Result<TrafficReport> {
    let Ok(signature) = <[u8; 64]>::try_from(signed.signature.as_ref()) else {
        bail!("a report of traffic has no signature");
    };
    let signature = Signature::from_bytes(signature);
    key.verify(Context::TrafficReport, &[&signed.report], &signature)
        .context("a report of traffic is not what the unit signed")?;
    rpc::parse_traffic_report(&signed.report).context("a report of traffic cannot be read")
}

fn text_of(report: &TrafficReport) -> String {
    let mut text = format!(
        "{} to {}: {} cells\n",
        moment(report.from_unix_ms),
        moment(report.until_unix_ms),
        report.cells.len()
    );
    for cell in &report.cells {
        text.push_str(&format!(
            "  {:x}  {:6.1} km/h  median {:6.1} ± {:5.1}  {:3} vehicles, {} set aside  {:6.1} per km²{}\n",
            cell.cell,
            km_per_h(cell.speed_mm_per_s),
            km_per_h(cell.speed_median_mm_per_s),
            km_per_h(cell.speed_deviation_mm_per_s),
            cell.reporters,
            cell.set_aside,
            f64::from(cell.density_milli_per_km2) / 1_000.0,
            cell.travel_time_ms
                .map(|ms| format!("  {:.1} s across", f64::from(ms) / 1_000.0))
                .unwrap_or_default(),
        ));
    }
    text
}

fn json_of(report: &TrafficReport) -> Value {
    json!({
        "from": moment(report.from_unix_ms),
        "until": moment(report.until_unix_ms),
        "cells": report.cells.iter().map(json_of_cell).collect::<Vec<_>>(),
    })
}

fn json_of_cell(cell: &CellTraffic) -> Value {
    json!({
        "cell": format!("{:x}", cell.cell),
        "reporters": cell.reporters,
        "set_aside": cell.set_aside,
        "speed_m_per_s": milli(cell.speed_mm_per_s),
        "speed_median_m_per_s": milli(cell.speed_median_mm_per_s),
        "speed_deviation_m_per_s": milli(cell.speed_deviation_mm_per_s),
        "present": milli(cell.present_milli),
        "density_per_km2": milli(cell.density_milli_per_km2),
        "travel_time_s": cell.travel_time_ms.map(milli),
    })
}

fn milli(value: u32) -> f64 {
    f64::from(value) / 1_000.0
}

fn km_per_h(mm_per_s: u32) -> f64 {
    milli(mm_per_s) * 3.6
}

fn moment(unix_ms: u64) -> String {
    Timestamp::from_unix_ms(unix_ms)
        .map(utc)
        .unwrap_or_default()
}
