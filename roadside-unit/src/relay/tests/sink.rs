use crate::relay::sink::{from_value, to_value};

#[test]
fn what_is_on_disk_says_over_how_many_hops_it_came() {
    for (signer, hops) in [(&[7_u8; 120][..], 0), (&[7; 297], 3), (&[7; 120], 15)] {
        let value = to_value(signer, b"envelope", hops).unwrap();
        assert_eq!(from_value(&value), Some((signer, &b"envelope"[..], hops)));
        assert_eq!(from_value(&value[..signer.len()]), None);
    }
    // As it was written before hops were kept.
    let value = [&120_u16.to_be_bytes()[..], &[7; 120], b"envelope"].concat();
    let read = from_value(&value).unwrap();
    assert_eq!(read, (&[7_u8; 120][..], &b"envelope"[..], 0));
    assert_eq!(to_value(&[7; 4_096], b"envelope", 0), None);
}
