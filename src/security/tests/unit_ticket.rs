use std::{sync::Arc, time::Duration};

use crate::{
    crypto::{Context, SigningKey},
    id::{ChainId, DomainId},
    message::{HazardStatement, Message},
    security::{
        AdmittedTicket, Class, Issuer, Operators, Permissions, Refusal, Signer, SignerConfig, Slot,
        TicketOrder, UNIT_TICKET_LEN, UnitCertificateError, UnitTicket, VerifiedMessage, Verifier,
        issuer::TicketBody,
        sample::{Authority, SampleUnit, breakdown, key, reserve, start},
    },
};

/// A receiver that knows the operators, and one of their units.
struct Scene {
    authority: Authority,
    unit: SampleUnit,
    verifier: Verifier,
}

impl Scene {
    fn new() -> Self {
        Self::with(SampleUnit::new())
    }

    fn with(unit: SampleUnit) -> Self {
        let authority = Authority::new();
        let mut verifier = authority.verifier();
        assert!(verifier.handle_operators(unit.operators.clone()).is_empty());
        Self {
            authority,
            unit,
            verifier,
        }
    }

    fn slot(&self) -> Slot {
        self.authority.domain.slots().slot_at(start().timestamp)
    }

    fn ticket(&self) -> UnitTicket {
        self.unit.ticket(&self.authority.domain, self.slot())
    }

    fn admit(&mut self, ticket: &UnitTicket) -> Result<Arc<AdmittedTicket>, Refusal> {
        self.verifier.handle_unit_ticket(ticket, start())
    }

    /// The unit's ticket with something else in it, signed by `by`.
    fn forged(&self, by: &SigningKey, change: impl FnOnce(&mut TicketOrder)) -> UnitTicket {
        let honest = self.ticket();
        let mut order = TicketOrder {
            class: Class::RoadsideUnit,
            permissions: honest.ticket.permissions(),
            slot: honest.ticket.slot(),
            linkage: honest.ticket.linkage(),
            key: key(&[b"forged"]).verifying_key(),
        };
        change(&mut order);
        let body = TicketBody::new(&order, 0, self.authority.domain.id());
        let signature = by.sign(Context::UnitTicket, &[body.as_bytes()]);
        UnitTicket {
            ticket: body.signed(&signature),
            ..honest
        }
    }
}

#[test]
fn a_unit_of_a_known_operator_is_believed() {
    let mut scene = Scene::new();
    let ticket = scene.ticket();
    let admitted = scene.admit(&ticket).unwrap();
    assert!(admitted.is_unit());
    assert_eq!(admitted.unit(), Some(&scene.unit.certificate));
    assert!(admitted.is_valid_at(start().timestamp));
    assert_eq!(admitted.to_bytes().as_ref(), ticket.to_bytes());
    let permissions = ticket.ticket.permissions();
    assert!(permissions.contains(Permissions::HAZARD_ROAD | Permissions::ROADWORKS));
    assert!(!permissions.intersects(Permissions::TELEMETRY));
    // Again, and by its 120 bytes alone, now that it is known.
    assert_eq!(scene.admit(&ticket).unwrap(), admitted);
    let plain = scene.verifier.handle_ticket(&ticket.ticket, start());
    assert_eq!(plain.unwrap(), admitted);
}

#[test]
fn a_units_ticket_has_this_layout_and_the_same_key_each_time() {
    let scene = Scene::new();
    let bytes = scene.ticket().to_bytes();
    assert_eq!(bytes.len(), 297);
    assert_eq!(bytes[..177], *scene.unit.certificate.as_bytes());
    let ticket = scene.ticket().ticket;
    assert_eq!(bytes[177..], *ticket.as_bytes());
    assert_eq!(ticket.issuer_key_id(), 0);
    assert_eq!(ticket.linkage(), ticket.key_bytes()[..12]);
    assert_eq!(UnitTicket::from_bytes(&bytes), Ok(scene.ticket()));
}

#[test]
fn every_changed_bit_of_a_units_ticket_is_refused() {
    let mut scene = Scene::new();
    let bytes = scene.ticket().to_bytes();
    for bit in 0..UNIT_TICKET_LEN * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        // The budget is for new tickets in one moment; this is a second for each.
        let now = start().after(Duration::from_millis(bit as u64));
        let refused = scene.verifier.handle_ticket_bytes(&flipped, now);
        assert!(refused.is_err(), "bit {bit}");
    }
}

#[test]
fn a_ticket_authority_makes_no_unit() {
    let mut scene = Scene::new();
    let unit_key = key(&[b"pretender"]);
    let order = TicketOrder {
        class: Class::RoadsideUnit,
        permissions: Permissions::HAZARD_ROAD,
        slot: scene.slot(),
        linkage: [1; 12],
        key: unit_key.verifying_key(),
    };
    let issued: &Issuer = &scene.authority.issuer;
    let ticket = issued.issue(&order);
    assert_eq!(
        scene.verifier.handle_ticket(&ticket, start()),
        Err(Refusal::NotAUnit)
    );
    // Nor with somebody else's certificate beside it.
    let beside = UnitTicket {
        ticket,
        ..scene.ticket()
    };
    assert_eq!(scene.admit(&beside), Err(Refusal::BadTicketSignature));
}

#[test]
fn each_forged_unit_has_its_refusal() {
    let mut scene = Scene::new();
    let own = SigningKey::from_seed(&scene.unit.key.to_seed());
    let car = scene.forged(&own, |order| order.class = Class::Car);
    assert_eq!(scene.admit(&car), Err(Refusal::NotAUnit));
    let ghost = scene.forged(&own, |order| order.permissions = Permissions::TELEMETRY);
    assert_eq!(scene.admit(&ghost), Err(Refusal::NotPermitted));
    let stranger = scene.forged(&key(&[b"stranger"]), |_| {});
    assert_eq!(scene.admit(&stranger), Err(Refusal::BadTicketSignature));
    let later = scene.forged(&own, |order| {
        order.slot = Slot::from_number(order.slot.number() + 200);
    });
    let refused = scene.admit(&later);
    assert_eq!(refused, Err(UnitCertificateError::OutOfTime.into()));

    let ticket = scene.ticket();
    let mut elsewhere = Authority::of(8, 300).verifier();
    elsewhere.handle_operators(scene.unit.operators.clone());
    assert_eq!(
        elsewhere.handle_unit_ticket(&ticket, start()),
        Err(Refusal::ForeignDomain(DomainId(7)))
    );
    for (operators, error) in [
        (Operators::default(), UnitCertificateError::WrongChain),
        (
            Operators {
                keys: vec![key(&[b"stranger"]).verifying_key()],
                ..scene.unit.operators.clone()
            },
            UnitCertificateError::UnknownOperator,
        ),
        (
            Operators {
                chain: ChainId::from_bytes([9; 32]),
                ..scene.unit.operators.clone()
            },
            UnitCertificateError::WrongChain,
        ),
    ] {
        let mut verifier = scene.authority.verifier();
        verifier.handle_operators(operators);
        let refused = verifier.handle_unit_ticket(&ticket, start());
        assert_eq!(refused, Err(error.into()));
    }
}

#[test]
fn a_unit_counts_as_long_as_its_certificate() {
    let hour = Duration::from_secs(3_600);
    let now = start().timestamp;
    let expired = SampleUnit::certified(now.saturating_sub(hour * 2), now.saturating_sub(hour));
    let mut scene = Scene::with(expired);
    let ticket = scene.ticket();
    let refused = scene.admit(&ticket);
    assert_eq!(refused, Err(UnitCertificateError::OutOfTime.into()));
    // The slot lasts for 200 s more, the certificate for 10 s and five minutes of doubt less.
    let ending = SampleUnit::certified(
        now.saturating_sub(hour),
        now.saturating_sub(Duration::from_secs(290)),
    );
    let mut scene = Scene::with(ending);
    let ticket = scene.ticket();
    let admitted = scene.admit(&ticket).unwrap();
    let after = |seconds| now.saturating_add(Duration::from_secs(seconds));
    assert!(admitted.is_valid_at(after(10)));
    assert!(!admitted.is_valid_at(after(11)));
}

#[test]
fn another_committee_ends_the_units_of_those_who_left() {
    let mut scene = Scene::new();
    let ticket = scene.ticket();
    let station = scene.admit(&ticket).unwrap().station();
    let car = scene.authority.credential(1, scene.slot());
    scene.verifier.handle_ticket(car.ticket(), start()).unwrap();
    // Other issuers change nothing for a unit.
    let domain = Arc::clone(&scene.authority.domain);
    assert_eq!(scene.verifier.handle_domain(domain), Ok(vec![]));
    let mut operators = scene.unit.operators.clone();
    operators.keys.truncate(1);
    assert_eq!(scene.verifier.handle_operators(operators), [station]);
    assert!(!scene.verifier.knows(station));
    assert!(scene.verifier.knows(car.station()));
}

#[test]
fn a_units_hazard_waits_for_its_certificate() {
    let mut scene = Scene::new();
    let wallet = scene.unit.wallet(&scene.authority.domain, start());
    let mut signer = Signer::new(SignerConfig::default(), wallet, &[], start());
    reserve(&mut signer);
    let hazard = breakdown(&mut signer, start());
    let message = Message::Hazard(HazardStatement::unsigned(hazard));
    let signed = signer.sign(&message, start().timestamp, start()).unwrap();
    let ticket = scene.ticket();
    assert_eq!(signed.station, ticket.ticket.station());
    let verify = |verifier: &mut Verifier| verifier.handle_envelope(signed.bytes.clone(), start());
    assert_eq!(
        verify(&mut scene.verifier),
        Err(Refusal::UnknownTicket(signed.station))
    );
    scene.admit(&ticket).unwrap();
    let Ok(VerifiedMessage::Hazard(verified)) = verify(&mut scene.verifier) else {
        panic!("a hazard");
    };
    assert!(verified.ticket().is_unit());
}

#[test]
fn a_unit_that_is_certified_anew_shows_the_new_certificate() {
    let mut scene = Scene::new();
    let ticket = scene.ticket();
    scene.admit(&ticket).unwrap();
    let year = Duration::from_secs(365 * 86_400);
    let now = start().timestamp;
    let renewed = SampleUnit::certified(now, now.saturating_add(year));
    let shown = renewed.ticket(&scene.authority.domain, scene.slot());
    assert_eq!(shown.ticket, ticket.ticket);
    let admitted = scene.admit(&shown).unwrap();
    assert_eq!(admitted.unit(), Some(&renewed.certificate));
    assert_eq!(scene.admit(&shown).unwrap(), admitted);
}

#[test]
fn a_unit_has_one_ticket_for_each_slot() {
    let mut scene = Scene::new();
    let own = SigningKey::from_seed(&scene.unit.key.to_seed());
    let honest = scene.ticket();
    let station = scene.admit(&honest).unwrap().station();
    // As many as it likes cost it nothing to make; each would have a budget of its own.
    for number in 0..5_u8 {
        let another = scene.forged(&own, |order| {
            order.key = key(&[b"another", &[number]]).verifying_key();
        });
        let refused = scene.admit(&another);
        assert_eq!(refused, Err(Refusal::SecondUnitTicket(station)));
        assert!(!scene.verifier.knows(another.ticket.station()));
    }
    // Nor under a certificate that is renewed: it is the same unit.
    let year = Duration::from_secs(365 * 86_400);
    let now = start().timestamp;
    let renewed = SampleUnit::certified(now, now.saturating_add(year));
    let another = UnitTicket {
        certificate: renewed.certificate,
        ..scene.forged(&own, |_| {})
    };
    let refused = scene.admit(&another);
    assert_eq!(refused, Err(Refusal::SecondUnitTicket(station)));
    assert!(scene.admit(&honest).is_ok());
    // Another unit, and an earlier slot, are another matter.
    let half_a_day = Duration::from_secs(43_200);
    let (from, until) = (
        now.saturating_sub(half_a_day),
        now.saturating_add(half_a_day),
    );
    let neighbour = SampleUnit::certified_as(1, from, until);
    let shown = neighbour.ticket(&scene.authority.domain, scene.slot());
    assert!(scene.admit(&shown).is_ok());
    let earlier = Slot::from_number(scene.slot().number() - 1);
    let shown = scene.unit.ticket(&scene.authority.domain, earlier);
    assert!(scene.admit(&shown).is_ok());
}

#[test]
fn a_unit_that_was_forgotten_may_have_another_ticket() {
    let mut scene = Scene::new();
    let own = SigningKey::from_seed(&scene.unit.key.to_seed());
    let honest = scene.ticket();
    scene.admit(&honest).unwrap();
    let operators = scene.unit.operators.clone();
    scene.verifier.handle_operators(Operators::default());
    scene.verifier.handle_operators(operators);
    let another = scene.forged(&own, |_| {});
    assert!(scene.admit(&another).is_ok());
}
