mod threshold;

use super::{
    Context, Digest, KeyError, OpeningKey, Purpose, Seal, SealingKey, SecretShare, Signature,
    SigningKey, VerifyingKey,
};

const CONTEXTS: [Context; 11] = [
    Context::HazardUpdate,
    Context::Message,
    Context::Ticket,
    Context::UnitCertificate,
    Context::UnitTicket,
    Context::TrafficReport,
    Context::LedgerTransaction,
    Context::LedgerTag,
    Context::VaultDeal,
    Context::VaultSettlement,
    Context::VaultReading,
];

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

// RFC 8032 §7.1, the public key of test 1; and §5.1.6, which leaves a signer no choice.
#[test]
fn signatures_are_those_that_rfc_8032_prescribes() {
    let seed = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c,
        0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae,
        0x7f, 0x60,
    ];
    let key = SigningKey::from_seed(&seed);
    assert_eq!(
        format!("{:?}", key.verifying_key()),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
    let other = ed25519_dalek::SigningKey::from_bytes(&seed);
    for len in [0, 1, 63, 64, 200, 8_192] {
        let message = vec![0xa5; len];
        let signed = [b"wayside/msg/v1\0", &*message].concat();
        assert_eq!(
            key.sign(Context::Message, &[&message]).as_bytes(),
            &ed25519_dalek::Signer::sign(&other, &signed).to_bytes()
        );
    }
}

#[test]
fn m14_the_identity_key_is_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(VerifyingKey::from_bytes(&identity), Err(KeyError::Weak));
}

// A commitment to nothing: whoever has the key could choose it for any message.
#[test]
fn m14_a_signature_with_the_identity_as_commitment_is_refused() {
    let key = ed25519_dalek::SigningKey::from_bytes(&[2; 32]).verifying_key();
    let s = "b543575a58b27e1bd6473d09a2eb8cb836dde0c263199c5bc4252a29a295bd01";
    let mut bytes = [0; 64];
    bytes[0] = 1;
    bytes[32..].copy_from_slice(&crate::id::bytes_from_hex::<32>(s).unwrap());
    let signature = ed25519_dalek::Signature::from_bytes(&bytes);
    assert!(ed25519_dalek::Verifier::verify(&key, b"message", &signature).is_ok());
    assert!(key.verify_strict(b"message", &signature).is_err());
    let admitted = VerifyingKey::from_bytes(key.as_bytes()).unwrap();
    let refused = admitted.verify_raw(b"message", &Signature::from_bytes(bytes));
    assert!(refused.is_err());
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
        Purpose::Verdicts,
        Purpose::Recording,
        Purpose::HazardUpdateKey,
        Purpose::ChangeJitter,
        Purpose::Reservation,
        Purpose::MetricsToken,
        Purpose::SimulationSeed,
        Purpose::Ticket,
        Purpose::TrustDomain,
        Purpose::LedgerGenesis,
        Purpose::LedgerTransaction,
        Purpose::LedgerDelivery,
        Purpose::LedgerEntry,
        Purpose::LedgerHeader,
        Purpose::LedgerReceipt,
        Purpose::LedgerNode,
        Purpose::LedgerRoot,
        Purpose::LedgerStateKey,
        Purpose::LedgerStateValue,
        Purpose::LedgerStateLeaf,
        Purpose::LedgerStateNode,
        Purpose::LedgerVehicleHistory,
        Purpose::LedgerMisconduct,
        Purpose::LedgerMisbehaviour,
        Purpose::LedgerVehicle,
        Purpose::LedgerVinTag,
        Purpose::LedgerPartTag,
        Purpose::UnitTicketKey,
        Purpose::ConnectionReset,
    ];
    for (index, one) in purposes.iter().enumerate() {
        for other in &purposes[index + 1..] {
            assert_ne!(Digest::of(*one, &[b"x"]), Digest::of(*other, &[b"x"]));
        }
    }
}

// BLAKE3 §2.3: `derive_key` hashes the context string first, whose result may be kept.
#[test]
fn kept_context_keys_give_what_derive_key_gives() {
    for _ in 0..2 {
        assert_eq!(
            Digest::of(Purpose::Ticket, &[b"by", b"tes"]).as_bytes(),
            &blake3::derive_key("wayside 2026-11-22 ticket digest v1", b"bytes")
        );
    }
}

#[test]
fn keyed_digests_differ_by_key_purpose_and_content() {
    let [one, other] = [[1; 32], [2; 32]].map(|seed| SigningKey::from_seed(&seed));
    let vin: &[&[u8]] = &[b"WVWZZZ1JZXW000001"];

    let tag = one.digest(Purpose::LedgerVinTag, vin);

    assert_eq!(one.digest(Purpose::LedgerVinTag, vin), tag);
    assert_ne!(other.digest(Purpose::LedgerVinTag, vin), tag);
    assert_ne!(one.digest(Purpose::LedgerPartTag, vin), tag);
    assert_ne!(
        one.digest(Purpose::LedgerVinTag, &[b"WVWZZZ1JZXW000002"]),
        tag
    );
    assert_ne!(Digest::of(Purpose::LedgerVinTag, vin), tag);
}

#[test]
fn what_is_sealed_opens_for_its_key_purpose_and_circumstances_alone() {
    let (key, other) = (
        SigningKey::from_seed(&[1; 32]),
        SigningKey::from_seed(&[2; 32]),
    );
    let sealing = SealingKey::of(&key.verifying_key());
    assert_eq!(
        OpeningKey::of(&key).sealing_key(),
        sealing,
        "two ways to one point"
    );
    let sealed = sealing.seal(Seal::VaultShare, b"bound", b"secret").unwrap();
    let open = |key: &SigningKey, seal, bound: &[u8], sealed: &[u8]| {
        OpeningKey::of(key)
            .open(seal, bound, sealed)
            .map(|it| it.to_vec())
    };
    assert_eq!(
        open(&key, Seal::VaultShare, b"bound", &sealed).unwrap(),
        b"secret"
    );
    assert!(open(&other, Seal::VaultShare, b"bound", &sealed).is_err());
    assert!(open(&key, Seal::VaultRelease, b"bound", &sealed).is_err());
    assert!(open(&key, Seal::VaultShare, b"other", &sealed).is_err());
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        *changed.get_mut(place).unwrap() ^= 1;
        assert!(
            open(&key, Seal::VaultShare, b"bound", &changed).is_err(),
            "byte {place}"
        );
        let cut = sealed.get(..place).unwrap();
        assert!(open(&key, Seal::VaultShare, b"bound", cut).is_err());
    }
    // A point of small order, which every private key takes to the same one.
    let refused = SealingKey::from_bytes([0; 32]).seal(Seal::VaultShare, b"", b"secret");
    assert!(refused.is_err());
}

#[test]
fn who_has_the_same_seed_seals_alike_and_nobody_else() {
    let key = SigningKey::from_seed(&[1; 32]);
    let sealing = SealingKey::of(&key.verifying_key());
    let seal = |seed: u8, bound: &[u8], secret: &[u8]| {
        let sealed = sealing.seal_alike(&[seed; 32], Seal::Ticket, bound, secret);
        sealed.unwrap()
    };
    let sealed = seal(7, b"bound", b"secret");
    assert_eq!(seal(7, b"bound", b"secret"), sealed);
    let opened = OpeningKey::of(&key).open(Seal::Ticket, b"bound", &sealed);
    assert_eq!(opened.unwrap().as_slice(), b"secret");
    let others = [
        seal(8, b"bound", b"secret"),
        seal(7, b"other", b"secret"),
        seal(7, b"bound", b"Secret"),
        seal(7, b"boun", b"dsecret"),
    ];
    for other in others {
        assert_ne!(other.get(..32), sealed.get(..32), "no key is used twice");
    }
}

#[test]
fn shares_that_do_not_belong_together_are_no_secret() {
    let split = |secret: &[u8]| SecretShare::split(secret, 2, 3);
    let (mut first, mut second) = (split(b"secret"), split(b"longer secret"));
    let (a, b) = (first.remove(0), second.remove(1));
    assert!(
        SecretShare::combine(&[a, b]).is_err(),
        "of different lengths"
    );
    let again = SecretShare::from_bytes(first[0].as_bytes().to_vec().into());
    assert!(
        SecretShare::combine(&[again, first.remove(0)]).is_err(),
        "the same twice"
    );
    assert!(SecretShare::combine(&[]).is_err());
}
