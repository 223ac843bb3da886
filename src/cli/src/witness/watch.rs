use std::{io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use wayside::{
    crypto::SigningKey,
    id::ShardId,
    ledger::{Checkpoint, Committees, Note, NoteHead, NoteKey, ShownHead, Witness, WitnessRefusal},
    rpc::ledger::v1::{
        AddCosignatureRequest, GetCheckpointRequest, GetHeadRequest, GetInfoRequest,
    },
    serve::read_key,
    transport::Clock,
};

use super::{book::Book, key::public};
use crate::ledger::{TlsArguments, Unit, read_genesis, refused};

/// Arguments of `wayside witness run`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A roadside unit to watch: `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`. Several, of
    /// different operators, see more.
    #[arg(long = "unit", value_name = "ADDRESS", required = true)]
    units: Vec<String>,
    #[command(flatten)]
    tls: TlsArguments,
    /// The ledger's genesis, from somebody you trust.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
    /// The witness' key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The name that it signs under.
    #[arg(long)]
    name: String,
    /// The folder of what it has signed; never lost, and never shared by two witnesses.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// How often to look.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    interval: Duration,
    /// Looks once and ends: with 0 if every unit answered and agreed.
    #[arg(long)]
    once: bool,
}

/// A witness at work.
struct Watch {
    key: SigningKey,
    named: NoteKey,
    committees: Committees,
    shards: Vec<ShardId>,
    witness: Witness,
    book: Book,
    clock: Clock,
}

/// What came of one look.
#[derive(Default)]
struct Looked {
    /// Notes that were signed just now.
    signed: Vec<(NoteHead, Note)>,
    contradictions: usize,
    failures: usize,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let genesis = read_genesis(&arguments.genesis)?;
    let key = read_key(&arguments.key)?;
    let named = public(&arguments.name, &key)?;
    let (book, witness) = Book::open(arguments.state.clone(), genesis.chain(), &named)?;
    let mut watch = Watch {
        key,
        named,
        shards: genesis.shards.iter().map(|entry| entry.id).collect(),
        committees: Committees::of(&genesis),
        witness,
        book,
        clock: Clock::system(),
    };
    ensure!(!arguments.interval.is_zero(), "--interval must be above 0");
    let mut looks = interval(arguments.interval);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let looked = watch.look(&arguments).await?;
        if arguments.once {
            let all_well = looked.contradictions == 0 && looked.failures == 0;
            return Ok(if all_well {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
    }
}

impl Watch {
    /// Asks every unit for every shard's newest headers, signs what may be signed, and hands it to
    /// all units.
    async fn look(&mut self, arguments: &Arguments) -> anyhow::Result<Looked> {
        let mut looked = Looked::default();
        let mut units = Vec::new();
        for address in &arguments.units {
            match self.meet(address, &arguments.tls).await {
                Ok(unit) => units.push((address, unit)),
                Err(error) => looked.fail(address, &error),
            }
        }
        for (address, unit) in &units {
            for shard in self.shards.clone() {
                if let Err(error) = self.look_at(address, unit, shard, &mut looked).await {
                    looked.fail(address, &error);
                }
            }
        }
        for (head, note) in &looked.signed {
            for (address, unit) in &units {
                hand_over(address, unit, head, note).await;
            }
        }
        Ok(looked)
    }

    /// Connects to a unit that keeps the ledger.
    async fn meet(&self, address: &str, tls: &TlsArguments) -> anyhow::Result<Unit> {
        let mut unit = Unit::connect(address, tls).await?;
        let answer = unit.ledger.get_info(GetInfoRequest {}).await;
        let info = answer.map_err(|status| refused(&status))?.into_inner();
        let own = self.committees.chain().to_string();
        ensure!(
            info.chain_id == own,
            "it keeps the ledger {}",
            info.chain_id
        );
        Ok(unit)
    }

    /// Whose votes count up to the epoch of what a unit shows, by its hand-overs if that is new.
    ///
    /// Nothing is remembered until what they voted for continues what was signed before: retired keys
    /// could name another committee.
    async fn committees_of(&self, unit: &Unit, shown: &ShownHead) -> anyhow::Result<Committees> {
        let mut committees = self.committees.clone();
        if committees.committee(shown.newest.header.epoch).is_some() {
            return Ok(committees);
        }
        let request = GetCheckpointRequest {
            shard_ids: vec![ShardId::GOVERNANCE.0.into()],
            earlier: Vec::new(),
        };
        let answer = unit.ledger.clone().get_checkpoint(request).await;
        let answer = answer.map_err(|status| refused(&status))?.into_inner();
        for handover in Checkpoint::from_bytes(&answer.checkpoint)?.handovers {
            committees.follow(&handover)?;
        }
        Ok(committees)
    }

    async fn look_at(
        &mut self,
        address: &str,
        unit: &Unit,
        shard: ShardId,
        looked: &mut Looked,
    ) -> anyhow::Result<()> {
        let request = GetHeadRequest {
            shard_id: shard.0.into(),
            signed_headers: self.witness.signed(shard),
        };
        let answer = unit.witness.clone().get_head(request).await;
        let answer = answer.map_err(|status| refused(&status))?.into_inner();
        let mut note: Note = answer.note.parse()?;
        let head = NoteHead::of(&note).filter(|head| head.shard == shard);
        let head = head.context("a note of something else than was asked for")?;
        let shown = ShownHead::from_bytes(&answer.head).context("no headers come with the note")?;
        let committees = self.committees_of(unit, &shown).await?;
        match self.witness.check(&head, &shown, &committees) {
            Ok(()) => self.committees = committees,
            Err(WitnessRefusal::Behind { .. }) => return Ok(()),
            Err(error @ WitnessRefusal::Contradiction { .. }) => {
                let kept = self.book.keep_contradiction(&head, &note, &answer.head)?;
                looked.contradictions += 1;
                say(&json!({
                    "event": "contradiction",
                    "unit": address,
                    "shard": shard.0,
                    "headers": head.headers.count,
                    "why": error.to_string(),
                    "kept": kept,
                }))?;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        let now = self.clock.now().timestamp;
        note.sign(&self.key, &self.named, now);
        // Stored first: nothing may be out that a restart would forget.
        self.book.store(&head, &note)?;
        let is_new = self.witness.signed(shard) < head.headers.count;
        self.witness.remember(head);
        if is_new {
            say(&json!({
                "event": "signed",
                "unit": address,
                "shard": shard.0,
                "headers": head.headers.count,
                "root": head.headers.root.to_string(),
            }))?;
        }
        looked.signed.retain(|(other, _)| other.shard != shard);
        looked.signed.push((head, note));
        Ok(())
    }
}

impl Looked {
    fn fail(&mut self, address: &str, error: &anyhow::Error) {
        self.failures += 1;
        eprintln!("{address}: {error:#}");
    }
}

async fn hand_over(address: &str, unit: &Unit, head: &NoteHead, note: &Note) {
    let request = AddCosignatureRequest {
        note: note.to_string(),
    };
    if let Err(status) = unit.witness.clone().add_cosignature(request).await {
        // It gets the next one.
        let error = refused(&status);
        eprintln!("{address}: shard {}: {error:#}", head.shard.0);
    }
}

/// One line of JSON for each thing that happened.
fn say(event: &serde_json::Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{event}")?;
    Ok(out.flush()?)
}
