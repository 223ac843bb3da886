use std::collections::BTreeMap;

use serde_json::{Map, Value};
use wayside::ledger::{AccountKey, Entry, Genesis, Outcome, ReceiptBody};

/// What an entry of a block does, in one word.
pub(super) fn name(entry: &Entry) -> &'static str {
    match entry {
        Entry::Transaction(signed) => signed.transaction.action.name(),
        Entry::Delivery(_) => "delivery",
    }
}

/// What an entry says, in short: numbers and words, but no names of 64 digits.
pub(super) fn summary(entry: &Entry) -> String {
    match entry {
        Entry::Transaction(signed) => {
            let value = serde_json::to_value(&signed.transaction.action);
            let Ok(Value::Object(fields)) = value else {
                return String::new();
            };
            short_fields(&fields).join(", ")
        }
        Entry::Delivery(delivery) => {
            let told = delivery.receipts.iter();
            let told: Vec<&str> = told.map(|(receipt, _)| said(&receipt.body)).collect();
            format!(
                "shard {} says: {}",
                delivery.finalized.header.shard,
                told.join(", ")
            )
        }
    }
}

/// All that an entry says.
pub(super) fn json(entry: &Entry) -> Value {
    match entry {
        Entry::Transaction(signed) => {
            serde_json::to_value(&signed.transaction.action).unwrap_or(Value::Null)
        }
        Entry::Delivery(delivery) => serde_json::json!({
            "action": "delivery",
            "source": delivery.finalized.header.shard.0,
            "receipts": delivery
                .receipts
                .iter()
                .map(|(receipt, _)| said(&receipt.body))
                .collect::<Vec<_>>(),
        }),
    }
}

/// An outcome in one word: `applied`, or the rule.
pub(super) fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Applied => "applied".to_owned(),
        Outcome::Refused(rule) => format!("refused: {}", rule.name()),
    }
}

/// What people call those who have keys.
pub(super) struct Names(BTreeMap<AccountKey, String>);

impl Names {
    /// Those that the genesis names.
    pub(super) fn of(genesis: &Genesis) -> Self {
        let operators = genesis.operators.iter();
        let operators = operators.map(|it| (it.cold_key, it.name.clone()));
        let roles = genesis.roles.iter();
        let roles = roles.map(|it| (it.key, it.name.clone()));
        Self(operators.chain(roles).collect())
    }

    /// Names one more, unless the genesis does.
    pub(super) fn add(&mut self, key: AccountKey, name: &str) {
        self.0.entry(key).or_insert_with(|| name.to_owned());
    }

    /// Somebody by their first digits, and by their name.
    pub(super) fn party(&self, key: &AccountKey) -> String {
        let digits = key.to_string();
        let short = digits.get(..12).unwrap_or(&digits);
        match self.0.get(key) {
            Some(name) => format!("{short} ({name})"),
            None => short.to_owned(),
        }
    }
}

/// What one shard tells another, in words.
fn said(body: &ReceiptBody) -> &'static str {
    match body {
        ReceiptBody::RegisterTag { .. } => "a tag is claimed",
        ReceiptBody::TagRegistered { .. } => "the tag was free",
        ReceiptBody::TagRefused { .. } => "the tag was taken",
        ReceiptBody::PartMoved { .. } => "a part comes",
        ReceiptBody::PartArrived { .. } => "a part arrived",
        ReceiptBody::PartReturned { .. } => "a part comes back",
        ReceiptBody::RoleGranted { .. } => "a role is granted",
        ReceiptBody::RoleRevoked { .. } => "a role is revoked",
        ReceiptBody::OperatorFact { .. } => "how an operator stands",
        ReceiptBody::ShardFact { .. } => "a shard's share",
        ReceiptBody::RulesScheduled { .. } => "new rules",
        ReceiptBody::RecallIssued { .. } => "a recall",
        ReceiptBody::CommitteeChanged { .. } => "another committee",
        ReceiptBody::EpochBegun { .. } => "an epoch has begun",
        ReceiptBody::TicketPolicySet { .. } => "what tickets are like",
        ReceiptBody::GroupSet { .. } => "who issues tickets",
        ReceiptBody::SeatCertified { .. } => "a key that speaks about tickets",
        ReceiptBody::OperatorKeyReplaced { .. } => "an operator's new cold key",
    }
}

fn short_fields(fields: &Map<String, Value>) -> Vec<String> {
    let mut texts = Vec::new();
    for (name, value) in fields {
        match value {
            Value::String(text) if name != "action" && text.len() <= SHORT => {
                texts.push(format!("{name} {text}"));
            }
            Value::Number(number) if !name.ends_with("_unix_ms") => {
                texts.push(format!("{name} {number}"));
            }
            Value::Object(inner) => texts.extend(short_fields(inner)),
            Value::Array(_)
            | Value::Bool(_)
            | Value::Null
            | Value::Number(_)
            | Value::String(_) => {}
        }
    }
    texts
}

/// Longer text is a key or a digest.
const SHORT: usize = 32;
