use std::{fs, io::Write as _, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Args;
use wayside::{
    ledger::{AccusedTicket, Label, LiftRevocation, OrderKind, OrderRevocation},
    security::Ticket,
    serve::from_hex,
};

use super::desk::{Desk, DomainArguments, KeyKind, now};

/// Orders that the tickets of a vehicle count no more, from one of its tickets' slot on, and waits until
/// the list of revoked tickets says so: at once, or, where an authority does not reveal what it knows, a
/// minute later, from the escrow. All operators of the domain sign. DEVELOPMENT only.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    #[command(flatten)]
    domain: DomainArguments,
    /// One of the vehicle's tickets: a `.ticket` file, or the 120 bytes as they are or in hexadecimal
    /// digits.
    ticket: PathBuf,
    /// Only for so long.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    suspend: Option<Duration>,
    /// Why: 1 to 32 characters of A-Z a-z 0-9 _ - . : /
    #[arg(long, value_name = "WORDS", default_value = "unnamed")]
    reason: Label,
}

/// Takes an order back, so that the vehicle's next tickets count again. DEVELOPMENT only.
#[derive(Args, Debug)]
pub(crate) struct Lift {
    #[command(flatten)]
    domain: DomainArguments,
    /// The order's number, as `wayside pki list` prints it.
    order: u64,
}

impl Revoke {
    pub(in super::super) async fn run(self) -> anyhow::Result<()> {
        let ticket = read_ticket(&self.ticket)?;
        let desk = Desk::open(&self.domain).await?;
        let before = desk.revocations().await?.1.next();
        let kind = match self.suspend {
            None => OrderKind::Revoke,
            Some(length) => OrderKind::Suspend {
                until: now().saturating_add(length),
            },
        };
        let order = OrderRevocation {
            ticket: AccusedTicket::from(&ticket),
            kind,
            reason: self.reason,
            evidence: None,
        };
        desk.perform_as_all(KeyKind::Issuing, order.into()).await?;
        eprintln!("ordered; waiting for the authorities to reveal how its tickets are linked");
        let number = desk.wait_long_for(LIST, LISTED_WITHIN, async |desk| {
            let (_, list) = desk.revocations().await?;
            let slot = ticket.slot();
            let linkage = Some(ticket.linkage());
            let mut known = list.live().filter(|(number, _)| *number >= before);
            Ok(known
                .find(|(_, series)| series.linkage_at(slot) == linkage)
                .map(|(number, _)| number))
        });
        writeln!(std::io::stdout(), "revoked: entry {}", number.await?)?;
        Ok(())
    }
}

impl Lift {
    pub(in super::super) async fn run(self) -> anyhow::Result<()> {
        let desk = Desk::open(&self.domain).await?;
        let lifted = LiftRevocation { order: self.order };
        desk.perform_as_all(KeyKind::Issuing, lifted.into()).await?;
        writeln!(std::io::stdout(), "lifted: order {}", self.order)?;
        Ok(())
    }
}

fn read_ticket(path: &PathBuf) -> anyhow::Result<Ticket> {
    if path.extension().is_some_and(|ending| ending == "ticket") {
        return Ok(vehicle_agent::identity::read_credential(path)?
            .ticket()
            .clone());
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let digits = std::str::from_utf8(&bytes).ok();
    let read = digits.and_then(|digits| from_hex(digits.trim()));
    Ticket::from_bytes(read.as_deref().map_or(&bytes, |read| read))
        .with_context(|| format!("{} is no ticket", path.display()))
}

const LIST: &str = "the list of revoked tickets";
/// An authority that is down or refuses has a minute; then the operators ask one another, in turns, for
/// what they keep in escrow.
const LISTED_WITHIN: Duration = Duration::from_secs(180);
