use super::{
    super::{IssuerKey, SlotClock, TrustDomain, TrustDomainError, TrustDomainTextError},
    sample::{Authority, key},
};
use crate::{crypto::KeyError, id::DomainId, time::Timestamp};

fn issuer(id: u16, from_ms: u64, until_ms: u64) -> IssuerKey {
    IssuerKey {
        id,
        key: key(&[b"issuer", &id.to_be_bytes()]).verifying_key(),
        from: Timestamp::from_unix_ms(from_ms).unwrap(),
        until: Timestamp::from_unix_ms(until_ms).unwrap(),
    }
}

fn made_of(issuers: Vec<IssuerKey>) -> Result<TrustDomain, TrustDomainError> {
    TrustDomain::new(DomainId(1), SlotClock::default(), issuers, false)
}

#[test]
fn issuers_that_make_no_sense_are_refused() {
    assert_eq!(made_of(vec![]), Err(TrustDomainError::NoIssuer));
    let twice = vec![issuer(1, 0, 9), issuer(1, 0, 9)];
    assert_eq!(made_of(twice), Err(TrustDomainError::Twice(1)));
    assert_eq!(
        made_of(vec![issuer(3, 9, 8)]),
        Err(TrustDomainError::NeverValid(3))
    );
    let many = (0..257).map(|id| issuer(id, 0, 9)).collect();
    assert_eq!(made_of(many), Err(TrustDomainError::TooMany(257)));
}

#[test]
fn a_domain_survives_its_text() {
    let domain = made_of(vec![issuer(2, 5, 9), issuer(1, 0, 9)]).unwrap();
    let again = TrustDomain::from_toml(&domain.to_toml()).unwrap();
    assert_eq!(again, domain);
    assert_eq!(again.digest(), domain.digest());
}

#[test]
fn everything_a_domain_says_is_in_its_digest() {
    let text = Authority::new().domain.to_toml();
    let original = Authority::new().domain.digest();
    let changes = [
        ("domain = 7", "domain = 8"),
        ("slot_length_s = 300", "slot_length_s = 301"),
        ("development = true", "development = false"),
        ("id = 1", "id = 2"),
        ("from_unix_ms = 0", "from_unix_ms = 1"),
    ];
    for (from, to) in changes {
        let changed = TrustDomain::from_toml(&text.replace(from, to)).unwrap();
        assert_ne!(changed.digest(), original, "{to}");
    }
}

#[test]
fn text_that_is_wrong_is_refused_by_what_is_wrong() {
    let text = Authority::new().domain.to_toml();
    let with = |from: &str, to: &str| TrustDomain::from_toml(&text.replace(from, to)).unwrap_err();
    assert!(matches!(
        with("version = 1", "version = 2"),
        TrustDomainTextError::Version(2)
    ));
    assert!(matches!(
        with("length_s = 300", "length_s = 0"),
        TrustDomainTextError::SlotLength(0)
    ));
    assert!(matches!(
        with("key = \"", "key = \"zz"),
        TrustDomainTextError::NotHexadecimal(1)
    ));
    assert!(matches!(
        with("domain", "colour = 1\ndomain"),
        TrustDomainTextError::Syntax(_)
    ));
    let weak = format!("key = \"01{}\" #", "00".repeat(31));
    assert!(matches!(
        with("key = ", &weak),
        TrustDomainTextError::Key(1, KeyError::Weak)
    ));
}
