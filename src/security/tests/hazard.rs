use std::time::Duration;

use bytes::Bytes;

use super::{
    super::{
        Refusal, SignError, Signer,
        sample::{Authority, breakdown, reserve, start},
    },
    Forged, credential, outcome, tireless,
};
use crate::{
    id::{ActionId, StationId},
    message::{Hazard, HazardStatement, Message, MessageType, Termination, Validity},
    time::Now,
};

fn signed(signer: &mut Signer, hazard: Hazard, now: Now) -> Bytes {
    let message = Message::Hazard(HazardStatement::unsigned(hazard));
    signer.sign(&message, now.timestamp, now).unwrap().bytes
}

fn later(seconds: u64) -> Now {
    start().after(Duration::from_secs(seconds))
}

#[test]
fn a_hazard_convinces_a_stranger_until_it_expires() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let hazard = breakdown(&mut signer, start());
    let bytes = signed(&mut signer, hazard, start());
    for seconds in [0, 30] {
        assert_eq!(
            outcome(&mut authority.verifier(), &bytes, later(seconds)),
            Ok(())
        );
    }
    let expired = Refusal::HazardExpired(Duration::from_secs(1));
    assert_eq!(
        outcome(&mut authority.verifier(), &bytes, later(31)),
        Err(expired)
    );
}

#[test]
fn what_was_kept_costs_its_signer_nothing() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let mut verifier = authority.verifier();
    let report = |signer: &mut Signer| {
        reserve(signer);
        let hazard = breakdown(signer, start());
        signed(signer, hazard, start())
    };
    // Twenty at once are a signer's budget.
    for _ in 0..50 {
        let kept = verifier.handle_kept_envelope(report(&mut signer), start());
        assert!(kept.is_ok(), "{kept:?}");
    }
    for _ in 0..20 {
        assert_eq!(
            outcome(&mut verifier, &report(&mut signer), start()),
            Ok(())
        );
    }
    let bytes = report(&mut signer);
    let refused = outcome(&mut verifier, &bytes, start());
    assert_eq!(refused, Err(Refusal::OverBudget));
}

#[test]
fn a_hazard_outlives_its_ticket() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let hazard = Hazard {
        validity: Validity::from_ms(7_200_000).unwrap(),
        ..breakdown(&mut signer, start())
    };
    let bytes = signed(&mut signer, hazard, start());
    assert_eq!(
        outcome(&mut authority.verifier(), &bytes, later(7_200)),
        Ok(())
    );
}

#[test]
fn m2_a_hazard_sent_again_is_a_duplicate() {
    let authority = Authority::new();
    let mut verifier = authority.verifier();
    let mut signer = authority.signer(1, start());
    let hazard = breakdown(&mut signer, start());
    let bytes = signed(&mut signer, hazard, start());
    assert_eq!(outcome(&mut verifier, &bytes, start()), Ok(()));
    let refused = outcome(&mut verifier, &bytes, later(20)).unwrap_err();
    assert_eq!(refused.reason(), "duplicate");
}

#[test]
fn an_old_hazard_that_still_holds_is_heard_behind_the_window() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let mut signer = authority.signer(1, start());
    let hazard = breakdown(&mut signer, start());
    let own = credential(&authority);
    let payload = HazardStatement::unsigned(hazard).encode();
    for sequence in [1_000, 7] {
        let forged = Forged {
            kind: MessageType::Hazard,
            ..Forged::telemetry(start(), sequence)
        };
        assert_eq!(
            outcome(&mut verifier, &forged.seal(&own, &payload), start()),
            Ok(())
        );
    }
}

#[test]
fn the_first_report_bears_its_signers_name() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let stranger = StationId::from_bytes([9; 8]);
    let hazard = Hazard {
        action: ActionId {
            station: stranger,
            sequence: 1,
        },
        ..breakdown(&mut signer, start())
    };
    let bytes = signed(&mut signer, hazard, start());
    let refused = outcome(&mut authority.verifier(), &bytes, start());
    assert_eq!(refused, Err(Refusal::ForeignHazard(stranger)));
}

#[test]
fn an_event_is_not_detected_after_its_report() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let hazard = Hazard {
        detected: later(1).timestamp,
        ..breakdown(&mut signer, start())
    };
    let bytes = signed(&mut signer, hazard, start());
    let refused = outcome(&mut authority.verifier(), &bytes, start());
    assert_eq!(refused, Err(Refusal::DetectedLater));
}

#[test]
fn the_same_car_updates_after_a_change_of_ticket() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let first = Hazard {
        validity: Validity::from_ms(3_600_000).unwrap(),
        ..breakdown(&mut signer, start())
    };
    // 230 s later the next slot's ticket is in use.
    let now = later(230);
    signer.handle_timeout(now);
    reserve(&mut signer);
    let (action, update_key) = (first.action, first.update_key);
    let update = Hazard {
        update: 1,
        detected: now.timestamp,
        update_key: None,
        termination: Some(Termination::Cancellation),
        ..first
    };
    let signed = signer.sign_update(update, now.timestamp, now).unwrap();
    assert_ne!(signed.station, action.station);
    match tireless(&authority).handle_envelope(signed.bytes, now) {
        Ok(super::super::VerifiedMessage::Hazard(verified)) => {
            assert_eq!(verified.message().hazard.update_key, update_key);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_restarted_car_still_has_its_events_key() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let hazard = Hazard {
        update: 1,
        ..breakdown(&mut signer, start())
    };
    let key = hazard.update_key;
    let mut restarted = authority.signer(1, start());
    let signed = restarted
        .sign_update(hazard, start().timestamp, start())
        .unwrap();
    match authority.verifier().handle_envelope(signed.bytes, start()) {
        Ok(super::super::VerifiedMessage::Hazard(verified)) => {
            assert_eq!(verified.message().hazard.update_key, key);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_update_needs_the_signature_of_the_events_key() {
    let authority = Authority::new();
    let (mut owner, mut thief) = (authority.signer(1, start()), authority.signer(2, start()));
    let update = Hazard {
        update: 1,
        ..breakdown(&mut owner, start())
    };
    let unsigned = signed(&mut thief, update.clone(), start());
    let refused = outcome(&mut tireless(&authority), &unsigned, start());
    assert_eq!(refused, Err(Refusal::UpdateUnsigned));
    // The owner's signature is bound to the owner's ticket, so the thief cannot use it.
    let honest = owner
        .sign_update(update.clone(), start().timestamp, start())
        .unwrap();
    let statement = match tireless(&authority).handle_envelope(honest.bytes, start()) {
        Ok(super::super::VerifiedMessage::Hazard(verified)) => verified.into_message(),
        other => panic!("{other:?}"),
    };
    let stolen = thief
        .sign(&Message::Hazard(statement), start().timestamp, start())
        .unwrap();
    let refused = outcome(&mut tireless(&authority), &stolen.bytes, start());
    assert_eq!(refused, Err(Refusal::BadUpdateSignature));
    let action = update.action;
    let refused = thief.sign_update(update, start().timestamp, start());
    assert_eq!(refused, Err(SignError::NotOurs(action)));
}

#[test]
fn a_weak_update_key_is_refused() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let mut identity = [0; 32];
    identity[0] = 1;
    let hazard = Hazard {
        update: 1,
        update_key: Some(crate::message::UpdateKey(identity)),
        ..breakdown(&mut signer, start())
    };
    let statement = HazardStatement {
        update_signature: Some([0; 64]),
        ..HazardStatement::unsigned(hazard)
    };
    let bytes = signer
        .sign(&Message::Hazard(statement), start().timestamp, start())
        .unwrap()
        .bytes;
    let refused = outcome(&mut tireless(&authority), &bytes, start());
    assert_eq!(refused, Err(Refusal::BadUpdateSignature));
}

#[test]
fn anybody_may_negate() {
    let authority = Authority::new();
    let mut owner = authority.signer(1, start());
    let negation = Hazard {
        update: 1,
        termination: Some(Termination::Negation),
        update_key: None,
        ..breakdown(&mut owner, start())
    };
    let bytes = signed(&mut authority.signer(2, start()), negation, start());
    assert_eq!(outcome(&mut authority.verifier(), &bytes, start()), Ok(()));
}

#[test]
fn hazards_older_than_any_validity_are_refused_before_decoding() {
    let authority = Authority::new();
    let forged = Forged {
        kind: MessageType::Hazard,
        ..Forged::telemetry(start(), 0)
    };
    let bytes = forged.seal(&credential(&authority), b"");
    let refused = outcome(&mut authority.verifier(), &bytes, later(86_401)).unwrap_err();
    assert_eq!(refused.reason(), "stale");
}

#[test]
fn an_honest_hazard_is_verified_as_it_was_signed() {
    let authority = Authority::new();
    let mut signer = authority.signer(1, start());
    let verified = authority.verified_hazard(&mut signer, |hazard| hazard.update = 1, start());
    assert_eq!(verified.station(), credential(&authority).station());
    assert_eq!(verified.message().hazard.update, 1);
    assert_eq!(verified.message().hazard.action.station, verified.station());
    assert_eq!(verified.message().hazard.encode(), verified.message().body);
}
