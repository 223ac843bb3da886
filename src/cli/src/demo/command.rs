use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use tempfile::TempDir;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wayside::{
    replay::{Options, import},
    security::SlotClock,
    transport::Clock,
};

use super::{
    cast::Cast,
    far::FAR_CARS,
    ledger::{CLOSING, DRIVING, Ledger, LedgerStep, OPENING},
    stage::{Outcome, Stage},
    steps::{STEPS, Step, seconds},
    table::{Screen, print},
};
use crate::pki;

/// Arguments of `wayside demo`.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// How many vehicles, each with an agent of its own.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u16).range(3..=8))]
    agents: u16,
    /// Keeps the folder with the trust domain, the agents' configurations and logs.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo; the exit code is 0 only if every step held.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // One thread: agents end with the process that started them.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(play(arguments))
}

async fn play(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut interrupt = Interrupt::new().context("cannot take signals")?;
    let count = usize::from(arguments.agents);
    let drive = import(DRIVE_NAME, DRIVE, &Options::default())
        .context("cannot read the bundled drive")?
        .drive;
    let cast = Cast::choose(&drive, count)?;
    introduce(&cast);
    // Declared first, so that it is removed after the agents in it have ended.
    let folder = make_folder(arguments.keep, count + usize::from(FAR_CARS))?;
    pki::init(
        &folder.domain(),
        arguments.agents + FAR_CARS,
        slot_length(),
        pki::Committee::new(UNITS, SHARDS).with_relays(1),
    )?;
    let mut stage = Stage::new(cast, folder.domain(), Screen::new());
    let mut ledger = Ledger::new(folder.domain(), count);
    let outcomes = tokio::select! {
        outcomes = run_script(&mut stage, &mut ledger) => Some(outcomes),
        () = interrupt.next() => None,
    };
    stage.end().await;
    ledger.end().await;
    if arguments.keep {
        print(&format!("kept: {}", folder.domain().display()));
    }
    let Some(outcomes) = outcomes else {
        print("interrupted; every agent and unit was ended");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    Ok(summarize(&outcomes, stage.now()))
}

/// The road and the ledger, in the order in which things happen.
fn script() -> impl Iterator<Item = Part> {
    let (before, after) = STEPS.split_at_checked(DRIVEN).unwrap_or((STEPS, &[]));
    let (driving, ending) = after
        .split_at_checked(after.len() - 1)
        .unwrap_or((after, &[]));
    let road = |steps: &'static [Step]| steps.iter().map(Part::Road);
    let ledger = |steps: &'static [LedgerStep]| steps.iter().map(Part::Ledger);
    ledger(OPENING)
        .chain(road(before))
        .chain(ledger(DRIVING))
        .chain(road(driving))
        .chain(ledger(CLOSING))
        .chain(road(ending))
}

/// A step of either.
enum Part {
    Road(&'static Step),
    Ledger(&'static LedgerStep),
}

impl Part {
    fn name(&self) -> &'static str {
        match self {
            Self::Road(step) => step.name,
            Self::Ledger(step) => step.name,
        }
    }
}

async fn run_script(stage: &mut Stage, ledger: &mut Ledger) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for part in script() {
        let outcome = match part {
            Part::Road(step) => stage.run(step).await,
            Part::Ledger(step) => {
                let agents = stage.agents();
                ledger.run(step, &agents, |line| stage.say(line)).await
            }
        };
        let failed = matches!(outcome, Outcome::Failed(_));
        outcomes.push(outcome);
        if failed {
            break;
        }
    }
    outcomes
}

fn introduce(cast: &Cast) {
    print(&format!(
        "Wayside demo: {} vehicles of the bundled drive, all within {:.0} m of the one that",
        cast.roles.len(),
        cast.width_m().ceil()
    ));
    print("will brake hard. Each has an agent in a process of its own on this machine, and");
    print("a driving stack that speaks gRPC to it. The agents sign what they are told, send");
    print("it to each other over QUIC, and verify what they hear. Four roadside units, each of");
    print(
        "another operator, keep a ledger of two shards: who owns the cars, and how they wear. One of",
    );
    print("them hands on what cars say to those who are too far away to hear it.");
    print("");
    print("DEVELOPMENT: one hand made every key here, so no promise about tickets or the ledger");
    print("holds. Information-only: never the sole trigger for braking.");
    print("");
}

fn summarize(outcomes: &[Outcome], took: Duration) -> ExitCode {
    print("");
    print("Summary");
    let parts: Vec<Part> = script().collect();
    for (number, part) in parts.iter().enumerate() {
        let (word, measured) = match outcomes.get(number) {
            Some(Outcome::Held(measured)) => ("ok", measured.as_str()),
            Some(Outcome::Failed(why)) => ("FAILED", why.as_str()),
            None => ("not run", ""),
        };
        print(format!("  {word:<8} {:<28} {measured}", part.name()).trim_end());
    }
    print("");
    let held = outcomes
        .iter()
        .all(|outcome| matches!(outcome, Outcome::Held(_)));
    if held && outcomes.len() == parts.len() {
        print(&format!("Every step held. {}", seconds(took)));
        ExitCode::SUCCESS
    } else {
        print(&format!("Not every step held. {}", seconds(took)));
        print("With --keep the folder with all logs stays.");
        ExitCode::FAILURE
    }
}

/// A folder for everything that the demo writes; removed at the end, unless it is to be kept.
struct Folder {
    kept: Option<PathBuf>,
    removed: Option<TempDir>,
}

impl Folder {
    /// Where the trust domain goes.
    fn domain(&self) -> PathBuf {
        let removed = self.removed.as_ref().map(TempDir::path);
        let root = removed.or(self.kept.as_deref()).unwrap_or(Path::new("."));
        root.join("domain")
    }
}

/// Makes a folder in the system's own for such, where the agents' sockets find room in a name.
fn make_folder(keep: bool, vehicles: usize) -> anyhow::Result<Folder> {
    let make = || tempfile::Builder::new().prefix("wayside-demo-").tempdir();
    let made = make().context("cannot make a temporary folder")?;
    let folder = Folder {
        kept: None,
        removed: Some(made),
    };
    let socket = folder
        .domain()
        .join(format!("vehicle-{vehicles}"))
        .join("agent.sock");
    ensure!(
        socket.as_os_str().len() <= SOCKET_LEN_MAX,
        "the path of a unix socket would be too long: {}; set TMPDIR to a shorter folder",
        socket.display()
    );
    if !keep {
        return Ok(folder);
    }
    Ok(Folder {
        kept: folder.removed.map(TempDir::keep),
        removed: None,
    })
}

/// A length that leaves the present slot some minutes, so that no vehicle changes its name during
/// the demo, and the one that is killed returns within its slot: the case that must not fork.
fn slot_length() -> Duration {
    let now = Clock::system().now().timestamp;
    let leaves_room = |clock: &SlotClock| clock.end(clock.slot_at(now)).since(now) > PLAY_MAX;
    let clocks = SLOT_LENGTHS_S
        .into_iter()
        .filter_map(SlotClock::from_length_s);
    let mut clocks = clocks.filter(leaves_room);
    clocks.next().unwrap_or_default().length()
}

/// What ends the demo before its time.
struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Interrupt {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Each of another operator: the smallest real committee.
const UNITS: u16 = 4;
const SHARDS: u16 = 2;
/// How many steps of the road come before the cars record their wear.
const DRIVEN: usize = 3;
const DRIVE: &[u8] = include_bytes!("../../../../tests/drives/town.mcap");
const DRIVE_NAME: &str = "town.mcap";
/// What shells say of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// How long a play takes at most, but for one that fails: far more than on a slow machine.
const PLAY_MAX: Duration = Duration::from_secs(210);
/// The first is that of a real road. Two days and more lie between two moments at which all end.
const SLOT_LENGTHS_S: [u32; 3] = [300, 7_000, 11_000];
/// A little less than what every system allows.
const SOCKET_LEN_MAX: usize = 103;
