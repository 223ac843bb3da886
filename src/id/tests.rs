use super::{ChainId, IdTextError, ShardId, VehicleId};

#[test]
fn ids_of_the_ledger_read_what_they_write() {
    let vehicle = VehicleId {
        home: ShardId(513),
        commitment: std::array::from_fn(|index| u8::try_from(index).unwrap()),
    };
    let text = vehicle.to_string();
    assert!(text.starts_with("513-000102"));
    assert_eq!(text.parse(), Ok(vehicle));
    assert_eq!("0A".repeat(32).parse(), Ok(ChainId::from_bytes([10; 32])));
}

#[test]
fn other_text_is_no_id() {
    let digits = "ab".repeat(32);
    for (text, error) in [
        (digits.clone(), IdTextError::NoShard),
        (format!("65536-{digits}"), IdTextError::NoShard),
        (format!("-{digits}"), IdTextError::NoShard),
        (format!("+1-{digits}"), IdTextError::NoShard),
        (format!("01-{digits}"), IdTextError::NoShard),
        (format!("1-{digits}0"), IdTextError::NotHexadecimal(64)),
        (
            format!("1-{}", &digits[1..]),
            IdTextError::NotHexadecimal(64),
        ),
        (
            format!("1-+{}", &digits[1..]),
            IdTextError::NotHexadecimal(64),
        ),
        ("1-ä".to_owned(), IdTextError::NotHexadecimal(64)),
    ] {
        assert_eq!(text.parse::<VehicleId>(), Err(error), "{text}");
    }
}
