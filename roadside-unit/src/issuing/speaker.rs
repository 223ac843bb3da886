use std::sync::Arc;

use tracing::{info, warn};
use wayside::{crypto::SigningKey, ledger::Outcome};

use super::{
    out::{Said, Word},
    worker::WorkerParts,
};
use crate::voice::{Voice, VoiceParts};

/// Says on the ledger what an operator has to say about tickets, by its issuing key.
pub(super) struct Speaker(Voice);

impl Speaker {
    pub(super) fn new(key: SigningKey, parts: &WorkerParts) -> Self {
        Self(Voice::new(VoiceParts {
            key,
            genesis: Arc::clone(&parts.genesis),
            engine: parts.engine.clone(),
            followed: Arc::clone(&parts.followed),
            clock: parts.clock.clone(),
        }))
    }

    /// Says a word, and what came of it.
    pub(super) async fn say(&self, word: &Word) -> Said {
        let about = word.about;
        match self.0.say(word.shard, word.action.clone()).await {
            Ok((_, Some(Outcome::Applied))) => {
                info!(?about, "said about tickets on the ledger");
                Said::Applied
            }
            Ok((_, Some(Outcome::Refused(rule)))) => {
                warn!(
                    ?about,
                    rule = rule.name(),
                    "the ledger refused a word about tickets"
                );
                Said::Refused
            }
            Ok((_, None)) => {
                warn!(
                    ?about,
                    "the ledger refused a word about tickets by an unknown rule"
                );
                Said::Refused
            }
            Err(error) => {
                warn!(?about, %error, "a word about tickets is not final");
                Said::Undecided
            }
        }
    }
}
