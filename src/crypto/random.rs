/// Fills bytes from the operating system's randomness.
///
/// # Panics
///
/// If the operating system has none to give, since no key may be made then.
pub(super) fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives randomness");
}

/// Bytes from the operating system's randomness, for names that nobody can guess; keys have
/// constructors of their own.
///
/// # Panics
///
/// If the operating system has none to give.
pub fn random_bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    fill_random(&mut bytes);
    bytes
}
