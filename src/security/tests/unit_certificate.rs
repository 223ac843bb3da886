use crate::{
    crypto::SigningKey,
    id::ChainId,
    security::{UNIT_CERTIFICATE_LEN, UnitCertificate, UnitCertificateError, UnitOrder},
    time::Timestamp,
};

#[test]
fn an_operators_unit_is_believed_and_its_operator_named() {
    let scene = Scene::new();
    let certificate = scene.certificate();
    assert_eq!(certificate.as_bytes().len(), 177);
    let parsed = UnitCertificate::from_bytes(certificate.as_bytes()).unwrap();
    assert_eq!(parsed, certificate);
    assert_eq!(scene.verify(&parsed, at(1_500)), Ok(1));
}

#[test]
fn every_changed_bit_is_refused() {
    let scene = Scene::new();
    let bytes = *scene.certificate().as_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        let refused = UnitCertificate::from_bytes(&flipped)
            .and_then(|parsed| scene.verify(&parsed, at(1_500)));
        assert!(refused.is_err(), "bit {bit}");
    }
}

#[test]
fn each_reason_has_its_name() {
    let scene = Scene::new();
    let certificate = scene.certificate();
    let stranger = SigningKey::from_seed(&[9; 32]);
    let keys = scene.operators.iter().map(SigningKey::verifying_key);
    let keys: Vec<_> = keys.collect();
    let (chain, key) = (scene.order.chain, scene.order.key);
    let other = ChainId::from_bytes([8; 32]);
    assert_eq!(
        certificate.verify(other, &keys, &key, at(1_500)),
        Err(UnitCertificateError::WrongChain)
    );
    assert_eq!(
        certificate.verify(chain, &keys, &stranger.verifying_key(), at(1_500)),
        Err(UnitCertificateError::WrongKey)
    );
    assert_eq!(
        scene.verify(&UnitCertificate::issue(&stranger, &scene.order), at(1_500)),
        Err(UnitCertificateError::UnknownOperator)
    );
    assert_eq!(
        UnitCertificate::from_bytes(&[1; UNIT_CERTIFICATE_LEN - 1]),
        Err(UnitCertificateError::Malformed)
    );
}

#[test]
fn it_counts_in_its_time_and_five_minutes_around() {
    let scene = Scene::new();
    let certificate = scene.certificate();
    // Valid from 1 000 000 ms to 2 000 000 ms, 300 000 ms of doubt on both sides.
    for (ms, counts) in [
        (699_999, false),
        (700_000, true),
        (2_300_000, true),
        (2_300_001, false),
    ] {
        let moment = Timestamp::from_unix_ms(ms).unwrap();
        assert_eq!(scene.verify(&certificate, moment).is_ok(), counts, "{ms}");
    }
}

struct Scene {
    operators: Vec<SigningKey>,
    order: UnitOrder,
}

impl Scene {
    fn new() -> Self {
        Self {
            operators: [1, 2, 3]
                .map(|seed| SigningKey::from_seed(&[seed; 32]))
                .into(),
            order: UnitOrder {
                chain: ChainId::from_bytes([7; 32]),
                key: SigningKey::from_seed(&[4; 32]).verifying_key(),
                valid_from: at(1_000),
                valid_until: at(2_000),
            },
        }
    }

    /// Signed by the second operator.
    fn certificate(&self) -> UnitCertificate {
        UnitCertificate::issue(&self.operators[1], &self.order)
    }

    fn verify(
        &self,
        certificate: &UnitCertificate,
        now: Timestamp,
    ) -> Result<usize, UnitCertificateError> {
        let keys = self.operators.iter().map(SigningKey::verifying_key);
        let keys: Vec<_> = keys.collect();
        certificate.verify(self.order.chain, &keys, &self.order.key, now)
    }
}

fn at(unix_s: u64) -> Timestamp {
    Timestamp::from_unix_ms(unix_s * 1_000).unwrap()
}
