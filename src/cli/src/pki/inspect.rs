use std::{fs, io::Write as _};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use vehicle_agent::identity::read_credential;
use wayside::{
    message::Message,
    security::{Envelope, EnvelopeSigner, TICKET_LEN, Ticket, TrustDomain},
    serve::{from_hex, to_hex},
};

use super::Inspect;

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
        match Envelope::parse(Bytes::from(bytes)) {
            Ok(envelope) => Ok(of_envelope(&envelope)),
            Err(reason) => bail!(
                "{path} is neither a ticket nor a trust domain, and as a signed message: {reason}"
            ),
        }
    }
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
