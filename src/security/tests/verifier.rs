use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    super::{
        AdmittedTicket, Budget, Config, Refusal, Ticket, Verifier,
        cache::TicketCache,
        sample::{Authority, cruising, start},
    },
    Forged, credential, outcome, spoken, telemetry, tireless,
};
use crate::message::MessageType;

#[test]
fn honest_telemetry_is_verified() {
    let authority = Authority::new();
    let mut verifier = authority.verifier();
    let mut signer = authority.signer(1, start());
    let verified = authority.verified_telemetry(1, cruising(), start());
    assert_eq!(verified.message(), &cruising());
    assert_eq!(verified.generated(), start().timestamp);
    assert_eq!(verified.received(), start());
    assert_eq!(verified.station(), credential(&authority).station());
    assert!(!verified.clock_doubted());
    // Later ones need not bring the ticket, since it is known.
    let first = telemetry(&mut signer, 1, start());
    let second = telemetry(&mut signer, 2, start());
    assert_eq!(first.len() - second.len(), 112);
    assert_eq!(
        spoken(&mut verifier, &first, start())
            .speed
            .unwrap()
            .mm_per_s(),
        1
    );
    assert_eq!(
        spoken(&mut verifier, &second, start())
            .speed
            .unwrap()
            .mm_per_s(),
        2
    );
}

#[test]
fn an_unknown_ticket_is_asked_for_and_then_known() {
    let authority = Authority::new();
    let mut verifier = authority.verifier();
    let mut signer = authority.signer(1, start());
    let own = credential(&authority);
    telemetry(&mut signer, 1, start());
    let without_ticket = telemetry(&mut signer, 2, start());
    let unknown = Err(Refusal::UnknownTicket(own.station()));
    assert_eq!(outcome(&mut verifier, &without_ticket, start()), unknown);
    assert!(!verifier.knows(own.station()));
    verifier.handle_ticket(own.ticket(), start()).unwrap();
    assert!(verifier.knows(own.station()));
    assert_eq!(outcome(&mut verifier, &without_ticket, start()), Ok(()));
}

#[test]
fn m1_every_flipped_bit_is_refused() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let mut signer = authority.signer(1, start());
    let with_ticket = telemetry(&mut signer, 1, start());
    let without = telemetry(&mut signer, 2, start());
    verifier
        .handle_ticket(credential(&authority).ticket(), start())
        .unwrap();
    for honest in [with_ticket, without] {
        for bit in 0..honest.len() * 8 {
            let mut flipped = honest.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                outcome(&mut verifier, &flipped.into(), start()).is_err(),
                "bit {bit}"
            );
        }
        assert_eq!(
            outcome(&mut verifier, &honest, start()),
            Ok(()),
            "after all mutants"
        );
    }
    assert_eq!(verifier.poll_equivocation(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn m1_mutants_are_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..8),
        full_ticket: bool,
    ) {
        let authority = Authority::new();
        let own = credential(&authority);
        let mut verifier = tireless(&authority);
        verifier.handle_ticket(own.ticket(), start()).unwrap();
        let forged = Forged { full_ticket, ..Forged::telemetry(start(), 1) };
        let honest = forged.seal(&own, &cruising().encode());
        let mut mutant = honest.to_vec();
        for (index, change) in changes {
            *index.get_mut(&mut mutant) ^= change;
        }
        prop_assume!(mutant != honest);
        prop_assert!(outcome(&mut verifier, &mutant.into(), start()).is_err());
    }
}

#[test]
fn m13_a_signature_with_its_group_order_added_is_refused() {
    // L = 2^252 + 27742317777372353535851937790883648493 (RFC 8032 §5.1), little-endian.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let honest = telemetry(&mut authority.signer(1, start()), 1, start());
    let mut malleated = honest.to_vec();
    let from = malleated.len() - 32;
    let mut carry = 0;
    for (byte, addend) in malleated[from..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    let refused = outcome(&mut verifier, &malleated.into(), start());
    assert_eq!(refused, Err(Refusal::BadSignature));
    assert_eq!(outcome(&mut verifier, &honest, start()), Ok(()));
}

#[test]
fn m3_another_domains_receiver_refuses() {
    let authority = Authority::new();
    let mut elsewhere = Authority::of(8, 300).verifier();
    let mut signer = authority.signer(1, start());
    let with_ticket = telemetry(&mut signer, 1, start());
    let without = telemetry(&mut signer, 2, start());
    let refused = outcome(&mut elsewhere, &with_ticket, start()).unwrap_err();
    assert_eq!(refused.reason(), "foreign_domain");
    let refused = outcome(&mut elsewhere, &without, start()).unwrap_err();
    assert_eq!(refused.reason(), "unknown_ticket");
}

#[test]
fn m3_a_domain_of_the_same_number_with_other_issuers_refuses() {
    let authority = Authority::new();
    let impostor = Authority::of(8, 300);
    let text = impostor
        .domain
        .to_toml()
        .replace("domain = 8", "domain = 7");
    let domain = Arc::new(super::super::TrustDomain::from_toml(&text).unwrap());
    let mut elsewhere = Verifier::new(Config::default(), domain);
    let with_ticket = telemetry(&mut authority.signer(1, start()), 1, start());
    let refused = outcome(&mut elsewhere, &with_ticket, start());
    assert_eq!(refused, Err(Refusal::BadTicketSignature));
}

#[test]
fn m12_a_verified_payload_that_is_no_statement_is_refused() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let own = credential(&authority);
    for (sequence, payload) in (0_u32..).zip([
        b"".as_slice(),
        b"\xff",
        b"\x0a\xff\xff\xff\xff\x0f",
        &[8; 880],
    ]) {
        let bytes = Forged::telemetry(start(), sequence).seal(&own, payload);
        let refused = outcome(&mut verifier, &bytes, start()).unwrap_err();
        assert_eq!(refused.reason(), "malformed_payload");
    }
}

#[test]
fn m19_signed_nonsense_is_refused() {
    let authority = Authority::new();
    let own = credential(&authority);
    // Field 8, the heading, is 360 degrees: 36 000 as a varint.
    let payload = [cruising().encode().as_ref(), &[0x40, 0xa0, 0x99, 0x02]].concat();
    let bytes = Forged::telemetry(start(), 1).seal(&own, &payload);
    let refused = outcome(&mut tireless(&authority), &bytes, start()).unwrap_err();
    assert_eq!(refused.reason(), "malformed_payload");
    assert!(
        refused
            .to_string()
            .contains("heading_centideg is out of range")
    );
}

#[test]
fn m17_two_tickets_of_one_id_are_never_mixed_up() {
    let authority = Authority::new();
    let real = authority
        .domain
        .admit(credential(&authority).ticket())
        .unwrap();
    let slot = real.ticket().slot();
    let other = authority
        .domain
        .admit(authority.credential(2, slot).ticket())
        .unwrap();
    // As if 2^32 tries had found it.
    let colliding = Arc::new(AdmittedTicket {
        station: real.station(),
        ..(*other).clone()
    });
    let mut cache = TicketCache::new(NonZeroUsize::new(2).unwrap());
    cache.insert(Arc::clone(&real), start()).unwrap();
    let refused = cache.insert(Arc::clone(&colliding), start()).map(drop);
    assert_eq!(refused, Err(Refusal::TicketCollision(real.station())));
    // The first one no longer counts: the other one may take its place.
    let later = start().after(Duration::from_secs(600));
    assert!(cache.insert(colliding, later).is_ok());
}

#[test]
fn tickets_are_bounded_and_the_least_heard_goes_first() {
    let authority = Authority::new();
    let slot = authority.domain.slots().slot_at(start().timestamp);
    let config = Config {
        tickets_max: NonZeroUsize::new(2).unwrap(),
        ..Config::default()
    };
    let mut verifier = Verifier::new(config, Arc::clone(&authority.domain));
    let vehicles = [1, 2, 3].map(|vehicle| authority.credential(vehicle, slot));
    let [one, two, three] = &vehicles;
    let at = |ms| start().after(Duration::from_millis(ms));
    verifier.handle_ticket(one.ticket(), at(0)).unwrap();
    verifier.handle_ticket(two.ticket(), at(1)).unwrap();
    verifier.handle_ticket(one.ticket(), at(2)).unwrap();
    verifier.handle_ticket(three.ticket(), at(3)).unwrap();
    let known = [one, two, three].map(|own| verifier.knows(own.station()));
    assert_eq!(known, [true, false, true]);
}

#[test]
fn m23_garbage_in_a_stations_name_does_not_silence_it() {
    let authority = Authority::new();
    let mut verifier = authority.verifier();
    let own = credential(&authority);
    for sequence in 0..1_000 {
        let garbage = Forged {
            full_ticket: sequence == 0,
            ..Forged::telemetry(start(), sequence)
        }
        .seal_badly(&own);
        assert_eq!(
            outcome(&mut verifier, &garbage, start()),
            Err(Refusal::BadSignature)
        );
    }
    let mut honest = authority.signer(1, start());
    assert_eq!(
        outcome(&mut verifier, &telemetry(&mut honest, 1, start()), start()),
        Ok(())
    );
}

#[test]
fn m23_one_signers_flood_costs_only_its_own_budget() {
    let authority = Authority::new();
    let mut verifier = authority.verifier();
    let mut flooder = authority.signer(1, start());
    let mut honest = authority.signer(2, start());
    let burst = Config::default().telemetry_budget.burst.get();
    for count in 0..2 * burst {
        let expected = if count < burst {
            Ok(())
        } else {
            Err(Refusal::OverBudget)
        };
        let message = telemetry(&mut flooder, count, start());
        assert_eq!(outcome(&mut verifier, &message, start()), expected);
    }
    assert_eq!(
        outcome(&mut verifier, &telemetry(&mut honest, 1, start()), start()),
        Ok(())
    );
    // Its own hazards are paid for apart.
    let own = credential(&authority);
    let hazard = Forged {
        kind: MessageType::Hazard,
        ..Forged::telemetry(start(), 0)
    };
    let refused = outcome(&mut verifier, &hazard.seal(&own, b""), start()).unwrap_err();
    assert_eq!(refused.reason(), "malformed_payload");
}

#[test]
fn m23_made_up_tickets_cost_a_budget_that_hazards_do_not_share() {
    let authority = Authority::new();
    let config = Config {
        ticket_budget: Budget::new(1, 3),
        ..Config::default()
    };
    let mut verifier = Verifier::new(config, Arc::clone(&authority.domain));
    let mut made_up = *credential(&authority).ticket().as_bytes();
    let reasons: Vec<_> = (0..5)
        .map(|linkage| {
            made_up[12] = 0xf0 + linkage;
            let ticket = Ticket::from_bytes(&made_up).unwrap();
            verifier
                .handle_ticket(&ticket, start())
                .unwrap_err()
                .reason()
        })
        .collect();
    let bad = "bad_ticket_signature";
    assert_eq!(reasons, [bad, bad, bad, "over_budget", "over_budget"]);
    let hazard = Forged {
        kind: MessageType::Hazard,
        ..Forged::telemetry(start(), 0)
    };
    let bytes = hazard.seal(&credential(&authority), b"");
    let refused = outcome(&mut verifier, &bytes, start()).unwrap_err();
    assert_eq!(refused.reason(), "malformed_payload");
}

#[test]
fn a_receiver_in_doubt_of_its_clock_hears_and_marks() {
    let authority = Authority::new();
    let mut verifier = authority.verifier();
    let late = telemetry(&mut authority.signer(1, start()), 1, start());
    let now = start().after(Duration::from_secs(2));
    assert!(outcome(&mut verifier, &late, now).is_err());
    verifier.handle_clock_doubt(Some(Duration::from_secs(2)));
    match verifier.handle_envelope(late.clone(), now) {
        Ok(super::super::VerifiedMessage::Telemetry(verified)) => assert!(verified.clock_doubted()),
        other => panic!("{other:?}"),
    }
    // However great the doubt, ten seconds are the most.
    verifier.handle_clock_doubt(Some(Duration::from_secs(86_400)));
    let much_later = start().after(Duration::from_millis(10_501));
    assert_eq!(
        outcome(&mut verifier, &late, much_later),
        Err(Refusal::Stale(Duration::from_millis(10_501)))
    );
}

#[test]
fn every_reason_is_listed_once() {
    let all = Refusal::ALL;
    let reasons: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(reasons.len(), all.len());
    for refusal in [
        Refusal::Length(0),
        Refusal::Version(0),
        Refusal::WeakKey,
        Refusal::OverBudget,
        Refusal::BadUpdateSignature,
        Refusal::Equivocation(0),
    ] {
        assert!(all.contains(&refusal.reason()));
    }
}

impl Forged {
    /// A ticket and a header that are right, under a signature that is not.
    fn seal_badly(self, credential: &super::super::Credential) -> Bytes {
        let mut bytes = self.seal(credential, b"garbage").to_vec();
        let last = bytes.len() - 40;
        bytes[last] ^= 1;
        bytes.into()
    }
}
