use crate::rpc::{FieldError, FieldProblem};

/// How many items a page holds, from what a client asks: 100 unless said, 500 at most.
pub fn page_len(page_size: i32) -> Result<usize, FieldError> {
    let asked = usize::try_from(page_size)
        .map_err(|_| FieldError::new("page_size", FieldProblem::OutOfRange("0 or more")))?;
    Ok(match asked {
        0 => PAGE_LEN_DEFAULT,
        asked => asked.min(PAGE_LEN_MAX),
    })
}

/// The refusal of a token that this server never gave.
pub fn bad_token() -> FieldError {
    let problem = FieldProblem::Malformed("a next_page_token of this server");
    FieldError::new("page_token", problem)
}

/// The first items after `last`, and the key of the last of them if more follow.
pub fn page<T, K: Ord>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> K,
    last: Option<&K>,
    len: usize,
) -> (Vec<T>, Option<K>) {
    let mut rest = items.filter(|item| last.is_none_or(|last| key(item) > *last));
    let items: Vec<T> = rest.by_ref().take(len).collect();
    let more = rest.next().is_some();
    let next = items.last().filter(|_| more).map(key);
    (items, next)
}

const PAGE_LEN_DEFAULT: usize = 100;
const PAGE_LEN_MAX: usize = 500;
