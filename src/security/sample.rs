//! Stations of a small trust domain, for the tests of this and later modules.

use std::{sync::Arc, time::Duration};

use super::{
    Class, Config, Credential, Issuer, IssuerKey, Operators, Permissions, Reservation,
    RevokedSeries, Signer, SignerConfig, Slot, SlotClock, TicketOrder, TrustDomain,
    UnitCertificate, UnitOrder, UnitTicket, Verified, VerifiedMessage, Verifier, Wallet,
    unit_credentials,
};
use crate::{
    crypto::{Digest, Purpose, SigningKey},
    geo::Position,
    id::{ChainId, DomainId},
    message::{
        Cause, Hazard, HazardStatement, InformationQuality, Message, RelevanceRadius, Telemetry,
        Validity,
    },
    time::{Instant, Now, Timestamp},
    units::{Heading, Speed},
};

/// A trust domain with the key to issue its tickets.
pub(crate) struct Authority {
    pub(crate) domain: Arc<TrustDomain>,
    pub(crate) issuer: Issuer,
}

impl Authority {
    /// Domain 7 with slots of five minutes.
    pub(crate) fn new() -> Self {
        Self::of(7, 300)
    }

    /// Every domain has its own issuer key, under id 1.
    pub(crate) fn of(domain: u16, slot_length_s: u32) -> Self {
        let key = key(&[b"issuer", &domain.to_be_bytes()]);
        let issuer = IssuerKey {
            id: 1,
            key: key.verifying_key(),
            from: Timestamp::EPOCH,
            until: start()
                .timestamp
                .saturating_add(Duration::from_secs(1 << 30)),
        };
        let slots = SlotClock::from_length_s(slot_length_s).unwrap();
        let domain = TrustDomain::new(DomainId(domain), slots, vec![issuer], true).unwrap();
        Self {
            issuer: Issuer::new(key, 1, &domain),
            domain: Arc::new(domain),
        }
    }

    /// The ticket of a vehicle for a slot; the same each time.
    pub(crate) fn credential(&self, vehicle: u8, slot: Slot) -> Credential {
        let permissions =
            Permissions::TELEMETRY | Permissions::HAZARD_SELF | Permissions::HAZARD_ROAD;
        self.credential_with(vehicle, slot, permissions)
    }

    /// The same with other permissions.
    pub(crate) fn credential_with(
        &self,
        vehicle: u8,
        slot: Slot,
        permissions: Permissions,
    ) -> Credential {
        let key = key(&[b"vehicle", &[vehicle], &slot.number().to_be_bytes()]);
        let ticket = self.issuer.issue(&TicketOrder {
            class: Class::Car,
            permissions,
            slot,
            linkage: [vehicle; 12],
            key: key.verifying_key(),
        });
        Credential::new(ticket, key).unwrap()
    }

    /// The ticket of a vehicle whose linkage values follow from `chains`, also outside of their slots.
    pub(crate) fn revocable_credential(
        &self,
        vehicle: u8,
        chains: &RevokedSeries,
        slot: Slot,
    ) -> Credential {
        let endless = RevokedSeries {
            slot_until: Slot::from_number(u32::MAX),
            ..*chains
        };
        let key = key(&[b"vehicle", &[vehicle], &slot.number().to_be_bytes()]);
        let ticket = self.issuer.issue(&TicketOrder {
            class: Class::Car,
            permissions: Permissions::TELEMETRY
                | Permissions::HAZARD_SELF
                | Permissions::HAZARD_ROAD,
            slot,
            linkage: endless.linkage_at(slot).unwrap_or([vehicle; 12]),
            key: key.verifying_key(),
        });
        Credential::new(ticket, key).unwrap()
    }

    /// Such a vehicle, that can sign in the slot at `now`.
    pub(crate) fn revocable_signer(&self, vehicle: u8, chains: RevokedSeries, now: Now) -> Signer {
        let slots = self.domain.slots();
        let slot = slots.slot_at(now.timestamp);
        let held = vec![self.revocable_credential(vehicle, &chains, slot)];
        let wallet = Wallet::new(slots, held);
        let mut signer = Signer::new(SignerConfig::default(), wallet, &[], now);
        reserve(&mut signer);
        signer
    }

    /// The tickets of a vehicle for the slot at `now`, two before and three after.
    pub(crate) fn wallet(&self, vehicle: u8, now: Now) -> Wallet {
        let slots = self.domain.slots();
        let current = slots.slot_at(now.timestamp).number();
        let credentials = (current.saturating_sub(2)..=current + 3)
            .map(|slot| self.credential(vehicle, Slot::from_number(slot)))
            .collect();
        Wallet::new(slots, credentials)
    }

    /// A vehicle that can sign at once.
    pub(crate) fn signer(&self, vehicle: u8, now: Now) -> Signer {
        let wallet = self.wallet(vehicle, now);
        let mut signer = Signer::new(SignerConfig::default(), wallet, &[], now);
        reserve(&mut signer);
        signer
    }

    /// A receiver that knows nobody.
    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(Config::default(), Arc::clone(&self.domain))
    }

    /// What a receiver has verified of a vehicle.
    pub(crate) fn verified_telemetry(
        &self,
        vehicle: u8,
        telemetry: Telemetry,
        now: Now,
    ) -> Verified<Telemetry> {
        let message = Message::Telemetry(telemetry);
        let signed = self.signer(vehicle, now).sign(&message, now.timestamp, now);
        match self.verifier().handle_envelope(signed.unwrap().bytes, now) {
            Ok(VerifiedMessage::Telemetry(verified)) => verified,
            other => panic!("{other:?}"),
        }
    }

    /// What a receiver has verified of a vehicle's hazard; `change` sets what is not as in
    /// [`breakdown`]. The event is named by the vehicle's next event number.
    pub(crate) fn verified_hazard(
        &self,
        signer: &mut Signer,
        change: impl FnOnce(&mut Hazard),
        now: Now,
    ) -> Verified<HazardStatement> {
        let mut hazard = breakdown(signer, now);
        change(&mut hazard);
        let signed = if hazard.update == 0 {
            let message = Message::Hazard(HazardStatement::unsigned(hazard));
            signer.sign(&message, now.timestamp, now)
        } else {
            signer.sign_update(hazard, now.timestamp, now)
        };
        match self.verifier().handle_envelope(signed.unwrap().bytes, now) {
            Ok(VerifiedMessage::Hazard(verified)) => verified,
            other => panic!("{other:?}"),
        }
    }
}

/// An operator's roadside unit, whose certificate counts for a day around [`start`].
pub(crate) struct SampleUnit {
    pub(crate) operators: Operators,
    pub(crate) certificate: UnitCertificate,
    pub(crate) key: SigningKey,
}

impl SampleUnit {
    pub(crate) fn new() -> Self {
        let half_a_day = Duration::from_secs(43_200);
        let from = start().timestamp.saturating_sub(half_a_day);
        Self::certified(from, start().timestamp.saturating_add(half_a_day))
    }

    /// One whose certificate counts from here to there.
    pub(crate) fn certified(valid_from: Timestamp, valid_until: Timestamp) -> Self {
        Self::certified_as(0, valid_from, valid_until)
    }

    /// One of several.
    pub(crate) fn certified_as(number: u8, valid_from: Timestamp, valid_until: Timestamp) -> Self {
        let operators = [b"first".as_slice(), b"second"].map(|name| key(&[b"operator", name]));
        let unit = key(&[b"roadside unit", &[number]]);
        let order = UnitOrder {
            chain: ChainId::from_bytes([7; 32]),
            key: unit.verifying_key(),
            valid_from,
            valid_until,
        };
        Self {
            operators: Operators {
                chain: order.chain,
                keys: operators.iter().map(SigningKey::verifying_key).collect(),
            },
            certificate: UnitCertificate::issue(&operators[1], &order),
            key: unit,
        }
    }

    /// Its credential for a slot.
    pub(crate) fn credential(&self, domain: &TrustDomain, slot: Slot) -> Credential {
        unit_credentials(&self.key, domain, slot..=slot).remove(0)
    }

    /// What it shows of that.
    pub(crate) fn ticket(&self, domain: &TrustDomain, slot: Slot) -> UnitTicket {
        UnitTicket {
            certificate: self.certificate.clone(),
            ticket: self.credential(domain, slot).ticket().clone(),
        }
    }

    /// Its wallet for the slot at `now` and the three after it.
    pub(crate) fn wallet(&self, domain: &TrustDomain, now: Now) -> Wallet {
        let first = domain.slots().slot_at(now.timestamp);
        let last = Slot::from_number(first.number() + 3);
        let credentials = unit_credentials(&self.key, domain, first..=last);
        Wallet::new(domain.slots(), credentials)
    }
}

/// A key that follows from its name.
pub(crate) fn key(name: &[&[u8]]) -> SigningKey {
    SigningKey::from_seed(Digest::of(Purpose::SimulationSeed, name).as_bytes())
}

/// A moment in the middle of a slot of 300 s.
pub(crate) fn start() -> Now {
    Now {
        instant: Instant::from_origin(Duration::from_secs(1_000)),
        timestamp: Timestamp::from_unix_ms(1_800_000_100_000).unwrap(),
    }
}

/// Writes down whatever a signer wants.
pub(crate) fn reserve(signer: &mut Signer) -> Vec<Reservation> {
    let mut written = Vec::new();
    while let Some(reservation) = signer.poll_reservation() {
        written.push(reservation);
        signer.handle_reserved(reservation);
    }
    written
}

/// A car at 15 m/s in Bologna.
pub(crate) fn cruising() -> Telemetry {
    Telemetry {
        speed: Speed::from_m_per_s(15.0),
        heading: Heading::from_deg(90.0),
        ..Telemetry::at(Position::from_deg(44.49, 11.32).unwrap())
    }
}

/// The first report of a new event of this vehicle.
pub(crate) fn breakdown(signer: &mut Signer, now: Now) -> Hazard {
    let (action, update_key) = signer.new_hazard(now).unwrap();
    Hazard {
        action,
        update: 0,
        cause: Cause::STATIONARY_VEHICLE_BREAKDOWN,
        detected: now.timestamp,
        position: cruising().position,
        altitude: None,
        heading: None,
        speed: None,
        relevance_radius: RelevanceRadius::from_m(1_000).unwrap(),
        relevance_direction: None,
        validity: Validity::from_ms(30_000).unwrap(),
        termination: None,
        quality: InformationQuality::default(),
        update_key: Some(update_key),
    }
}
