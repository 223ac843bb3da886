use std::io::Write as _;

use wayside::{replay::Drive, sim::Report};

use super::Arguments;
use crate::{drive::save, files::write_whole};

/// Writes what was asked for: the recording, and the report or a summary of it.
pub(super) fn write(
    arguments: &Arguments,
    report: &Report,
    recording: &Drive,
) -> anyhow::Result<()> {
    if let Some(path) = &arguments.record {
        save(recording, path)?;
    }
    let mut out = std::io::stdout().lock();
    match &arguments.report {
        Some(path) if path.as_os_str() == "-" => {
            serde_json::to_writer_pretty(&mut out, report)?;
            writeln!(out)?;
        }
        Some(path) => {
            let mut bytes = serde_json::to_vec_pretty(report)?;
            bytes.push(b'\n');
            write_whole(path, &bytes)?;
        }
        None => summarise(&mut out, report)?,
    }
    Ok(())
}

fn summarise(out: &mut impl std::io::Write, report: &Report) -> std::io::Result<()> {
    writeln!(
        out,
        "{} vehicles, {:.1} s, {} states: {} messages published",
        report.vehicles,
        std::time::Duration::from_millis(report.duration_ms).as_secs_f64(),
        report.states,
        report.published,
    )?;
    writeln!(
        out,
        "{} of {} expected deliveries (coverage {:.4}), latency p50 {} µs, p99 {} µs, max {} µs",
        report.delivered,
        report.expected,
        report.coverage,
        report.latency_us.p50,
        report.latency_us.p99,
        report.latency_us.max,
    )?;
    for (title, counts) in [
        ("refused", &report.refused),
        ("not published", &report.unpublished),
        ("flagged", &report.flagged),
    ] {
        for (reason, count) in counts {
            writeln!(out, "{title}: {count} {reason}")?;
        }
    }
    if let Some(roadside) = &report.roadside {
        writeln!(
            out,
            "{} roadside units of {} m: {} handovers, {} deliveries outside of what was asked for",
            roadside.units, roadside.radius_m, roadside.handovers, roadside.outside,
        )?;
    }
    for hazard in &report.hazards {
        writeln!(
            out,
            "hazard: {} ({}/{}) by {} at {:.1} s, heard by {}",
            hazard.cause,
            hazard.cause_code,
            hazard.sub_cause_code,
            hazard.vehicle,
            std::time::Duration::from_millis(hazard.reported_at_ms).as_secs_f64(),
            hazard.heard_by,
        )?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    writeln!(out, "digest {}", report.digest)
}
