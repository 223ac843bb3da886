use std::{fs, io::Write as _};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use vehicle_agent::identity::read_credential;
use wayside::{
    ledger::{Committees, IssuingProof, RevocationUpdate},
    message::Message,
    security::{Envelope, EnvelopeSigner, TICKET_LEN, Ticket, TrustDomain},
    serve::{from_hex, to_hex},
};

use super::Inspect;
use crate::ledger::read_genesis;

impl Inspect {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let found = self.read()?;
        let mut output = std::io::stdout().lock();
        if self.json {
            writeln!(output, "{found:#}")?;
        } else if let Value::Object(fields) = found {
            for (name, value) in fields {
                if let Value::String(text) = value {
                    writeln!(output, "{name}: {text}")?;
                } else {
                    writeln!(output, "{name}: {value}")?;
                }
            }
        }
        Ok(())
    }

    /// Finds out what the file is by its content; private keys are never part of the answer.
    fn read(&self) -> anyhow::Result<Value> {
        let path = self.file.display();
        if self
            .file
            .extension()
            .is_some_and(|ending| ending == "ticket")
        {
            return Ok(of_ticket(read_credential(&self.file)?.ticket()));
        }
        let bytes = fs::read(&self.file).with_context(|| format!("cannot read {path}"))?;
        let text = str::from_utf8(&bytes).unwrap_or_default().trim();
        if let Ok(domain) = TrustDomain::from_toml(text) {
            return Ok(of_domain(&domain));
        }
        let binary = from_hex(text).filter(|digits| !digits.is_empty());
        let bytes = binary.map_or(bytes.clone(), |binary| binary.to_vec());
        if bytes.len() == TICKET_LEN
            && let Ok(ticket) = Ticket::from_bytes(&bytes)
        {
            return Ok(of_ticket(&ticket));
        }
        if let Some(found) = self.of_ledger(&bytes)? {
            return Ok(found);
        }
        match Envelope::parse(Bytes::from(bytes)) {
            Ok(envelope) => Ok(of_envelope(&envelope)),
            Err(reason) => bail!(
                "{path} is neither a ticket, a trust domain nor a list of revoked tickets, and as a \
                 signed message: {reason}"
            ),
        }
    }

    /// What units and cars show of the ledger about tickets; `None` for anything else.
    fn of_ledger(&self, bytes: &[u8]) -> anyhow::Result<Option<Value>> {
        let genesis = self.genesis.as_deref().map(read_genesis).transpose()?;
        let committees = genesis.as_ref().map(Committees::of);
        if let Ok(update) = RevocationUpdate::from_bytes(bytes) {
            if let Some(committees) = &committees {
                update.clone().verify(committees)?;
            }
            return Ok(Some(of_revocations(&update, committees.is_some())));
        }
        let Ok(proof) = IssuingProof::from_bytes(bytes) else {
            return Ok(None);
        };
        if let Some(committees) = &committees {
            proof.verify(committees)?;
        }
        let values = proof.items.iter().filter_map(|item| item.value.as_ref());
        let header = &proof.finalized.header;
        Ok(Some(json!({
            "kind": kind("who issues tickets", committees.is_some()),
            "height": header.height,
            "time_unix_ms": header.time.unix_ms(),
            "facts": values.collect::<Vec<_>>(),
        })))
    }
}

fn of_revocations(update: &RevocationUpdate, is_checked: bool) -> Value {
    let header = &update.head.finalized.header;
    let entries = (update.from()..).zip(&update.entries);
    let entries = entries.map(|(number, entry)| json!({ "entry": number, "says": entry }));
    json!({
        "kind": kind("list of revoked tickets", is_checked),
        "height": header.height,
        "time_unix_ms": header.time.unix_ms(),
        "entries": entries.collect::<Vec<_>>(),
    })
}

fn kind(what: &str, is_checked: bool) -> String {
    let checked = if is_checked { "checked" } else { "not checked" };
    format!("{what}, its proof {checked}")
}

fn of_domain(domain: &TrustDomain) -> Value {
    let issuers: Vec<Value> = domain
        .issuers()
        .map(|issuer| {
            json!({
                "id": issuer.id,
                "key": format!("{:?}", issuer.key),
                "from_unix_ms": issuer.from.unix_ms(),
                "until_unix_ms": issuer.until.unix_ms(),
            })
        })
        .collect();
    json!({
        "kind": "trust domain",
        "digest": domain.digest().to_string(),
        "domain": domain.id().0,
        "development": domain.is_development(),
        "slot_length_s": domain.slots().length_s(),
        "issuers": issuers,
    })
}

fn of_ticket(ticket: &Ticket) -> Value {
    json!({
        "kind": "ticket, its signature not checked",
        "station": ticket.station().to_string(),
        "digest": ticket.digest().to_string(),
        "class": format!("{:?}", ticket.class()),
        "permissions": format!("{:#06x}", ticket.permissions().bits()),
        "domain": ticket.domain().0,
        "issuer_key_id": ticket.issuer_key_id(),
        "slot": ticket.slot().number(),
        "linkage": to_hex(&ticket.linkage()),
        "key": to_hex(&ticket.key_bytes()),
    })
}

fn of_envelope(envelope: &Envelope) -> Value {
    let mut fields = Map::new();
    let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    add("kind", "signed message, its signature not checked".into());
    add("type", envelope.kind().name().into());
    add("station", envelope.station().to_string().into());
    add("generated_unix_ms", envelope.generated().unix_ms().into());
    add("sequence", envelope.sequence().into());
    add("payload_len", envelope.payload().len().into());
    if let EnvelopeSigner::Ticket(ticket) = envelope.signer() {
        add("ticket", of_ticket(ticket));
    }
    let statement = match Message::decode(envelope.kind(), envelope.payload()) {
        Ok(message) => format!("{message:?}"),
        Err(error) => format!("cannot be read: {error}"),
    };
    add("statement", statement.into());
    Value::Object(fields)
}
