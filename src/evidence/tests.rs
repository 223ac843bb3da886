use super::{
    Evidence, EvidenceError, Keeper, Lie, STRETCHES, Testimony,
    sample::{Drive, at},
};
use crate::{
    crypto::{Digest, Purpose},
    message::Telemetry,
    plausibility::{Claim, Record, Surroundings, judge_telemetry},
    security::{
        Envelope, Ticket, VerifiedMessage, Verifier,
        sample::{Authority, start},
    },
};

/// One car, and a station that hears all it says.
struct Ear {
    authority: Authority,
    drive: Drive,
    verifier: Verifier,
    record: Option<Record>,
    keeper: Keeper,
}

impl Ear {
    fn new() -> Self {
        let authority = Authority::new();
        Self {
            drive: drive(&authority, 1),
            verifier: authority.verifier(),
            authority,
            record: None,
            keeper: Keeper::default(),
        }
    }

    fn hear(&mut self, telemetry: Telemetry) {
        let now = self.drive.now;
        let said = self.drive.say(telemetry);
        let verified = self.verifier.handle_envelope(said.bytes().clone(), now);
        let Ok(VerifiedMessage::Telemetry(verified)) = verified else {
            panic!("{verified:?}");
        };
        let nothing = Surroundings::default();
        let judged = judge_telemetry(verified, self.record.as_ref(), &nothing);
        let claim = Claim::of(judged.verified());
        match &mut self.record {
            Some(record) => {
                record.observe(&claim, judged.judgement());
            }
            None => self.record = Some(Record::new(&claim, judged.judgement())),
        }
        self.keeper.handle_judged(&judged);
    }

    fn prove(&self, evidence: &Evidence) -> Result<Lie, EvidenceError> {
        prove(&self.authority, evidence)
    }
}

fn drive(authority: &Authority, vehicle: u8) -> Drive {
    let slots = authority.domain.slots();
    let from = start().timestamp;
    let credential = authority.credential(vehicle, slots.slot_at(from));
    Drive::new(credential, slots, from)
}

fn prove(authority: &Authority, evidence: &Evidence) -> Result<Lie, EvidenceError> {
    let ticket = authority.domain.admit(evidence.ticket()).unwrap();
    evidence.prove(&ticket)
}

/// Metres that a car at 20 m/s has driven.
fn driven_m(index: u32) -> f64 {
    2.0 * f64::from(index)
}

#[test]
fn m8_a_car_that_stands_and_says_that_it_drives_is_convicted_by_its_own_words() {
    let mut ear = Ear::new();
    let mut found = None;
    let heard = (0..300).find(|_| {
        ear.hear(at(0.0, 20.0));
        found = ear.keeper.poll_evidence();
        found.is_some()
    });
    // A second or two until it is suspected, and three stretches of three seconds.
    assert!(heard.is_some_and(|index| index < 150), "{heard:?}");
    let evidence = Evidence::from_bytes(&found.unwrap().to_bytes()).unwrap();
    let lie = ear.prove(&evidence).unwrap();
    assert!(matches!(lie, Lie::Implausible(check) if check.is_proof()));
    (0..300).for_each(|_| ear.hear(at(0.0, 20.0)));
    assert!(ear.keeper.poll_evidence().is_none(), "once for each ticket");
}

#[test]
fn m8_a_speed_that_is_a_little_wrong_is_convicted_by_messages_further_apart() {
    let mut ear = Ear::new();
    let convicted = (0..900).any(|index| {
        // Says 6 m/s more than it drives.
        ear.hear(at(driven_m(index), 26.0));
        let found = ear.keeper.poll_evidence();
        found.is_some_and(|evidence| ear.prove(&evidence).is_ok())
    });
    assert!(convicted);
}

// The ledger's members must agree on what evidence proves, whatever their version.
#[test]
fn what_was_once_proven_is_proven_for_ever() {
    let authority = Authority::new();
    let bytes = drive(&authority, 1).lie().to_bytes();
    let digest = Digest::of(Purpose::LedgerMisbehaviour, &[&bytes]);
    assert_eq!(digest.to_string(), GOLDEN);
    let evidence = Evidence::from_bytes(&bytes).unwrap();
    let lie = prove(&authority, &evidence).unwrap();
    assert!(matches!(lie, Lie::Implausible(check) if check.is_proof()));
}

const GOLDEN: &str = "e827b61bd23f147a200c93215da3ad0a254fbbea0c72da256d77b2d21dd76736";

#[test]
fn m22_nobody_honest_is_accused() {
    let mut ear = Ear::new();
    for index in 0..600 {
        ear.hear(at(driven_m(index), 20.0));
    }
    assert!(ear.keeper.poll_evidence().is_none());
}

#[test]
fn m20_a_receiver_that_jumps_or_drifts_for_once_convicts_nobody() {
    // A jump by 80 m for good, one for two seconds, and a drift by 60 m within six seconds.
    let faults: [fn(u32) -> f64; 3] = [
        |index| if index >= 100 { 80.0 } else { 0.0 },
        |index| {
            if (100..120).contains(&index) {
                80.0
            } else {
                0.0
            }
        },
        |index| f64::from(index.clamp(100, 160) - 100),
    ];
    for fault in faults {
        let mut ear = Ear::new();
        let mut findings = 0;
        for index in 0..600 {
            ear.hear(at(driven_m(index) + fault(index), 20.0));
            findings += usize::from(!ear.keeper.is_idle());
        }
        assert!(findings > 0, "the fault is seen");
        assert!(ear.keeper.poll_evidence().is_none());
        assert!(ear.keeper.is_idle(), "and forgotten");
    }
}

#[test]
fn m22_an_accuser_who_chooses_among_honest_messages_proves_nothing() {
    let authority = Authority::new();
    // How an urban receiver wanders, in metres.
    let wander = [0.0, 2.5, -2.0, 3.0, -3.0, 1.0, -1.5];
    for step in 1..=20 {
        let evidence = drive(&authority, 1).evidence(step, |index| {
            let driven_m = driven_m(u32::try_from(index).unwrap());
            at(driven_m + wander[index % wander.len()], 20.0)
        });
        let refused = prove(&authority, &evidence).unwrap_err();
        let too_short = step < 3;
        let expected = match too_short {
            true => EvidenceError::BadStretches,
            false => EvidenceError::Plausible,
        };
        assert_eq!(refused, expected, "every {step}th");
    }
}

#[test]
fn m22_nobody_is_convicted_by_words_that_are_not_its_own() {
    let authority = Authority::new();
    let lie = drive(&authority, 1).lie();
    let honest = drive(&authority, 2);
    let other = honest.credential.ticket();
    let mut bytes = lie.to_bytes().to_vec();
    bytes[2..122].copy_from_slice(other.as_bytes());
    let refused = Evidence::from_bytes(&bytes).map(|it| prove(&authority, &it));
    assert!(!matches!(refused, Ok(Ok(_))), "{refused:?}");
    let admitted = authority.domain.admit(other).unwrap();
    assert_eq!(lie.prove(&admitted), Err(EvidenceError::OtherTicket));
}

#[test]
fn m22_a_changed_bit_convicts_nobody() {
    let authority = Authority::new();
    let bytes = drive(&authority, 1).lie().to_bytes();
    for place in (0..bytes.len()).step_by(37) {
        let mut changed = bytes.to_vec();
        changed[place] ^= 1 << (place % 8);
        let proven = Evidence::from_bytes(&changed).ok().and_then(|evidence| {
            let ticket = authority.domain.admit(evidence.ticket()).ok()?;
            evidence.prove(&ticket).ok()
        });
        assert_eq!(proven, None, "byte {place}");
        assert!(Evidence::from_bytes(&bytes[..place]).is_err());
    }
}

#[test]
fn m20_one_contradiction_in_three_stretches_is_not_enough() {
    let authority = Authority::new();
    // Only the first ten messages of the 27 contradict the rest.
    let evidence = drive(&authority, 1).evidence(4, |index| {
        let index = u32::try_from(index).unwrap();
        at(if index < 40 { 0.0 } else { driven_m(index) }, 20.0)
    });
    assert_eq!(
        prove(&authority, &evidence),
        Err(EvidenceError::Plausible),
        "{STRETCHES} have to"
    );
}

#[test]
fn m7_two_messages_with_one_sequence_convict_and_one_twice_does_not() {
    let authority = Authority::new();
    let (mut one, mut other) = (drive(&authority, 1), drive(&authority, 1));
    let mut verifier = authority.verifier();
    let mut hear = |said: &Envelope| {
        let _ = verifier.handle_envelope(said.bytes().clone(), start());
        verifier.poll_equivocation()
    };
    let first = one.say(at(0.0, 20.0));
    assert_eq!(hear(&first), None);
    assert_eq!(hear(&first), None, "a repeat");
    let found = hear(&other.say(at(500.0, 20.0))).unwrap();
    let mut keeper = Keeper::default();
    keeper.handle_equivocation(&found);
    keeper.handle_equivocation(&found);
    let evidence = keeper.poll_evidence().unwrap();
    assert!(keeper.poll_evidence().is_none(), "once for each ticket");
    let read = Evidence::from_bytes(&evidence.to_bytes()).unwrap();
    assert_eq!(prove(&authority, &read), Ok(Lie::Equivocation));
    let repeat = crate::security::Equivocation {
        second: found.first.clone(),
        ..found
    };
    let repeat = Evidence::of_equivocation(&repeat).unwrap();
    assert_eq!(
        prove(&authority, &repeat),
        Err(EvidenceError::NoEquivocation)
    );
}

#[test]
fn m22_a_testimony_takes_two_vehicles_of_one_slot_who_signed_their_parts() {
    let authority = Authority::new();
    let (mut accused, witness) = (drive(&authority, 1), drive(&authority, 2));
    let said = accused.say(at(0.0, 20.0));
    let admit = |ticket: &Ticket| authority.domain.admit(ticket).unwrap();
    let verify = |it: &Testimony| it.verify(&admit(it.witness()), &admit(it.accused()));
    let ticket = accused.credential.ticket();
    let testimony = witness.testimony(ticket, &said);
    let bytes = testimony.to_bytes();
    assert_eq!(verify(&Testimony::from_bytes(&bytes).unwrap()), Ok(()));
    for place in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[place] ^= 1 << (place % 8);
        let believed = Testimony::from_bytes(&changed).is_ok_and(|it| {
            let tickets = [it.witness(), it.accused()].map(|it| authority.domain.admit(it));
            let [Ok(witness), Ok(accused)] = tickets else {
                return false;
            };
            it.verify(&witness, &accused).is_ok()
        });
        assert!(!believed, "byte {place}");
    }
    let itself = accused.testimony(ticket, &said);
    assert_eq!(verify(&itself), Err(EvidenceError::NoWitness));
    let slots = authority.domain.slots();
    let next = slots.slot_at(start().timestamp).next().unwrap();
    let later = Drive::new(authority.credential(2, next), slots, slots.start(next));
    let late = later.testimony(ticket, &said);
    assert_eq!(verify(&late), Err(EvidenceError::NoWitness));
    let others = witness.testimony(witness.credential.ticket(), &said);
    assert!(verify(&others).is_err(), "another's words");
}
