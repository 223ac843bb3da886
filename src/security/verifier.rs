use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    admitted::AdmittedTicket,
    budget::{Budget, Spent},
    cache::TicketCache,
    config::Config,
    domain::{OtherDomainError, TrustDomain},
    envelope::{Envelope, EnvelopeSigner},
    refusal::Refusal,
    revocation::{RevocationNews, Revocations},
    slot::Slot,
    ticket::{Class, Permissions, Ticket},
    unit_certificate::UnitCertificate,
    unit_ticket::{Operators, UnitTicket},
    verified::{Equivocation, Verified, VerifiedMessage},
    window::{Mark, Memory, Use},
};
use crate::{
    crypto::{Context, Signature, VerifyingKey},
    id::StationId,
    message::{HazardStatement, Message, MessageType, Termination},
    time::{Now, Timestamp},
};

/// Turns envelopes into verified messages, or says why not.
///
/// Cheap checks come first: length, type, time, sequence, ticket, budget, and then the signature;
/// the payload is decoded last. After each `handle_*`, drain [`Self::poll_equivocation`].
#[derive(Debug)]
pub struct Verifier {
    config: Config,
    domain: Arc<TrustDomain>,
    operators: Operators,
    cache: TicketCache,
    revocations: Revocations,
    memory: Memory,
    tickets_spent: Spent,
    hazard_tickets_spent: Spent,
    clock_doubt: Option<Duration>,
    equivocations: VecDeque<Equivocation>,
}

impl Verifier {
    /// A verifier that knows no ticket yet.
    pub fn new(config: Config, domain: Arc<TrustDomain>) -> Self {
        Self {
            cache: TicketCache::new(config.tickets_max),
            revocations: Revocations::new(domain.slots()),
            memory: Memory::new(config.remembered_bytes.get()),
            domain,
            operators: Operators::default(),
            config,
            tickets_spent: Spent::default(),
            hazard_tickets_spent: Spent::default(),
            clock_doubt: None,
            equivocations: VecDeque::new(),
        }
    }

    /// Whose tickets count.
    pub fn domain(&self) -> &Arc<TrustDomain> {
        &self.domain
    }

    /// Whether the ticket of `station` is known.
    pub fn knows(&self, station: StationId) -> bool {
        self.cache.contains(station)
    }

    /// The ticket of `station`, if it is known and counts.
    pub fn ticket_of(&mut self, station: StationId) -> Option<Arc<AdmittedTicket>> {
        let known = self.cache.get(station)?;
        known.revoked.is_none().then(|| Arc::clone(&known.ticket))
    }

    /// Takes in how wrong this station's clock may be; `None` is not noticeably.
    ///
    /// While it is in doubt, messages may be as much older or newer, up to 10 s, and are marked.
    pub fn handle_clock_doubt(&mut self, doubt: Option<Duration>) {
        self.clock_doubt = doubt;
    }

    /// Takes in another table of issuers; returns the stations whose tickets no longer count by it,
    /// which are forgotten. All others stay known, with what they sent.
    pub fn handle_domain(
        &mut self,
        domain: Arc<TrustDomain>,
    ) -> Result<Vec<StationId>, OtherDomainError> {
        self.domain.check_successor(&domain)?;
        let former = std::mem::replace(&mut self.domain, Arc::clone(&domain));
        Ok(self.cache.retain(|known| {
            known.is_unit() || domain.still_lists_issuer_of(known.ticket(), &former)
        }))
    }

    /// Takes in who certifies roadside units; returns the units that no longer count by it, which are
    /// forgotten.
    pub fn handle_operators(&mut self, operators: Operators) -> Vec<StationId> {
        self.operators = operators;
        self.cache.retain(|known| {
            known
                .unit()
                .is_none_or(|unit| self.operators.stand_by(unit))
        })
    }

    /// Who certifies roadside units.
    pub fn operators(&self) -> &Operators {
        &self.operators
    }

    /// Takes in verified news of the revocation list: from now on nothing is believed that is signed
    /// with a ticket on it. Returns the stations that are on it newly, each with the number of its
    /// entry: of those known, and of `others`, whose tickets may have been pushed out meanwhile.
    pub fn handle_revocations(
        &mut self,
        news: &RevocationNews,
        others: &[Arc<AdmittedTicket>],
        now: Now,
    ) -> Vec<(StationId, u64)> {
        let mut sought = self.cache.by_linkage();
        sought.extend(others.iter().map(|other| {
            let ticket = other.ticket();
            ((ticket.slot(), ticket.linkage()), other.station())
        }));
        let (found, lifted) = self.revocations.handle_news(news, &sought, now);
        for known in self.cache.iter_mut() {
            if known.revoked.is_some_and(|number| lifted.contains(&number)) {
                let ticket = known.ticket.ticket();
                known.revoked = self.revocations.find(ticket.slot(), ticket.linkage(), now);
            }
        }
        let mut newly = Vec::new();
        for (station, number) in found {
            match self.cache.get(station) {
                Some(known) if known.revoked.is_some() => {}
                Some(known) => {
                    known.revoked = Some(number);
                    newly.push((station, number));
                }
                None => newly.push((station, number)),
            }
        }
        newly
    }

    /// Prepares for the tickets of the slots that come; call it at least once a slot.
    ///
    /// While the clock is doubted, no revocation is forgotten.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.clock_doubt.is_some() {
            self.revocations.advance(now);
        } else {
            self.revocations.forget_over(now);
        }
        self.revocations.handle_timeout(now);
    }

    /// The entry of the revocation list that names a ticket, with the last slot that it is for.
    pub fn revocation_of(&mut self, ticket: &Ticket, now: Now) -> Option<(u64, Slot)> {
        self.revocations.advance(now);
        let number = self
            .revocations
            .find(ticket.slot(), ticket.linkage(), now)?;
        Some((number, self.revocations.last_slot(number)?))
    }

    /// When the revocation list was what this verifier knows of it; `None` if it never had one.
    pub fn revocations_as_of(&self) -> Option<Timestamp> {
        self.revocations.as_of()
    }

    /// Up to which entry, exclusive, the revocation list is known.
    pub fn revocations_next(&self) -> u64 {
        self.revocations.next()
    }

    /// How many revocations are known and not over.
    pub fn revocations_len(&self) -> usize {
        self.revocations.len()
    }

    /// Takes in a ticket that came by itself, in a hello or on a control stream.
    ///
    /// One of an earlier slot is taken in too; whether its holder may speak now is for
    /// [`AdmittedTicket::is_valid_at`]. One whose time is still to come is refused.
    pub fn handle_ticket(
        &mut self,
        ticket: &Ticket,
        now: Now,
    ) -> Result<Arc<AdmittedTicket>, Refusal> {
        match self.known(ticket, now) {
            Some(known) => known,
            None => self.admit(ticket, None, (MessageType::Telemetry, now)),
        }
    }

    /// The same for a roadside unit's, which brings its certificate.
    pub fn handle_unit_ticket(
        &mut self,
        unit: &UnitTicket,
        now: Now,
    ) -> Result<Arc<AdmittedTicket>, Refusal> {
        match self.known(&unit.ticket, now) {
            Some(Ok(known)) if known.unit() == Some(&unit.certificate) => Ok(known),
            Some(Err(refusal)) => Err(refusal),
            // The operator may have certified the same unit anew.
            Some(Ok(_)) | None => {
                let certificate = Some(&unit.certificate);
                self.admit(&unit.ticket, certificate, (MessageType::Telemetry, now))
            }
        }
    }

    /// The same for a ticket as it came: 120 bytes of a vehicle's, or 297 of a unit's.
    pub fn handle_ticket_bytes(
        &mut self,
        bytes: &[u8],
        now: Now,
    ) -> Result<Arc<AdmittedTicket>, Refusal> {
        match bytes.try_into() {
            Ok(unit) => self.handle_unit_ticket(&UnitTicket::from_bytes(unit)?, now),
            Err(_) => self.handle_ticket(&Ticket::from_bytes(bytes)?, now),
        }
    }

    fn known(&mut self, ticket: &Ticket, now: Now) -> Option<Result<Arc<AdmittedTicket>, Refusal>> {
        let known = self.cache.get_mut(ticket.station(), now)?;
        (known.ticket.ticket() == ticket).then(|| match known.revoked {
            Some(number) => Err(Refusal::Revoked(number)),
            None => Ok(Arc::clone(&known.ticket)),
        })
    }

    /// Verifies an envelope with a hazard that this station signed or kept itself, which costs its
    /// signer nothing of its budget.
    pub fn handle_kept_envelope(
        &mut self,
        bytes: Bytes,
        now: Now,
    ) -> Result<VerifiedMessage, Refusal> {
        let signer = Envelope::parse(bytes.clone())?.station();
        let known = self.cache.get(signer);
        let before = known.map(|known| std::mem::take(&mut known.hazard.spent));
        let result = self.handle_envelope(bytes, now);
        if let Some(known) = self.cache.get(signer) {
            known.hazard.spent = before.unwrap_or_default();
        }
        result
    }

    /// Verifies one envelope.
    pub fn handle_envelope(&mut self, bytes: Bytes, now: Now) -> Result<VerifiedMessage, Refusal> {
        let envelope = Envelope::parse(bytes)?;
        self.check_time(&envelope, now)?;
        if let EnvelopeSigner::Ticket(ticket) = envelope.signer() {
            self.learn(ticket, envelope.kind(), now)?;
        }
        let ticket = self.check_signer(&envelope, now)?;
        let message = Message::decode(envelope.kind(), envelope.payload())?;
        match message {
            Message::Telemetry(telemetry) => Ok(VerifiedMessage::Telemetry(
                self.verified(telemetry, ticket, envelope, now),
            )),
            Message::Hazard(statement) => {
                self.check_hazard(&statement, &envelope, now)?;
                Ok(VerifiedMessage::Hazard(
                    self.verified(statement, ticket, envelope, now),
                ))
            }
        }
    }

    /// The next proof that a station contradicted itself.
    pub fn poll_equivocation(&mut self) -> Option<Equivocation> {
        self.equivocations.pop_front()
    }

    fn check_time(&self, envelope: &Envelope, now: Now) -> Result<(), Refusal> {
        let allowance = self.allowance();
        let ahead = envelope.generated().since(now.timestamp);
        if ahead > self.config.future_max + allowance {
            return Err(Refusal::Future(ahead));
        }
        let age = now.timestamp.since(envelope.generated());
        let age_max = match envelope.kind() {
            MessageType::Telemetry => self.config.telemetry_age_max,
            // Its own validity decides, once it may be decoded.
            MessageType::Hazard => HAZARD_AGE_MAX,
        };
        if age > age_max + allowance {
            return Err(Refusal::Stale(age));
        }
        Ok(())
    }

    /// Makes the ticket that an envelope brought known.
    fn learn(&mut self, ticket: &Ticket, kind: MessageType, now: Now) -> Result<(), Refusal> {
        match self.cache.get_mut(ticket.station(), now) {
            Some(known) if known.ticket.ticket() == ticket => Ok(()),
            // What a unit signs does not bring its certificate. Ask for it.
            _ if ticket.class() == Class::RoadsideUnit => {
                Err(Refusal::UnknownTicket(ticket.station()))
            }
            _ => self.admit(ticket, None, (kind, now)).map(drop),
        }
    }

    fn admit(
        &mut self,
        ticket: &Ticket,
        certificate: Option<&UnitCertificate>,
        (kind, now): (MessageType, Now),
    ) -> Result<Arc<AdmittedTicket>, Refusal> {
        // What is cheap to refuse takes nothing from the budget, which is everybody's.
        if ticket.domain() != self.domain.id() {
            return Err(Refusal::ForeignDomain(ticket.domain()));
        }
        match certificate {
            Some(certificate) => {
                certificate.names(self.operators.chain, &self.operators.keys)?;
                self.cache.check_unit(certificate, ticket)?;
            }
            None if ticket.class() != Class::RoadsideUnit
                && !self.domain.knows_issuer_of(ticket) =>
            {
                return Err(Refusal::UnknownIssuer(ticket.issuer_key_id()));
            }
            None => {}
        }
        let (spent, budget) = match kind {
            MessageType::Telemetry => (&mut self.tickets_spent, self.config.ticket_budget),
            MessageType::Hazard => (
                &mut self.hazard_tickets_spent,
                self.config.hazard_ticket_budget,
            ),
        };
        if !spent.take(budget, now.instant) {
            return Err(Refusal::OverBudget);
        }
        let admitted = match certificate {
            None => self.domain.admit(ticket)?,
            Some(certificate) => {
                let unit = UnitTicket {
                    certificate: certificate.clone(),
                    ticket: ticket.clone(),
                };
                self.operators.admit(&unit, &self.domain)?
            }
        };
        if !self.revocations.is_due(ticket.slot(), now) {
            return Err(Refusal::TicketNotValid);
        }
        let checked = self.revocations.check(ticket.slot(), ticket.linkage(), now);
        if checked == Err(Refusal::OverBudget) {
            return Err(Refusal::OverBudget);
        }
        let known = self.cache.insert(admitted, now)?;
        // Remembered, so that it is refused by its name and without a look at its signature.
        if let Err(Refusal::Revoked(number)) = checked {
            known.revoked = Some(number);
        }
        checked.map(|()| Arc::clone(&known.ticket))
    }

    /// Checks sequence, ticket, budget and signature, and uses the sequence up.
    fn check_signer(
        &mut self,
        envelope: &Envelope,
        now: Now,
    ) -> Result<Arc<AdmittedTicket>, Refusal> {
        let budget = self.budget(envelope.kind());
        let (sequence, bytes) = (envelope.sequence(), envelope.bytes());
        let known = self
            .cache
            .get_mut(envelope.station(), now)
            .ok_or(Refusal::UnknownTicket(envelope.station()))?;
        if let Some(number) = known.revoked {
            return Err(Refusal::Revoked(number));
        }
        let ticket = Arc::clone(&known.ticket);
        let lane = known.lane_mut(envelope.kind());
        let used = lane.window.look_up(sequence);
        let is_forgotten = matches!(used, Use::Forgotten);
        let earlier = match (used, envelope.kind()) {
            (Use::Taken(mark), _) if mark.is_of(bytes, &self.memory) => {
                return Err(Refusal::Duplicate(sequence));
            }
            (Use::Taken(mark), _) => Some(mark),
            (Use::Forgotten, MessageType::Telemetry) => {
                return Err(Refusal::BehindWindow(sequence));
            }
            // A unit may keep a hazard alive for long: `world` knows its reports by their numbers.
            (Use::Forgotten, MessageType::Hazard) | (Use::Free, _) => None,
        };
        if !ticket.is_valid_at(envelope.generated()) {
            return Err(Refusal::TicketNotValid);
        }
        if !ticket
            .ticket()
            .permissions()
            .intersects(required(envelope.kind()))
        {
            return Err(Refusal::NotPermitted);
        }
        // Whoever says again what was forgotten must not use up what the signer has to say.
        let spent = if is_forgotten {
            &mut lane.repeated
        } else {
            &mut lane.spent
        };
        if !spent.affords(budget, now.instant) {
            return Err(Refusal::OverBudget);
        }
        let (signed, signature) = envelope.signed_part();
        ticket
            .key()
            .verify(
                Context::Message,
                &[ticket.station().as_bytes(), signed],
                &signature,
            )
            .map_err(|_| Refusal::BadSignature)?;
        // Only what a signer really signed is paid for by it: garbage in its name must not silence
        // it. Whoever brings garbage is for `pipeline` to cut off.
        spent.take(budget, now.instant);
        let Some(earlier) = earlier else {
            let place = self.memory.keep(bytes);
            lane.window.mark(Mark::new(sequence, bytes, place));
            return Ok(ticket);
        };
        if let Some(first) = earlier.bytes(&self.memory)
            && self.equivocations.len() < EQUIVOCATIONS_MAX
        {
            self.equivocations.push_back(Equivocation {
                ticket,
                sequence,
                first,
                second: bytes.clone(),
            });
        }
        Err(Refusal::Equivocation(sequence))
    }

    fn check_hazard(
        &self,
        statement: &HazardStatement,
        envelope: &Envelope,
        now: Now,
    ) -> Result<(), Refusal> {
        let hazard = &statement.hazard;
        if hazard.detected.since(envelope.generated()) > self.config.future_max {
            return Err(Refusal::DetectedLater);
        }
        let expired = now.timestamp.since(hazard.expires());
        if expired > self.allowance() {
            return Err(Refusal::HazardExpired(expired));
        }
        if hazard.termination == Some(Termination::Negation) {
            return Ok(());
        }
        if hazard.update == 0 {
            return if hazard.action.station == envelope.station() {
                Ok(())
            } else {
                Err(Refusal::ForeignHazard(hazard.action.station))
            };
        }
        check_update(statement, envelope.station())
    }

    fn verified<M>(
        &self,
        message: M,
        ticket: Arc<AdmittedTicket>,
        envelope: Envelope,
        now: Now,
    ) -> Verified<M> {
        Verified {
            message,
            ticket,
            generated: envelope.generated(),
            sequence: envelope.sequence(),
            bytes: envelope.into_bytes(),
            received: now,
            clock_doubted: self.clock_doubt.is_some(),
            revocations_as_of: self.revocations.as_of(),
            revocation_stale: self.is_list_stale(now),
        }
    }

    fn is_list_stale(&self, now: Now) -> bool {
        self.revocations
            .as_of()
            .is_none_or(|as_of| now.timestamp.since(as_of) > self.config.revocation_age_max)
    }

    fn budget(&self, kind: MessageType) -> Budget {
        match kind {
            MessageType::Telemetry => self.config.telemetry_budget,
            MessageType::Hazard => self.config.hazard_budget,
        }
    }

    /// By how much the time checks are wider, because this station's own clock may be wrong.
    fn allowance(&self) -> Duration {
        self.clock_doubt.unwrap_or_default().min(ALLOWANCE_MAX)
    }
}

/// Checks that an update is signed by the event's one-time key. That this is the key of the
/// event's first report is for `world` to check, which remembers it.
fn check_update(statement: &HazardStatement, signer: StationId) -> Result<(), Refusal> {
    let (Some(key), Some(signature)) = (statement.hazard.update_key, statement.update_signature)
    else {
        return Err(Refusal::UpdateUnsigned);
    };
    VerifyingKey::from_bytes(&key.0)
        .map_err(|_| Refusal::BadUpdateSignature)?
        .verify(
            Context::HazardUpdate,
            &[signer.as_bytes(), &statement.body],
            &Signature::from_bytes(signature),
        )
        .map_err(|_| Refusal::BadUpdateSignature)
}

/// One of these must be among a ticket's permissions.
pub(super) fn required(kind: MessageType) -> Permissions {
    match kind {
        MessageType::Telemetry => Permissions::TELEMETRY,
        MessageType::Hazard => Permissions::HAZARD_SELF | Permissions::HAZARD_ROAD,
    }
}

/// The longest validity that a hazard can have.
const HAZARD_AGE_MAX: Duration = Duration::from_secs(86_400);
/// However wrong this station's clock is, nothing older gets in by that.
const ALLOWANCE_MAX: Duration = Duration::from_secs(10);
/// Proofs that wait to be taken; more are counted as refusals only.
const EQUIVOCATIONS_MAX: usize = 64;
