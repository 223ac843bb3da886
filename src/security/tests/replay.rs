use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use super::{
    super::{
        Config, Refusal, Verifier,
        sample::{Authority, cruising, start},
    },
    Forged, credential, outcome, telemetry, tireless,
};
use crate::{
    message::{MessageType, Telemetry},
    time::Timestamp,
    units::Speed,
};

fn payload(speed_mm_per_s: u32) -> Vec<u8> {
    let telemetry = Telemetry {
        speed: Speed::from_mm_per_s(speed_mm_per_s),
        ..cruising()
    };
    telemetry.encode().to_vec()
}

#[test]
fn m2_replayed_message_is_refused() {
    let authority = Authority::new();
    let mut verifier = authority.verifier();
    let message = telemetry(&mut authority.signer(1, start()), 1, start());
    assert_eq!(outcome(&mut verifier, &message, start()), Ok(()));
    let soon = start().after(Duration::from_millis(100));
    let age = Duration::from_secs(10);
    assert_eq!(
        outcome(&mut verifier, &message, soon),
        Err(Refusal::Duplicate(0))
    );
    assert_eq!(
        outcome(&mut verifier, &message, start().after(age)),
        Err(Refusal::Stale(age))
    );
    assert_eq!(verifier.poll_equivocation(), None);
}

#[test]
fn m2_a_replay_costs_no_budget() {
    let authority = Authority::new();
    let mut verifier = authority.verifier();
    let mut signer = authority.signer(1, start());
    let message = telemetry(&mut signer, 1, start());
    assert_eq!(outcome(&mut verifier, &message, start()), Ok(()));
    for _ in 0..1_000 {
        assert_eq!(
            outcome(&mut verifier, &message, start()),
            Err(Refusal::Duplicate(0))
        );
    }
    assert_eq!(
        outcome(&mut verifier, &telemetry(&mut signer, 2, start()), start()),
        Ok(())
    );
}

#[test]
fn m2_freshness_covers_what_a_restarted_receiver_forgot() {
    let authority = Authority::new();
    let message = telemetry(&mut authority.signer(1, start()), 1, start());
    assert_eq!(
        outcome(&mut authority.verifier(), &message, start()),
        Ok(())
    );
    let age = Duration::from_millis(501);
    let refused = outcome(&mut authority.verifier(), &message, start().after(age));
    assert_eq!(refused, Err(Refusal::Stale(age)));
}

#[test]
fn m4_future_messages_are_refused() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let own = credential(&authority);
    for (sequence, ahead_ms) in (0..).zip([201, 1_000, 86_400_000]) {
        let ahead = Duration::from_millis(ahead_ms);
        let bytes = Forged::telemetry(start().after(ahead), sequence).seal(&own, &payload(1));
        assert_eq!(
            outcome(&mut verifier, &bytes, start()),
            Err(Refusal::Future(ahead))
        );
    }
    let end_of_time = Timestamp::from_unix_ms((1 << 48) - 1).unwrap();
    let forged = Forged {
        generated: end_of_time,
        ..Forged::telemetry(start(), 9)
    };
    let refused = outcome(&mut verifier, &forged.seal(&own, &payload(1)), start()).unwrap_err();
    assert_eq!(refused.reason(), "future");
    let allowed = start().after(Duration::from_millis(200));
    let bytes = Forged::telemetry(allowed, 10).seal(&own, &payload(1));
    assert_eq!(outcome(&mut verifier, &bytes, start()), Ok(()));
}

#[test]
fn m5_old_telemetry_is_refused() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let own = credential(&authority);
    for (sequence, age_ms) in (0..).zip([501, 2_000, 3_000, 4_000]) {
        let age = Duration::from_millis(age_ms);
        let bytes = Forged::telemetry(start(), sequence).seal(&own, &payload(1));
        assert_eq!(
            outcome(&mut verifier, &bytes, start().after(age)),
            Err(Refusal::Stale(age))
        );
    }
    let bytes = Forged::telemetry(start(), 9).seal(&own, &payload(1));
    let allowed = start().after(Duration::from_millis(500));
    assert_eq!(outcome(&mut verifier, &bytes, allowed), Ok(()));
}

#[test]
fn m6_a_sequence_may_skip_and_come_late_but_not_too_late() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let own = credential(&authority);
    for (sequence, expected) in [
        (100, Ok(())),
        (37, Ok(())),
        (36, Err(Refusal::BehindWindow(36))),
        (0, Err(Refusal::BehindWindow(0))),
        (5_000, Ok(())),
        (101, Err(Refusal::BehindWindow(101))),
    ] {
        let bytes = Forged::telemetry(start(), sequence).seal(&own, &payload(sequence));
        assert_eq!(outcome(&mut verifier, &bytes, start()), expected);
    }
}

#[test]
fn m6_a_jump_to_the_last_sequence_locks_out_its_own_signer_only() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let slot = authority.domain.slots().slot_at(start().timestamp);
    let (own, other) = (authority.credential(1, slot), authority.credential(2, slot));
    let mut send = |sequence, own| {
        let bytes = Forged::telemetry(start(), sequence).seal(own, &payload(sequence % 1_000));
        outcome(&mut verifier, &bytes, start())
    };
    assert_eq!(send(u32::MAX, &own), Ok(()));
    assert_eq!(send(0, &own), Err(Refusal::BehindWindow(0)));
    assert_eq!(send(0, &other), Ok(()));
}

#[test]
fn m6_unverified_messages_do_not_move_the_window() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let own = credential(&authority);
    verifier.handle_ticket(own.ticket(), start()).unwrap();
    let bytes = Forged::telemetry(start(), u32::MAX).seal(&own, &payload(1));
    let mut forged = bytes.to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let refused = outcome(&mut verifier, &forged.into(), start());
    assert_eq!(refused, Err(Refusal::BadSignature));
    let honest = Forged::telemetry(start(), 0).seal(&own, &payload(1));
    assert_eq!(outcome(&mut verifier, &honest, start()), Ok(()));
}

#[test]
fn m7_two_messages_with_one_sequence_are_proof() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let own = credential(&authority);
    let first = Forged::telemetry(start(), 3).seal(&own, &payload(1));
    let second = Forged::telemetry(start(), 3).seal(&own, &payload(2));
    assert_eq!(outcome(&mut verifier, &first, start()), Ok(()));
    let refused = outcome(&mut verifier, &second, start());
    assert_eq!(refused, Err(Refusal::Equivocation(3)));
    let proof = verifier.poll_equivocation().unwrap();
    assert_eq!((&proof.first, &proof.second), (&first, &second));
    assert_eq!((proof.ticket.station(), proof.sequence), (own.station(), 3));
    // Each half convinces a stranger by itself.
    for half in [proof.first, proof.second] {
        assert_eq!(outcome(&mut authority.verifier(), &half, start()), Ok(()));
    }
    assert_eq!(verifier.poll_equivocation(), None);
}

#[test]
fn m7_nobody_is_convicted_by_what_he_did_not_sign() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let own = credential(&authority);
    let first = Forged::telemetry(start(), 3).seal(&own, &payload(1));
    assert_eq!(outcome(&mut verifier, &first, start()), Ok(()));
    for bit in 0..8 * first.len() {
        let mut forged = first.to_vec();
        forged[bit / 8] ^= 1 << (bit % 8);
        let refused = outcome(&mut verifier, &forged.into(), start()).unwrap_err();
        assert_ne!(refused.reason(), "equivocation", "bit {bit}");
        assert_ne!(refused.reason(), "duplicate", "bit {bit}");
    }
    assert_eq!(verifier.poll_equivocation(), None);
}

#[test]
fn m7_forgotten_bytes_are_still_told_from_others() {
    let authority = Authority::new();
    let config = Config {
        remembered_bytes: NonZeroUsize::new(1).unwrap(),
        ..Config::default()
    };
    let mut verifier = Verifier::new(config, Arc::clone(&authority.domain));
    let own = credential(&authority);
    let first = Forged::telemetry(start(), 3).seal(&own, &payload(1));
    let second = Forged::telemetry(start(), 3).seal(&own, &payload(2));
    assert_eq!(outcome(&mut verifier, &first, start()), Ok(()));
    assert_eq!(
        outcome(&mut verifier, &first, start()),
        Err(Refusal::Duplicate(3))
    );
    assert_eq!(
        outcome(&mut verifier, &second, start()),
        Err(Refusal::Equivocation(3))
    );
    assert_eq!(
        verifier.poll_equivocation(),
        None,
        "no proof without the first half"
    );
}

#[test]
fn m7_proofs_that_wait_are_bounded() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let own = credential(&authority);
    for speed in 0..100 {
        let bytes = Forged::telemetry(start(), 3).seal(&own, &payload(speed));
        assert_eq!(outcome(&mut verifier, &bytes, start()).is_ok(), speed == 0);
    }
    let proofs = std::iter::from_fn(|| verifier.poll_equivocation()).count();
    assert_eq!(proofs, 64);
}

#[test]
fn telemetry_and_hazards_have_sequences_of_their_own() {
    let authority = Authority::new();
    let mut verifier = tireless(&authority);
    let own = credential(&authority);
    let telemetry = Forged::telemetry(start(), 3);
    let hazard = Forged {
        kind: MessageType::Hazard,
        ..telemetry
    };
    assert_eq!(
        outcome(&mut verifier, &telemetry.seal(&own, &payload(1)), start()),
        Ok(())
    );
    let refused = outcome(&mut verifier, &hazard.seal(&own, b""), start()).unwrap_err();
    assert_eq!(refused.reason(), "malformed_payload");
}
