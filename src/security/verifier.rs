use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    admitted::AdmittedTicket,
    budget::{Budget, Spent},
    cache::TicketCache,
    config::Config,
    domain::TrustDomain,
    envelope::{Envelope, EnvelopeSigner},
    refusal::Refusal,
    ticket::{Permissions, Ticket},
    verified::{Equivocation, Verified, VerifiedMessage},
    window::{Mark, Memory, Use},
};
use crate::{
    crypto::{Context, Signature, VerifyingKey},
    id::StationId,
    message::{HazardStatement, Message, MessageType, Termination},
    time::Now,
};

/// Turns envelopes into verified messages, or says why not.
///
/// Cheap checks come first: length, type, time, sequence, ticket, budget, and then the signature;
/// the payload is decoded last. After each `handle_*`, drain [`Self::poll_equivocation`].
#[derive(Debug)]
pub struct Verifier {
    config: Config,
    domain: Arc<TrustDomain>,
    cache: TicketCache,
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
            memory: Memory::new(config.remembered_bytes.get()),
            domain,
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

    /// Takes in how wrong this station's clock may be; `None` is not noticeably.
    ///
    /// While it is in doubt, messages may be as much older or newer, up to 10 s, and are marked.
    pub fn handle_clock_doubt(&mut self, doubt: Option<Duration>) {
        self.clock_doubt = doubt;
    }

    /// Takes in a ticket that came by itself, in a hello or on a control stream.
    ///
    /// One of another slot is taken in too; whether its holder may speak now is for
    /// [`AdmittedTicket::is_valid_at`].
    pub fn handle_ticket(
        &mut self,
        ticket: &Ticket,
        now: Now,
    ) -> Result<Arc<AdmittedTicket>, Refusal> {
        if let Some(known) = self.cache.get_mut(ticket.station(), now)
            && known.ticket.ticket() == ticket
        {
            return Ok(Arc::clone(&known.ticket));
        }
        self.admit(ticket, MessageType::Telemetry, now)
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
            _ => self.admit(ticket, kind, now).map(drop),
        }
    }

    fn admit(
        &mut self,
        ticket: &Ticket,
        kind: MessageType,
        now: Now,
    ) -> Result<Arc<AdmittedTicket>, Refusal> {
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
        let admitted = self.domain.admit(ticket)?;
        let known = self.cache.insert(admitted, now)?;
        Ok(Arc::clone(&known.ticket))
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
        let ticket = Arc::clone(&known.ticket);
        let lane = known.lane_mut(envelope.kind());
        let earlier = match (lane.window.look_up(sequence), envelope.kind()) {
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
        if !lane.spent.affords(budget, now.instant) {
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
        lane.spent.take(budget, now.instant);
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
        }
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
