use std::sync::Arc;

use super::{DisconnectReason, Event, Station};
use crate::{
    id::StationId,
    security::{
        AdmittedTicket, Operators, OtherDomainError, OwnRevocation, RevocationNews, TrustDomain,
    },
    time::Now,
    world::Removal,
};

impl Station {
    /// Takes in verified news of the revocation list.
    ///
    /// Who is on it newly is disconnected and leaves the picture, with all that it reported, and
    /// nothing it signs is taken any more. If this station is on it, it signs nothing more.
    pub fn handle_revocations(&mut self, news: &RevocationNews, now: Now) {
        let before = (
            self.verifier.revocations_next(),
            self.verifier.revocations_as_of(),
        );
        // A peer stays connected, and a hazard is kept, while others push the ticket out of what the
        // verifier remembers.
        let tickets = match news.entries.is_empty() {
            true => Vec::new(),
            false => self.tickets(),
        };
        let revoked = self.verifier.handle_revocations(news, &tickets, now);
        for (station, number) in revoked {
            self.raise(Event::PeerRevoked { station, number });
            self.part_with(station, DisconnectReason::Revoked);
        }
        self.check_own_revocation(now);
        let next = self.verifier.revocations_next();
        if let Some(as_of) = self.verifier.revocations_as_of()
            && before != (next, Some(as_of))
        {
            self.raise(Event::ListAdvanced { next, as_of });
        }
    }

    /// Takes in another table of issuers of the same trust domain.
    ///
    /// Tickets stay known unless their issuer was withdrawn; whoever holds such a one is
    /// disconnected, and an own one is used no more.
    pub fn handle_domain(
        &mut self,
        domain: Arc<TrustDomain>,
        now: Now,
    ) -> Result<(), OtherDomainError> {
        let former = Arc::clone(self.verifier.domain());
        let withdrawn = self.verifier.handle_domain(Arc::clone(&domain))?;
        for station in withdrawn {
            self.part_with(station, DisconnectReason::IssuerWithdrawn);
        }
        // A peer stays connected while others push its ticket out of what the verifier remembers.
        for ticket in self.tickets() {
            let is_listed = domain.still_lists_issuer_of(ticket.ticket(), &former);
            if !ticket.is_unit() && !is_listed {
                self.part_with(ticket.station(), DisconnectReason::IssuerWithdrawn);
            }
        }
        self.check_clock(now);
        self.signer.handle_domain(&domain, &former, now);
        self.raise_reservations();
        self.check_ticket(now);
        Ok(())
    }

    /// Takes in who certifies roadside units at present. A unit of somebody who no longer does is
    /// disconnected, and nothing that it says is taken any more.
    pub fn handle_operators(&mut self, operators: Operators) {
        for station in self.verifier.handle_operators(operators) {
            self.part_with(station, DisconnectReason::IssuerWithdrawn);
        }
        // As above: a peer stays while others push its ticket out.
        for ticket in self.tickets() {
            let unit = ticket.unit();
            if unit.is_some_and(|unit| !self.verifier.operators().stand_by(unit)) {
                self.part_with(ticket.station(), DisconnectReason::IssuerWithdrawn);
            }
        }
    }

    /// The tickets of those who said hello, and of those whose hazards are kept for others.
    fn tickets(&self) -> Vec<Arc<AdmittedTicket>> {
        let mut tickets = self.peers.tickets();
        if let Some(relay) = &self.roadside.relay {
            tickets.extend(relay.tickets());
        }
        tickets
    }

    /// Closes the connections of a station that is not to be believed, and forgets what it said.
    fn part_with(&mut self, station: StationId, reason: DisconnectReason) {
        for peer in self.peers.of(station) {
            self.disconnect(peer, reason);
        }
        self.world.forget_signer(station, Removal::Revoked);
        if let Some(relay) = &mut self.roadside.relay {
            relay.handle_withdrawn(station);
        }
        self.raise_kept_hazards();
        self.raise_world_events();
    }

    /// Looks whether the ticket in use is on the list, and tells if that changed.
    pub(super) fn check_own_revocation(&mut self, now: Now) {
        let ticket = self.signer.ticket_in_use(now).cloned();
        let found = ticket.and_then(|ticket| {
            let (number, until) = self.verifier.revocation_of(&ticket, now)?;
            Some(OwnRevocation { number, until })
        });
        let before = self.signer.revocation();
        if found == before {
            return;
        }
        self.signer.handle_revocation(found);
        match found {
            Some(OwnRevocation { number, until }) => {
                let until = self.domain().slots().end(until);
                self.raise(Event::OwnRevoked { number, until });
                let peers: Vec<_> = self.peers.iter().map(|(id, _)| id).collect();
                for peer in peers {
                    self.disconnect(peer, DisconnectReason::Revoked);
                }
            }
            None => self.raise(Event::OwnReinstated),
        }
        self.check_ticket(now);
    }
}
