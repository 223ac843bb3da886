use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    ledger::{
        AccountKey, Action, Entry, GrantAccess, Outcome, ReadReceipt, RecordClass,
        RecordCommitment, Report, SignedTransaction,
    },
    time::Timestamp,
};

/// Who may read a vehicle's records, who did, and what became of the records: as its proven history
/// says, so that none is missing.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct AccessRecord {
    /// The records that were attached, in the order of the history.
    pub records: Vec<Held>,
    /// The grants that hold, unless their time has not begun or is over.
    pub grants: Vec<Given>,
    /// Every share that a custodian let somebody have, in the order of the history.
    pub reads: Vec<Read>,
}

/// An attached record.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Held {
    /// The commitment to its text.
    pub record: RecordCommitment,
    /// What kind it is.
    pub class: RecordClass,
    /// Who attached it.
    pub by: AccountKey,
    /// The transaction by which they did, in hexadecimal digits.
    pub transaction: String,
    /// When that was final.
    #[serde(rename = "attached_unix_ms")]
    pub attached: Timestamp,
    /// When its erasure was final.
    #[serde(rename = "erased_unix_ms")]
    pub erased: Option<Timestamp>,
    /// The custodians who said that they have destroyed what they kept of it.
    pub destroyed_by: Vec<AccountKey>,
}

/// A grant that was not taken back.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Given {
    /// What the owner signed.
    #[serde(flatten)]
    pub grant: GrantAccess,
    /// When that was final.
    #[serde(rename = "given_unix_ms")]
    pub given: Timestamp,
}

/// A custodian's word that it let somebody read, given before it did.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Read {
    /// Who read what.
    #[serde(flatten)]
    pub receipt: ReadReceipt,
    /// The custodian.
    pub custodian: AccountKey,
    /// When the receipt was final.
    #[serde(rename = "time_unix_ms")]
    pub time: Timestamp,
}

impl AccessRecord {
    /// Reads it from a verified history.
    pub fn of(report: &Report) -> Self {
        let mut told = Self::default();
        let mut grants = BTreeMap::new();
        for record in &report.records {
            if let (Entry::Transaction(signed), Outcome::Applied) = (&record.entry, record.outcome)
            {
                told.take(signed, record.block.time, &mut grants);
            }
        }
        told.grants = grants.into_values().collect();
        told
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most of what happens to a vehicle has nothing to do with who reads what"
    )]
    fn take(
        &mut self,
        signed: &SignedTransaction,
        time: Timestamp,
        grants: &mut BTreeMap<(AccountKey, RecordClass), Given>,
    ) {
        let sender = signed.transaction.sender;
        match &signed.transaction.action {
            Action::AttachRecord(attached) => self.records.push(Held {
                record: attached.record,
                class: attached.class,
                by: sender,
                transaction: signed.id().to_string(),
                attached: time,
                erased: None,
                destroyed_by: Vec::new(),
            }),
            Action::GrantAccess(granted) => {
                let given = Given {
                    grant: granted.clone(),
                    given: time,
                };
                grants.insert((granted.reader, granted.class), given);
            }
            Action::RevokeAccess(revoked) => {
                grants.remove(&(revoked.reader, revoked.class));
            }
            // With the ownership ends whatever the owner allowed.
            Action::Transfer(_) => grants.clear(),
            Action::ReadReceipt(receipt) => self.reads.push(Read {
                receipt: receipt.clone(),
                custodian: sender,
                time,
            }),
            Action::EraseRecord(erased) => {
                for held in self.named(erased.record) {
                    held.erased = Some(time);
                }
            }
            Action::ConfirmErasure(confirmed) => {
                for held in self.named(confirmed.record) {
                    held.destroyed_by.push(sender);
                }
            }
            _ => {}
        }
    }

    fn named(&mut self, record: RecordCommitment) -> impl Iterator<Item = &mut Held> {
        self.records
            .iter_mut()
            .filter(move |held| held.record == record)
    }
}
