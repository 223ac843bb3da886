use std::{fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::Context as _;
use vehicle_agent::identity::write_credential;
use wayside::{
    crypto::SigningKey,
    id::DomainId,
    security::{
        Class, Credential, Issuer, IssuerKey, Permissions, Slot, SlotClock, TicketOrder,
        TrustDomain,
    },
};

use super::{
    Enrol, Init, Issue, Period,
    committee::{write_roadside, write_vehicle},
    files::{ISSUER_ID, Layout, TICKETS, WARNING, quoted},
    issuing,
    tls::Authority,
};

impl Init {
    pub(super) fn run(self) -> anyhow::Result<()> {
        self.make()?;
        eprintln!(
            "{}: a trust domain with {} vehicles, {} tickets each",
            self.out.display(),
            self.vehicles(),
            self.period.slots
        );
        eprintln!("{WARNING}");
        Ok(())
    }

    /// Makes all of it, and says nothing.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        let layout = Layout::create(&self.out)?;
        let key = SigningKey::generate();
        let domain = self.domain(&key)?;
        layout.write_domain(&domain, &key)?;
        let start = self.period.start();
        let authority = Authority::write(&layout.tls(), start)?;
        let ledger = self.committee.make(layout.root(), &authority, start)?;
        let issuer = Issuer::new(key, ISSUER_ID, &domain);
        for number in 0..self.vehicles() {
            let folder = layout.enrol(&name(number))?;
            issue(&issuer, &domain, self.period, &folder)?;
            let mut text = self.agent(&layout, number, &folder)?;
            if let Some(ledger) = &ledger {
                text.push_str(&write_roadside(self.committee, ledger)?);
                text.push_str(&write_vehicle(ledger, &folder, number)?);
            }
            fs::write(folder.join("agent.toml"), text)?;
        }
        Ok(())
    }

    /// As many as asked for; else two, or none beside a ledger.
    fn vehicles(&self) -> u16 {
        let usual = if self.committee.is_wanted() {
            0
        } else {
            VEHICLES
        };
        self.vehicles.unwrap_or(usual)
    }

    fn domain(&self, key: &SigningKey) -> anyhow::Result<TrustDomain> {
        let whole_s = u32::try_from(self.slot_length.as_secs()).ok();
        let slots = whole_s
            .filter(|_| self.slot_length.subsec_nanos() == 0)
            .and_then(SlotClock::from_length_s)
            .context("--slot-length must be whole seconds, from 1s to 1day")?;
        let start = self.period.start();
        let issuer = IssuerKey {
            id: ISSUER_ID,
            key: key.verifying_key(),
            from: start.saturating_sub(ISSUER_BEFORE),
            until: start.saturating_add(ISSUER_AFTER),
        };
        Ok(TrustDomain::new(
            DEVELOPMENT_DOMAIN,
            slots,
            vec![issuer],
            true,
        )?)
    }

    /// The configuration of one vehicle's agent; each dials those before it, so that every two
    /// have one connection, unless relays let them hear each other.
    fn agent(&self, layout: &Layout, number: u16, folder: &Path) -> anyhow::Result<String> {
        let port = |first: u16, number: u16| {
            let port = first.checked_add(number);
            port.context("the vehicles need more ports than there are")
        };
        let first = if self.committee.has_relays() {
            number
        } else {
            number.saturating_sub(PEERS_MAX)
        };
        let nearest = first..number;
        let peers = nearest
            .map(|peer| Ok(format!("\"127.0.0.1:{}\"", port(self.quic_port, peer)?)))
            .collect::<anyhow::Result<Vec<_>>>()?
            .join(", ");
        let mut text = format!("# {WARNING}\nversion = \"v1\"\n");
        writeln!(text, "\n[identity]")?;
        writeln!(text, "trust_domain = {}", quoted(&layout.trust_domain()))?;
        writeln!(text, "tickets = {}", quoted(&folder.join(TICKETS)))?;
        writeln!(text, "state = {}", quoted(&folder.join("state")))?;
        writeln!(text, "\n[grpc]")?;
        writeln!(text, "socket = {}", quoted(&folder.join("agent.sock")))?;
        writeln!(text, "\n[transport]")?;
        writeln!(
            text,
            "listen = \"127.0.0.1:{}\"",
            port(self.quic_port, number)?
        )?;
        writeln!(text, "peers = [{peers}]")?;
        writeln!(text, "\n[metrics]")?;
        writeln!(
            text,
            "address = \"127.0.0.1:{}\"",
            port(self.metrics_port, number)?
        )?;
        Ok(text)
    }
}

impl Enrol {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let layout = Layout::open(self.domain.folder())?;
        if !self.on_ledger {
            let folder = layout.enrol(&self.name)?;
            eprintln!("{}: enrolled, without tickets so far", folder.display());
            eprintln!("{WARNING}");
            return Ok(());
        }
        let folder = layout.vehicle(&self.name)?;
        if !folder.exists() {
            layout.enrol(&self.name)?;
        }
        let vehicle = issuing::enrol(&self.domain, &folder).await?;
        eprintln!("{}: vehicle {vehicle} is enrolled", folder.display());
        eprintln!("{WARNING}");
        Ok(())
    }
}

impl Issue {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let layout = Layout::open(self.domain.folder())?;
        let folder = layout.vehicle(&self.name)?;
        if self.from_operators {
            let count = issuing::request(&self.domain, &folder, self.period).await?;
            eprintln!("{}: {count} more tickets", folder.display());
            return Ok(());
        }
        let (domain, issuer) = layout.read_issuer()?;
        issue(&issuer, &domain, self.period, &folder)?;
        eprintln!("{}: {} more tickets", folder.display(), self.period.slots);
        eprintln!("{WARNING}");
        Ok(())
    }
}

/// Issues one ticket for each slot of a period that the vehicle has none for.
fn issue(
    issuer: &Issuer,
    domain: &TrustDomain,
    period: Period,
    vehicle: &Path,
) -> anyhow::Result<()> {
    let folder = vehicle.join(TICKETS);
    let permissions = Permissions::TELEMETRY | Permissions::HAZARD_SELF | Permissions::HAZARD_ROAD;
    let first = domain.slots().slot_at(period.start()).number();
    for number in (first..).take(period.slots as usize) {
        let key = SigningKey::generate();
        let ticket = issuer.issue(&TicketOrder {
            class: Class::Car,
            permissions,
            slot: Slot::from_number(number),
            // Nobody could link these tickets: there are no linkage authorities here.
            linkage: [0; 12],
            key: key.verifying_key(),
        });
        let credential = Credential::new(ticket, key)?;
        domain
            .admit(credential.ticket())
            .context("the issuer's key does not cover this time")?;
        write_credential(&folder, &credential)?;
    }
    Ok(())
}

/// The name of the vehicle with this number, from 0.
fn name(number: u16) -> String {
    format!("vehicle-{}", u32::from(number) + 1)
}

const DEVELOPMENT_DOMAIN: DomainId = DomainId(1);
const ISSUER_AFTER: Duration = Duration::from_secs(10 * 366 * 86_400);
const ISSUER_BEFORE: Duration = Duration::from_secs(2 * 86_400);
/// Further agents find each other by discovery or through the ones between.
const PEERS_MAX: u16 = 16;
const VEHICLES: u16 = 2;
