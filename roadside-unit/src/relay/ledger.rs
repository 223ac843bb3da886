use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tracing::{debug, warn};
use wayside::{
    crypto::VerifyingKey,
    id::ShardId,
    ledger::{
        Committees, Genesis, IssuingFacts, OperatorStatus, RevocationUpdate, StateView as _,
        VerifiedRevocations,
    },
    security::{IssuerKey, Operators, TrustDomain, TrustDomainError},
    time::{Now, Timestamp},
};
use wayside_engine::{Handle, Tip};

/// Whom the unit believes, as the ledger says that it follows.
pub(crate) struct LedgerView {
    pub(super) genesis: Arc<Genesis>,
    pub(super) engine: Handle,
    /// From the operator, for where the ledger says nothing yet.
    pub(super) given: Option<TrustDomain>,
}

impl LedgerView {
    /// Whose tickets count: the ledger's issuers', and in a development domain also those of the file.
    /// `None` if neither names any.
    pub(super) fn domain(&self) -> Option<TrustDomain> {
        let facts = self.tip().and_then(|tip| {
            let facts = IssuingFacts::of_state(&tip.state, &self.genesis);
            facts.filter(|facts| !self.is_of_other_domain(facts))
        });
        let Some(facts) = facts else {
            return self.given.clone();
        };
        let mut issuers: BTreeMap<u16, IssuerKey> = BTreeMap::new();
        if facts.development {
            let given = self.given.as_ref().filter(|it| it.is_development());
            let keys = given.into_iter().flat_map(TrustDomain::issuers);
            issuers.extend(keys.map(|key| (key.id, *key)));
        }
        match facts.trust_domain() {
            Ok(domain) => issuers.extend(domain.issuers().map(|key| (key.id, *key))),
            // Nobody issues tickets yet.
            Err(TrustDomainError::NoIssuer) => {}
            Err(error) => warn!(%error, "the ledger's issuers make no trust domain"),
        }
        let issuers: Vec<IssuerKey> = issuers.into_values().collect();
        let (id, slots) = (facts.policy.domain, facts.policy.slots());
        TrustDomain::new(id, slots, issuers, facts.development)
            .ok()
            .or_else(|| self.given.clone())
    }

    /// Whether the ledger issues tickets of another domain than the one that the operator gave, which
    /// counts then.
    pub(super) fn has_other_domain(&self) -> bool {
        let tip = self.tip();
        let facts = tip.and_then(|tip| IssuingFacts::of_state(&tip.state, &self.genesis));
        facts.is_some_and(|facts| self.is_of_other_domain(&facts))
    }

    fn is_of_other_domain(&self, facts: &IssuingFacts) -> bool {
        self.given.as_ref().is_some_and(|given| {
            (facts.policy.domain, facts.policy.slots()) != (given.id(), given.slots())
        })
    }

    /// Who may certify units: as the ledger says now, or as it began where this unit does not keep the
    /// governing shard.
    pub(super) fn operators(&self) -> Operators {
        let keys: Vec<_> = match self.tip() {
            Some(tip) => {
                let present = tip.state.operators();
                let present = present.filter(|(_, it)| it.status != OperatorStatus::Left);
                present.map(|(_, it)| it.cold_key).collect()
            }
            None => {
                let first = self.genesis.operators.iter();
                first.map(|operator| operator.cold_key).collect()
            }
        };
        let admitted = keys.iter().filter_map(|key| key.admit().ok());
        Operators {
            chain: self.genesis.chain(),
            keys: admitted.collect::<Vec<VerifyingKey>>(),
        }
    }

    /// Learns whose votes count in the epochs that have begun since; whether there are more.
    pub(super) fn extend(&self, committees: &mut Committees) -> bool {
        let mut has_grown = false;
        for handover in self.engine.handovers().iter() {
            let epoch = handover.committee.epoch();
            if committees.committee(epoch).is_some() {
                continue;
            }
            match committees.follow(handover) {
                Ok(()) => has_grown = true,
                Err(error) => warn!(%error, epoch, "a hand-over of the ledger does not hold"),
            }
        }
        has_grown
    }

    /// The list of revoked tickets after its first `have` entries, unless it is as it was at `as_of` and
    /// that is not long ago.
    pub(super) async fn revocations(
        &self,
        committees: &Committees,
        (have, as_of): (u64, Option<Timestamp>),
    ) -> Option<VerifiedRevocations> {
        let tip = self.tip()?;
        let head = tip.state.revocation_head()?;
        let is_young = as_of.is_some_and(|as_of| tip.header.time.since(as_of) < LIST_AGE_WORTH);
        if head.next <= have && is_young {
            return None;
        }
        let height = tip.header.height;
        let finalized = self.engine.certified(ShardId::GOVERNANCE, height).await?;
        let update = RevocationUpdate::of_state(&tip.state, finalized, have)?;
        match update.verify(committees) {
            Ok(verified) => Some(verified),
            Err(error) => {
                // The committee that voted for the newest block may not be handed over to yet.
                debug!(%error, "the list of revoked tickets cannot be shown yet");
                None
            }
        }
    }

    /// The newest block's time, if this clock is behind it by more than members' clocks may differ.
    pub(super) fn time_ahead(&self, now: Now) -> Option<Timestamp> {
        let time = self.tip()?.header.time;
        let skew = Duration::from_millis(self.genesis.limits.clock_skew_max_ms.into());
        (time.since(now.timestamp) > skew + CLOCK_DOUBT_MIN).then_some(time)
    }

    fn tip(&self) -> Option<Tip> {
        self.engine.tip(ShardId::GOVERNANCE)
    }
}

/// So much younger a list is worth having that says the same.
const LIST_AGE_WORTH: Duration = Duration::from_secs(60);
const CLOCK_DOUBT_MIN: Duration = Duration::from_millis(500);
