use crate::serve::{page, page_len};

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let mut seen = Vec::new();
    let mut last = None;
    loop {
        let (items, next) = page(0..10, |item| *item, last.as_ref(), 4);
        seen.extend(items);
        if next.is_none() {
            break;
        }
        last = next;
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_full_last_page_has_no_next() {
    let (items, next) = page(0..4, |item| *item, None, 4);
    assert_eq!((items.len(), next), (4, None));
}

#[test]
fn page_sizes_are_bounded() {
    assert_eq!(page_len(0), Ok(100));
    assert_eq!(page_len(7), Ok(7));
    assert_eq!(page_len(i32::MAX), Ok(500));
    assert!(page_len(-1).is_err());
}
