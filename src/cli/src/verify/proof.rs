use serde_json::{Value, json};
use wayside::ledger::{Checkpoint, Committees, Genesis, Header, Proof, ProofError};

use super::{Finding, Verdict, entry};
use crate::{
    ledger::{DEVELOPMENT, utc},
    lines::{lines, words},
};

/// Checks a single proof. It cannot be held against a checkpoint, since it holds no other headers; but
/// a checkpoint says who voted in later epochs.
pub(super) fn find(proof: &Proof, genesis: &Genesis, checkpoint: Option<&Checkpoint>) -> Finding {
    let committees = match checkpoint.map(|it| it.committees(genesis)) {
        None => Committees::of(genesis),
        Some(Ok(committees)) => committees,
        Some(Err(error)) => return Finding::refuse(&format!("checkpoint: {error}")),
    };
    match proof.verify(&committees) {
        Err(error) if error.is_of_unknown_epoch() => Finding::refuse(&format!(
            "votes: {error}, whose committee is not known: give a --checkpoint, which says"
        )),
        Ok(header) => describe(proof, header, &committees),
        Err(error @ ProofError::Finality(_)) => Finding::refuse(&format!("votes: {error}")),
        Err(error) => Finding::refuse(&error.to_string()),
    }
}

/// What a proof says, in words and as a JSON object; nothing of it is checked.
pub(crate) fn said(proof: &Proof) -> (String, Value) {
    match proof {
        Proof::Entry(proof) => {
            let outcome = wayside::ledger::Outcome::from_code(proof.outcome)
                .map_or_else(|| "unknown".to_owned(), entry::outcome);
            let text = format!(
                "{}: {} [{outcome}]",
                entry::name(&proof.entry),
                entry::summary(&proof.entry)
            );
            let json = json!({ "record": entry::json(&proof.entry), "outcome": outcome });
            (text, json)
        }
        Proof::State(proof) => {
            let key = json!(proof.key);
            let value = proof.value.as_ref().map(content);
            let name = words(&key);
            let text = match &value {
                Some(value) => format!("{name}\n{}", lines(value).trim_end()),
                None => format!("there is no {name}"),
            };
            (text, json!({ "key": key, "value": value }))
        }
        Proof::Receipt(proof) => {
            let receipt = json!(proof.receipt);
            let text = format!("a receipt\n{}", lines(&receipt).trim_end());
            (text, json!({ "receipt": receipt }))
        }
    }
}

/// What stands under a key; which kind it is, the key says.
fn content(value: &wayside::ledger::Value) -> Value {
    let tagged = json!(value);
    let inner = tagged.as_object().and_then(|it| it.values().next());
    inner.cloned().unwrap_or(tagged)
}

fn describe(proof: &Proof, header: &Header, committees: &Committees) -> Finding {
    let genesis = committees.genesis();
    let (what, json) = said(proof);
    let mut text = format!(
        "CONSISTENT, BUT NOT ANCHORED: block {} of shard {}, {}\n",
        header.height,
        header.shard,
        utc(header.time)
    );
    if genesis.development {
        text.push_str(DEVELOPMENT);
        text.push('\n');
    }
    let committee = committees.committee(header.epoch);
    let committee = committee.unwrap_or_else(|| genesis.committee());
    let (quorum, operators) = (committee.quorum(), committee.keys().len());
    text.push_str(&format!(
        "certified by at least {quorum} of {operators} operators\n\n{what}\n\n\
         A single proof is not held against a checkpoint; a vehicle's history is.\n"
    ));
    Finding {
        verdict: Verdict::Unanchored,
        json: merge(json, header, genesis),
        text,
    }
}

fn merge(mut json: Value, header: &Header, genesis: &Genesis) -> Value {
    if let Value::Object(fields) = &mut json {
        fields.insert("verdict".to_owned(), Verdict::Unanchored.word().into());
        fields.insert("development".to_owned(), genesis.development.into());
        fields.insert("chain".to_owned(), genesis.chain().to_string().into());
        fields.insert("shard".to_owned(), header.shard.0.into());
        fields.insert("height".to_owned(), header.height.into());
        fields.insert("time_unix_ms".to_owned(), header.time.unix_ms().into());
    }
    json
}
