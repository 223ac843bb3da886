use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use thiserror::Error;

use super::{
    domain::TrustDomain,
    envelope::{Envelope, Header},
    reservation::Reservation,
    sequences::Sequences,
    slot::Slot,
    ticket::{Class, Ticket},
    verifier::required,
    wallet::{Credential, Wallet},
};
use crate::{
    crypto::{Context, Purpose, SigningKey},
    id::{ActionId, StationId},
    message::{Hazard, HazardStatement, Message, MessageType, UpdateKey},
    time::{Instant, Now, Timestamp},
};

/// When a signer sends its full ticket.
#[derive(Clone, Debug, Default, serde::Deserialize, Eq, PartialEq, serde::Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignerConfig {
    /// Telemetry carries the full ticket again after this long; absent, only after a change of
    /// ticket. For paths on which strangers listen and cannot ask.
    #[serde(with = "humantime_serde")]
    pub full_ticket_interval: Option<Duration>,
}

/// Signs one station's messages, each with a sequence that was never used before.
///
/// It uses no sequence that a [`Reservation`] does not cover which the edge has written down: after
/// [`Self::new`], each [`Self::sign`] and each [`Self::handle_timeout`], take
/// [`Self::poll_reservation`] until it gives `None`, write each down durably, and only then pass it
/// to [`Self::handle_reserved`].
pub struct Signer {
    config: SignerConfig,
    wallet: Wallet,
    sequences: BTreeMap<StationId, Sequences>,
    /// Where the tickets go on that are not in `sequences`, each with since when they are not: one that
    /// left the wallet may come back.
    journal: BTreeMap<StationId, (Reservation, Instant)>,
    wanted: VecDeque<Reservation>,
    /// Who signed last.
    signed_as: Option<StationId>,
    /// Whose full ticket went out last with telemetry, and when.
    full_ticket: Option<(StationId, Instant)>,
    clock_doubt: Option<Duration>,
    revocation: Option<OwnRevocation>,
    /// Whose ticket stays in use while there is an emergency.
    held: Option<Slot>,
}

/// The entry of the revocation list that names this station's tickets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OwnRevocation {
    /// The entry's number.
    pub number: u64,
    /// The last slot that it is for.
    pub until: Slot,
}

impl SignError {
    /// Its name in metrics and reports.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoTicket => "no_ticket",
            Self::Revoked(_) => "revoked",
            Self::ReservationPending => "reservation_pending",
            Self::ClockDoubted(_) => "clock_doubted",
            Self::NotPermitted => "not_permitted",
            Self::TooLong(_) => "too_long",
            Self::SequencesExhausted => "sequences_exhausted",
            Self::NotOurs(_) => "not_ours",
        }
    }
}

/// A signed message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    /// The station as which it was signed.
    pub station: StationId,
    /// The envelope.
    pub bytes: Bytes,
    /// Its place among the station's messages of its kind.
    pub sequence: u32,
    /// Whether it is the first one signed with this ticket.
    pub ticket_changed: bool,
}

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum SignError {
    /// No ticket counts now and at the message's generation. Load more.
    #[error("no ticket for this time")]
    NoTicket,
    /// The ticket is on the revocation list.
    #[error("ticket is revoked by entry {} of the list", .0.number)]
    Revoked(OwnRevocation),
    /// The sequences are not written down yet. Try again after
    /// [`Signer::handle_reserved`].
    #[error("sequences are not yet reserved")]
    ReservationPending,
    /// This station's clock may be wrong by so much.
    #[error("clock may be wrong by {0:?}")]
    ClockDoubted(Duration),
    /// The ticket does not permit this kind of message.
    #[error("ticket does not permit this kind of message")]
    NotPermitted,
    /// The encoded statement is longer than its kind may be.
    #[error("payload of {0} bytes is too long")]
    TooLong(usize),
    /// All sequences of this ticket, or all its event numbers, are used up. Wait for the next slot.
    #[error("sequences of this ticket are used up")]
    SequencesExhausted,
    /// The event was reported by another station, or with a ticket that is no longer kept.
    #[error("event {0} is not ours")]
    NotOurs(ActionId),
}

impl Signer {
    /// A signer that goes on after `journal`: all reservations that were ever written down for the
    /// wallet's tickets, or the latest of each.
    pub fn new(config: SignerConfig, wallet: Wallet, journal: &[Reservation], now: Now) -> Self {
        let mut signer = Self {
            config,
            wallet,
            sequences: BTreeMap::new(),
            journal: BTreeMap::new(),
            wanted: VecDeque::new(),
            signed_as: None,
            full_ticket: None,
            clock_doubt: None,
            revocation: None,
            held: None,
        };
        for reservation in journal {
            signer
                .journal
                .entry(reservation.station)
                .and_modify(|(known, _)| *known = known.merged(reservation))
                .or_insert((*reservation, now.instant));
        }
        signer.handle_timeout(now);
        signer
    }

    /// Takes in how wrong this station's clock may be; nothing is signed until it is `None`.
    pub fn handle_clock_doubt(&mut self, doubt: Option<Duration>) {
        self.clock_doubt = doubt;
    }

    /// Takes in whether this vehicle is in an emergency, in which it must not seem to be another all
    /// of a sudden: then the ticket in use stays so until shortly before it ends.
    pub fn handle_emergency(&mut self, is_active: bool, now: Now) {
        let in_use = self.in_use(now);
        let slot = in_use.map(|credential| credential.ticket().slot());
        self.held = slot.filter(|_| is_active);
    }

    /// Takes in that the ticket in use is on the revocation list, and those up to `until` with it, or
    /// that it no longer is.
    pub fn handle_revocation(&mut self, revocation: Option<OwnRevocation>) {
        self.revocation = revocation;
    }

    /// What [`Self::handle_revocation`] took in last.
    pub fn revocation(&self) -> Option<OwnRevocation> {
        self.revocation
    }

    /// Drops the tickets whose issuer `domain` no longer lists as `former` did; a roadside unit's
    /// have none.
    pub fn handle_domain(&mut self, domain: &TrustDomain, former: &TrustDomain, now: Now) {
        self.wallet.retain(|ticket| {
            ticket.class() == Class::RoadsideUnit || domain.still_lists_issuer_of(ticket, former)
        });
        self.handle_timeout(now);
    }

    /// Wants sequences for the ticket in use and the one after it, and forgets what is over, unless
    /// the clock is doubted: a ticket would not come back with the right time.
    ///
    /// Call it at least at each [`Self::next_change`].
    pub fn handle_timeout(&mut self, now: Now) {
        let at = now.timestamp;
        if self.clock_doubt.is_none() {
            self.wallet.forget(at.saturating_sub(CREDENTIALS_KEPT));
        }
        self.set_aside(now.instant);
        let held = self.in_use(now).map(Credential::station);
        let current = self.wallet.credential_at(at).map(Credential::station);
        let next = self
            .wallet
            .next_change(at)
            .and_then(|change| self.wallet.credential_at(change))
            .map(Credential::station);
        for station in [held, current, next].into_iter().flatten() {
            self.want(station);
        }
    }

    /// Signs a message that was generated at `generated`, with the ticket of this moment.
    pub fn sign(
        &mut self,
        message: &Message,
        generated: Timestamp,
        now: Now,
    ) -> Result<Signed, SignError> {
        self.sign_payload(message.kind(), &message.encode(), generated, now)
    }

    /// Signs an update or the cancellation of an event of this station, also after a change of
    /// ticket; sets the update key.
    pub fn sign_update(
        &mut self,
        hazard: Hazard,
        generated: Timestamp,
        now: Now,
    ) -> Result<Signed, SignError> {
        let key = self.update_key(hazard.action)?;
        let signer = self.ready(now)?;
        let hazard = Hazard {
            update_key: Some(UpdateKey(*key.verifying_key().as_bytes())),
            ..hazard
        };
        let body = hazard.encode();
        let signature = key.sign(Context::HazardUpdate, &[signer.as_bytes(), &body]);
        let statement = HazardStatement {
            hazard,
            body,
            update_signature: Some(*signature.as_bytes()),
        };
        self.sign_payload(MessageType::Hazard, &statement.encode(), generated, now)
    }

    /// Gives a new event its name and the public half of its one-time key.
    ///
    /// The name's number is a sequence of hazards that is used up for it, so no other event of this
    /// ticket gets it, not even after a restart.
    pub fn new_hazard(&mut self, now: Now) -> Result<(ActionId, UpdateKey), SignError> {
        let station = self.ready(now)?;
        let sequence = self.take_sequence(station, MessageType::Hazard)?;
        let action = ActionId {
            station,
            sequence: u16::try_from(sequence).map_err(|_| SignError::SequencesExhausted)?,
        };
        let key = self.update_key(action)?;
        Ok((action, UpdateKey(*key.verifying_key().as_bytes())))
    }

    /// The next reservation to write down.
    pub fn poll_reservation(&mut self) -> Option<Reservation> {
        self.wanted.pop_front()
    }

    /// Takes in that a reservation from [`Self::poll_reservation`] is on disk.
    pub fn handle_reserved(&mut self, reservation: Reservation) {
        if let Some(sequences) = self.sequences.get_mut(&reservation.station) {
            sequences.confirm(reservation);
        }
    }

    /// Adds tickets for later.
    pub fn handle_credentials(&mut self, credentials: Vec<Credential>, now: Now) {
        for credential in credentials {
            self.wallet.insert(credential);
        }
        self.handle_timeout(now);
    }

    /// The credential in use; `None` if it is revoked.
    pub fn current(&self, now: Now) -> Option<&Credential> {
        self.in_use(now)
            .filter(|credential| self.revocation_of(credential).is_none())
    }

    /// The ticket of this moment, also if it is revoked.
    pub fn ticket_in_use(&self, now: Now) -> Option<&Ticket> {
        self.in_use(now).map(Credential::ticket)
    }

    /// When another ticket, or none, comes into use.
    pub fn next_change(&self, now: Now) -> Option<Timestamp> {
        match self.held_credential(now.timestamp) {
            Some(held) => Some(self.held_until(held)),
            None => self.wallet.next_change(now.timestamp),
        }
    }

    /// How many tickets count now or later.
    pub fn remaining(&self, now: Now) -> usize {
        self.wallet.remaining(now.timestamp)
    }

    /// When the last of them ends.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.wallet.valid_until()
    }

    /// Our ticket with this id, if it is still kept.
    pub fn ticket_of(&self, station: StationId) -> Option<&Ticket> {
        self.wallet.for_station(station).map(Credential::ticket)
    }

    /// Whether one of our tickets that are still kept signed this envelope.
    pub fn has_signed(&self, envelope: &Envelope) -> bool {
        let station = envelope.station();
        let Some(credential) = self.wallet.for_station(station) else {
            return false;
        };
        let (signed, signature) = envelope.signed_part();
        let key = credential.key().verifying_key();
        let parts = [station.as_bytes().as_slice(), signed];
        key.verify(Context::Message, &parts, &signature).is_ok()
    }

    /// Why a message of this kind could not be signed now, if so.
    pub fn check(&self, kind: MessageType, now: Now) -> Result<(), SignError> {
        let station = self.ready(now)?;
        self.sequences
            .get(&station)
            .ok_or(SignError::ReservationPending)?
            .check(kind)
    }

    fn sign_payload(
        &mut self,
        kind: MessageType,
        payload: &[u8],
        generated: Timestamp,
        now: Now,
    ) -> Result<Signed, SignError> {
        let station = self.ready(now)?;
        if payload.len() > kind.payload_len_max() {
            return Err(SignError::TooLong(payload.len()));
        }
        let credential = self.in_use(now).ok_or(SignError::NoTicket)?;
        if !self.wallet.counts(credential, generated) {
            return Err(SignError::NoTicket);
        }
        let permissions = credential.ticket().permissions();
        if !permissions.intersects(required(kind)) {
            return Err(SignError::NotPermitted);
        }
        let sequence = self.take_sequence(station, kind)?;
        let ticket_changed = self.signed_as.replace(station) != Some(station);
        let full_ticket = self.carries_ticket(station, kind, now.instant);
        let credential = self.in_use(now).ok_or(SignError::NoTicket)?;
        let header = Header {
            kind,
            ticket: credential.ticket(),
            full_ticket,
            generated,
            sequence,
        };
        Ok(Signed {
            station,
            bytes: header
                .seal(payload, credential.key())
                .ok_or(SignError::TooLong(payload.len()))?,
            sequence,
            ticket_changed,
        })
    }

    /// Hazards must be verifiable by strangers; telemetry's readers learn the ticket once.
    fn carries_ticket(&mut self, station: StationId, kind: MessageType, now: Instant) -> bool {
        if kind == MessageType::Hazard {
            return true;
        }
        let due = match self.full_ticket {
            Some((known, sent)) if known == station => self
                .config
                .full_ticket_interval
                .is_some_and(|interval| now.since(sent) >= interval),
            _ => true,
        };
        if due {
            self.full_ticket = Some((station, now));
        }
        due
    }

    /// The station as which this one would sign now.
    fn ready(&self, now: Now) -> Result<StationId, SignError> {
        if let Some(doubt) = self.clock_doubt {
            return Err(SignError::ClockDoubted(doubt));
        }
        let credential = self.in_use(now).ok_or(SignError::NoTicket)?;
        match self.revocation_of(credential) {
            Some(revocation) => Err(SignError::Revoked(revocation)),
            None => Ok(credential.station()),
        }
    }

    fn in_use(&self, now: Now) -> Option<&Credential> {
        self.held_credential(now.timestamp)
            .or_else(|| self.wallet.credential_at(now.timestamp))
    }

    fn held_credential(&self, at: Timestamp) -> Option<&Credential> {
        let held = self.wallet.for_slot(self.held?)?;
        (self.wallet.counts(held, at) && at < self.held_until(held)).then_some(held)
    }

    /// Connections end with their ticket, so the next one is taken while there is time to make others.
    fn held_until(&self, held: &Credential) -> Timestamp {
        let slots = self.wallet.slots();
        slots
            .valid_until(held.ticket().slot())
            .saturating_sub(slots.length() / 20)
    }

    fn revocation_of(&self, credential: &Credential) -> Option<OwnRevocation> {
        self.revocation
            .filter(|revocation| credential.ticket().slot() <= revocation.until)
    }

    fn take_sequence(&mut self, station: StationId, kind: MessageType) -> Result<u32, SignError> {
        self.want(station);
        let sequences = self
            .sequences
            .get_mut(&station)
            .ok_or(SignError::ReservationPending)?;
        let taken = sequences.take(kind);
        self.want(station);
        taken
    }

    /// Keeps of the tickets that left the wallet only where they would go on.
    fn set_aside(&mut self, now: Instant) {
        let wallet = &self.wallet;
        let journal = &mut self.journal;
        let mut has_gone = false;
        self.sequences.retain(|station, sequences| {
            let is_held = wallet.for_station(*station).is_some();
            if !is_held {
                has_gone = true;
                journal.insert(*station, (sequences.wanted(), now));
            }
            is_held
        });
        if !has_gone {
            return;
        }
        self.journal.retain(|station, (_, since)| {
            now.since(*since) < JOURNAL_KEPT || wallet.for_station(*station).is_some()
        });
    }

    /// Raises a reservation for a station if it has used up half of its last one.
    fn want(&mut self, station: StationId) {
        let journal = self.journal.get(&station).map(|(known, _)| known);
        let sequences = self
            .sequences
            .entry(station)
            .or_insert_with(|| Sequences::after(journal, station));
        self.wanted.extend(sequences.want());
    }

    /// The one-time key of an event of this station.
    fn update_key(&self, action: ActionId) -> Result<SigningKey, SignError> {
        let credential = self
            .wallet
            .for_station(action.station)
            .ok_or(SignError::NotOurs(action))?;
        Ok(credential.key().derive(
            Purpose::HazardUpdateKey,
            &[action.station.as_bytes(), &action.sequence.to_be_bytes()],
        ))
    }
}

/// How long a ticket's key is kept after its slot, to update its events: as long as one may last.
const CREDENTIALS_KEPT: Duration = Duration::from_secs(86_400);
/// How long it is known where a ticket goes on that left the wallet: far longer than tickets last.
const JOURNAL_KEPT: Duration = Duration::from_secs(30 * 86_400);
