use std::sync::Arc;

use super::Seed;
use crate::{
    id::{ChainId, DomainId},
    message::{StationType, Telemetry},
    security::{
        Class, Credential, Issuer, IssuerKey, LinkageAuthority, LinkageSeed, Operators,
        Permissions, RevokedSeries, Slot, SlotClock, TicketOrder, TrustDomain, UnitCertificate,
        UnitOrder, Wallet, unit_credentials,
    },
    time::Timestamp,
};

/// A development trust domain for a simulated world, with tickets for everybody in it.
///
/// All keys follow from the seed, so that two runs sign the same bytes, and whoever knows the seed
/// can sign for everybody: never for a real road.
pub struct Cast {
    seed: Seed,
    domain: Arc<TrustDomain>,
    issuer: Issuer,
    first: Slot,
    last: Slot,
}

impl Cast {
    /// A domain whose tickets cover `start` to `end`.
    pub fn new(seed: Seed, slots: SlotClock, start: Timestamp, end: Timestamp) -> Self {
        let key = seed.signing_key("issuer");
        // A ticket's slot may begin before the world does and end after it.
        let margin = slots.length() * 2;
        let domain = TrustDomain::new(
            DOMAIN,
            slots,
            vec![IssuerKey {
                id: ISSUER_KEY,
                key: key.verifying_key(),
                from: start.saturating_sub(margin),
                until: end.saturating_add(margin),
            }],
            true,
        )
        .expect("one issuer whose time does not end before it begins");
        Self {
            seed,
            issuer: Issuer::new(key, ISSUER_KEY, &domain),
            domain: Arc::new(domain),
            first: slots.slot_at(start),
            last: slots.slot_at(end),
        }
    }

    /// The trust domain.
    pub fn domain(&self) -> Arc<TrustDomain> {
        self.domain.clone()
    }

    /// Tickets of one vehicle for the whole time; the same for the same name.
    pub fn wallet(&self, name: &str, class: Class) -> Wallet {
        let mut credentials = Vec::new();
        let mut slot = Some(self.first);
        let mut seeds = self.linkage_seeds(name);
        while let Some(current) = slot.filter(|slot| *slot <= self.last) {
            credentials.push(self.credential(name, class, current, &seeds));
            seeds = next_seeds(&seeds);
            slot = current.next();
        }
        Wallet::new(self.domain.slots(), credentials)
    }

    /// Who certifies roadside units in this world.
    pub fn operators(&self) -> Operators {
        Operators {
            chain: ChainId::from_bytes(self.seed.bytes("ledger")),
            keys: vec![self.seed.signing_key("operator").verifying_key()],
        }
    }

    /// A roadside unit's certificate, and its tickets for the whole time; the same for the same name.
    pub fn unit(&self, name: &str) -> (UnitCertificate, Wallet) {
        let slots = self.domain.slots();
        let key = self.seed.signing_key(&format!("door of {name}"));
        let order = UnitOrder {
            chain: self.operators().chain,
            key: key.verifying_key(),
            valid_from: slots.valid_from(self.first),
            valid_until: slots.valid_until(self.last),
        };
        let certificate = UnitCertificate::issue(&self.seed.signing_key("operator"), &order);
        let credentials = unit_credentials(&key, &self.domain, self.first..=self.last);
        (certificate, Wallet::new(slots, credentials))
    }

    /// What revokes the tickets of one vehicle, from a slot on.
    pub fn revocation(&self, name: &str, from: Slot, until: Slot) -> RevokedSeries {
        let mut seeds = self.linkage_seeds(name);
        for _ in self.first.number()..from.number() {
            seeds = next_seeds(&seeds);
        }
        RevokedSeries {
            slot_from: from,
            slot_until: until,
            seeds: seeds.map(|seed| *seed.to_bytes()),
        }
    }

    /// Of the first slot, of both authorities.
    fn linkage_seeds(&self, name: &str) -> [LinkageSeed; 2] {
        LinkageAuthority::BOTH.map(|authority| {
            let secret = self.seed.bytes(&format!("linkage of {authority:?}"));
            LinkageSeed::derive(authority, &secret, name.as_bytes())
        })
    }

    fn credential(
        &self,
        name: &str,
        class: Class,
        slot: Slot,
        [first, second]: &[LinkageSeed; 2],
    ) -> Credential {
        let label = format!("ticket {} of {name}", slot.number());
        let key = self.seed.signing_key(&label);
        let share = first.share(LinkageAuthority::First, slot);
        let linkage = share.join(&second.share(LinkageAuthority::Second, slot));
        let ticket = self.issuer.issue(&TicketOrder {
            class,
            permissions: Permissions::TELEMETRY
                | Permissions::HAZARD_SELF
                | Permissions::HAZARD_ROAD,
            slot,
            linkage,
            key: key.verifying_key(),
        });
        Credential::new(ticket, key).expect("the ticket was issued for this key")
    }
}

fn next_seeds([first, second]: &[LinkageSeed; 2]) -> [LinkageSeed; 2] {
    [
        first.next(LinkageAuthority::First),
        second.next(LinkageAuthority::Second),
    ]
}

/// The coarse class for a ticket of a vehicle that says this of itself.
pub fn class_of(telemetry: &Telemetry) -> Class {
    match telemetry.station_type {
        Some(StationType::LIGHT_TRUCK | StationType::HEAVY_TRUCK | StationType::TRAILER) => {
            Class::Truck
        }
        Some(StationType::BUS | StationType::TRAM) => Class::Bus,
        Some(StationType::CYCLIST | StationType::MOPED | StationType::MOTORCYCLE) => {
            Class::TwoWheeler
        }
        Some(StationType::SPECIAL_VEHICLE) => Class::Special,
        Some(StationType(_)) | None => Class::Car,
    }
}

const DOMAIN: DomainId = DomainId(0xdeb0);
const ISSUER_KEY: u16 = 1;
