use super::{Context, Digest, KeyError, Purpose, Signature, SigningKey, VerifyingKey};

const CONTEXTS: [Context; 3] = [Context::HazardUpdate, Context::Message, Context::Ticket];

#[test]
fn m16_a_signature_counts_for_its_own_purpose_only() {
    let key = SigningKey::from_seed(&[1; 32]);
    for made_for in CONTEXTS {
        let signature = key.sign(made_for, &[b"bytes"]);
        for checked_for in CONTEXTS {
            assert_eq!(
                key.verifying_key()
                    .verify(checked_for, &[b"bytes"], &signature)
                    .is_ok(),
                made_for == checked_for
            );
        }
    }
}

#[test]
fn m14_the_identity_key_is_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(VerifyingKey::from_bytes(&identity), Err(KeyError::Weak));
}

#[test]
fn flipped_bits_do_not_verify() {
    let key = SigningKey::from_seed(&[2; 32]);
    let signature = key.sign(Context::Message, &[b"bytes"]);
    for bit in 0..512 {
        let mut flipped = *signature.as_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            key.verifying_key()
                .verify(
                    Context::Message,
                    &[b"bytes"],
                    &Signature::from_bytes(flipped)
                )
                .is_err()
        );
    }
}

#[test]
fn digests_differ_by_purpose() {
    let purposes = [
        Purpose::Deliveries,
        Purpose::HazardUpdateKey,
        Purpose::Reservation,
        Purpose::MetricsToken,
        Purpose::SimulationSeed,
        Purpose::Ticket,
        Purpose::TrustDomain,
    ];
    for (index, one) in purposes.iter().enumerate() {
        for other in &purposes[index + 1..] {
            assert_ne!(Digest::of(*one, &[b"x"]), Digest::of(*other, &[b"x"]));
        }
    }
}
