use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, warn};
use wayside::{
    crypto::Digest,
    ledger::Committees,
    relay::Load,
    security::Operators,
    telemetry::RelayStanding,
    time::{Instant, Now},
};

use super::{Relay, unit::Lacks};

/// What the station was told last of whom to believe.
struct Told {
    committees: Committees,
    /// Whether the station knows all of these.
    are_committees_told: bool,
    domain: Option<Digest>,
    operators: Option<Operators>,
    /// When to begin again after the port could not be had.
    retry: Option<Instant>,
    has_warned_of_certificate: bool,
    has_warned_of_domain: bool,
}

/// Keeps the station up to date until it is aborted, each second: whom to believe, its tickets, the
/// operator's hazards, and what metrics show.
pub(super) async fn tend(relay: Relay) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told {
        committees: Committees::of(&relay.0.ledger.genesis),
        are_committees_told: false,
        domain: None,
        operators: None,
        retry: None,
        has_warned_of_certificate: false,
        has_warned_of_domain: false,
    };
    loop {
        ticks.tick().await;
        told.follow(&relay).await;
        relay.renew_tickets().await;
        relay.restore_unsettled().await;
        relay.renew_hazards().await;
        relay.sign_traffic();
        told.check_certificate(&relay);
        relay.show().await;
    }
}

impl Told {
    /// Tells the station what the ledger says now.
    async fn follow(&mut self, relay: &Relay) {
        let now = relay.0.clock.now();
        self.follow_domain(relay, now).await;
        let operators = relay.0.ledger.operators();
        if self.operators.as_ref() != Some(&operators) {
            let taken = operators.clone();
            let called = relay.call(|station, _| station.handle_operators(taken));
            if called.await.is_ok() {
                self.operators = Some(operators);
            }
        }
        self.follow_list(relay).await;
        if let Some(time) = relay.0.ledger.time_ahead(now) {
            warn!("this unit's clock is behind the ledger's: the relay signs nothing");
            // A station that has not begun yet is told then.
            let _ = relay
                .call(move |station, now| station.handle_time_reference(time, now))
                .await;
        }
    }

    async fn follow_domain(&mut self, relay: &Relay, now: Now) {
        if !self.has_warned_of_domain && relay.0.ledger.has_other_domain() {
            warn!(
                "the ledger issues tickets of another trust domain than relay.trust_domain, which counts"
            );
            self.has_warned_of_domain = true;
        }
        let Some(domain) = relay.0.ledger.domain() else {
            return;
        };
        let digest = domain.digest();
        if self.domain == Some(digest) {
            return;
        }
        let has_begun = relay.lock().station.is_some();
        if !has_begun {
            if self.retry.is_some_and(|retry| now.instant < retry) {
                return;
            }
            if let Err(problem) = relay.begin(domain).await {
                error!(%problem, "cannot relay, trying again");
                relay.lock().lacks = Lacks::Port;
                self.retry = Some(now.instant + RETRY_PAUSE);
                return;
            }
            self.domain = Some(digest);
            return;
        }
        let taken = relay.call(|station, now| station.handle_domain(domain.into(), now));
        match taken.await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => {
                error!(%problem, "the relay goes on in its trust domain until the unit is started again");
            }
            // Stopping.
            Err(_) => return,
        }
        self.domain = Some(digest);
    }

    async fn follow_list(&mut self, relay: &Relay) {
        if relay.0.ledger.extend(&mut self.committees) {
            self.are_committees_told = false;
        }
        if !self.are_committees_told {
            let committees = self.committees.clone();
            let told = relay.call(|station, _| station.handle_committees(committees));
            self.are_committees_told = told.await.is_ok();
        }
        let known = relay.call(|station, _| {
            let list = station.revocation_list();
            (list.next(), list.time())
        });
        let Ok(known) = known.await else {
            return;
        };
        let update = relay.0.ledger.revocations(&self.committees, known).await;
        let Some(update) = update else {
            return;
        };
        let taken = relay.call(|station, now| station.handle_verified_revocations(update, now));
        if let Ok(Err(problem)) = taken.await {
            warn!(%problem, "the list of revoked tickets was not taken");
        }
    }

    /// Warns once, in good time.
    fn check_certificate(&mut self, relay: &Relay) {
        let left = relay.certificate_left();
        if left < CERTIFICATE_WARNING && !self.has_warned_of_certificate {
            warn!(
                ?left,
                "vehicles believe the relay's certificate not much longer"
            );
        }
        self.has_warned_of_certificate = left < CERTIFICATE_WARNING;
    }
}

impl Relay {
    /// Shows in metrics where the relay stands.
    async fn show(&self) {
        let standing = self.standing().await;
        let is_ready = standing.problems.is_empty();
        self.0.is_ready.store(is_ready, Ordering::Relaxed);
        let metrics = &self.0.relay_metrics;
        for (kind, count) in &standing.relayed {
            metrics.set_relayed(kind, *count);
        }
        for (reason, count) in &standing.shed {
            metrics.set_shed(reason, *count);
        }
        let states = Load::ALL.map(Load::name);
        metrics.set_load(standing.load.map_or("", Load::name), states);
        let now = self.0.clock.now().timestamp;
        metrics.set_standing(&RelayStanding {
            vehicles: standing.vehicles,
            units: standing.units,
            hazards: standing.hazards,
            own_hazards: standing.own_hazards,
            unwritten: standing.unwritten,
            is_ready,
            certificate_left: self.certificate_left(),
            list_age: standing.list_as_of.map(|as_of| now.since(as_of)),
            operators: standing.operators,
            traffic_cells: self.0.traffic.cells(),
        });
    }

    /// How long vehicles go on believing the unit's certificate.
    pub(super) fn certificate_left(&self) -> Duration {
        let until = self.lock().certificate.valid_until();
        until.since(self.0.clock.now().timestamp)
    }
}

const TICK: Duration = Duration::from_secs(1);
const RETRY_PAUSE: Duration = Duration::from_secs(5);
const CERTIFICATE_WARNING: Duration = Duration::from_secs(7 * 86_400);
