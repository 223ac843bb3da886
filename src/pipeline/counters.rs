use std::collections::BTreeMap;

use crate::message::MessageType;

/// What a station did since it started; counts only grow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Own states that the driving stack handed over.
    pub states: u64,
    /// Messages signed and sent, by kind.
    pub published: BTreeMap<MessageType, u64>,
    /// Own states and hazards that were not published, by reason.
    pub unpublished: BTreeMap<&'static str, u64>,
    /// Messages taken into the world, by kind.
    pub delivered: BTreeMap<MessageType, u64>,
    /// Messages refused, by the name of the [`Refusal`](crate::security::Refusal); byte-equal
    /// repeats among them.
    pub refused: BTreeMap<&'static str, u64>,
    /// Implausible messages, by the check that says so.
    pub flagged: BTreeMap<&'static str, u64>,
    /// Messages of others passed on, by kind, each receiver counted.
    pub relayed: BTreeMap<MessageType, u64>,
    /// Messages dropped unverified because there was too much to do, by reason.
    pub shed: BTreeMap<&'static str, u64>,
    /// Verified messages that did not change the world, by what it says of them.
    pub not_taken: BTreeMap<&'static str, u64>,
    /// Events that the edge did not take in time.
    pub events_dropped: u64,
    /// Connections refused because [`Config::peers_max`](super::Config::peers_max) was reached.
    pub peers_refused: u64,
    /// Updates of the revocation list that peers brought and that were not taken, by reason.
    pub lists_refused: BTreeMap<&'static str, u64>,
    /// Pairs of signed messages with one sequence, each a proof against its signer.
    pub equivocations: u64,
    /// Stations that this unit accuses, with evidence that proves itself.
    pub accused: u64,
}

/// Adds one to a named count.
pub(super) fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, name: K) {
    *counts.entry(name).or_default() += 1;
}
