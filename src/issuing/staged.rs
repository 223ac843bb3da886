use super::Record;

/// An answer, and what has to be kept first.
///
/// Write [`Self::records`] down durably, and only then take the answer with [`Self::recorded`]. Answers
/// leave in the order in which they were made, so that none relies on a record that is not yet kept;
/// many records may share one flush. If writing fails, drop the machine and build it from its records.
#[derive(Debug)]
#[must_use = "what is not written down must not leave"]
pub struct Staged<T> {
    records: Vec<Record>,
    answer: T,
}

impl<T> Staged<T> {
    /// An answer that needs these records.
    pub(super) fn new(records: Vec<Record>, answer: T) -> Self {
        Self { records, answer }
    }

    /// An answer that relies on nothing new.
    pub(super) fn ready(answer: T) -> Self {
        Self::new(Vec::new(), answer)
    }

    /// What has to be kept.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The answer, after all records so far are kept.
    pub fn recorded(self) -> T {
        self.answer
    }

    /// The records alone, for an answer that needs them too.
    pub(super) fn into_records(self) -> Vec<Record> {
        self.records
    }

    /// The same records for another answer.
    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Staged<U> {
        Staged {
            records: self.records,
            answer: make(self.answer),
        }
    }

    /// The same records for another answer, if there is one.
    pub(super) fn try_map<U>(self, make: impl FnOnce(T) -> Option<U>) -> Option<Staged<U>> {
        Some(Staged {
            records: self.records,
            answer: make(self.answer)?,
        })
    }
}
