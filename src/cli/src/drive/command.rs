use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use wayside::replay::{Drive, Imported, Options, import, mcap};

use crate::files::write_whole;

use super::info;

/// Arguments of `wayside drive`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Turns a recording of any supported format into MCAP.
    ///
    /// The format is found in the content: SUMO FCD XML, CommonRoad XML (2018b, 2020a), NYC pilot
    /// event JSON, ODE BSM JSON, CSV, each also packed with gzip, or MCAP with the wayside
    /// profile. A recording that is cut is imported to the cut; the exit code then is 1.
    Import(Import),
    /// Says what a recording holds.
    Info(Info),
    /// Has a roadside unit hear all of a recording, some of whose vehicles lie, and holds the traffic that
    /// it measures against the recording's own.
    Traffic(super::traffic::Traffic),
}

#[derive(Args, Debug)]
struct Import {
    /// The recording.
    source: PathBuf,
    /// Where the drive is written; replaced only when it is complete.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Args, Debug)]
struct Info {
    /// The recording, in any supported format.
    file: PathBuf,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// What cannot be seen in the recording itself.
#[derive(Args, Clone, Debug)]
pub(crate) struct Reading {
    /// Which column of a CSV holds what, as time=t_s,vehicle=id,latitude=lat,longitude=lon.
    ///
    /// Quantities: time, unix_time, vehicle, latitude, longitude, east, north, altitude, heading,
    /// orientation, speed, velocity_east, velocity_north, acceleration, yaw_rate, length, width,
    /// brake, hazard, type, label. A unit may end the quantity (speed_km_per_h=v) or the column's
    /// name (time=t_ms). position=centre says that positions are not of the vehicle's front.
    #[arg(long, value_name = "MAP")]
    columns: Option<String>,
    /// Labels of the recording: JSON with a list "events" of time_s, kind and vehicle.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The terms under which the recording may be passed on.
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
}

/// Runs `wayside drive`.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Import(arguments) => arguments.run(),
        Command::Info(arguments) => arguments.run(),
        Command::Traffic(arguments) => arguments.run(),
    }
}

impl Import {
    fn run(self) -> anyhow::Result<ExitCode> {
        let imported = self.reading.read(&self.source)?;
        save(&imported.drive, &self.output)?;
        let drive = &imported.drive;
        eprintln!(
            "{}: {} vehicles, {} records, {:.1} s",
            self.output.display(),
            drive.vehicles.len(),
            drive.records.len(),
            drive.end().since(drive.start).as_secs_f64(),
        );
        for note in &drive.notes {
            eprintln!("note: {note}");
        }
        Ok(report_cut(&imported))
    }
}

impl Info {
    fn run(self) -> anyhow::Result<ExitCode> {
        let imported = self.reading.read(&self.file)?;
        let info = info::Info::of(&imported);
        let mut output = std::io::stdout().lock();
        if self.json {
            info.write_json(&mut output)?;
        } else {
            info.write_text(&mut output)?;
        }
        Ok(report_cut(&imported))
    }
}

impl Reading {
    /// Reads a recording in any supported format.
    pub(crate) fn read(&self, path: &Path) -> anyhow::Result<Imported> {
        let labels = self
            .labels
            .as_ref()
            .map(|path| {
                fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
            })
            .transpose()?;
        let options = Options {
            columns: self.columns.clone(),
            labels,
            licence: self.licence.clone(),
        };
        load(path, &options)
    }
}

/// Reads a recording in any supported format.
fn load(path: &Path, options: &Options) -> anyhow::Result<Imported> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(import(&name.to_string_lossy(), &bytes, options)?)
}

/// Writes a drive as MCAP.
pub(crate) fn save(drive: &Drive, path: &Path) -> anyhow::Result<()> {
    let bytes = mcap::write(drive, Cursor::new(Vec::new()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    write_whole(path, &bytes.into_inner())
}

/// Says where a recording was cut; what was read is not all there was, so it is no success.
pub(crate) fn report_cut(imported: &Imported) -> ExitCode {
    match &imported.cut {
        Some(cut) => {
            eprintln!("the recording is not complete: {cut}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}
