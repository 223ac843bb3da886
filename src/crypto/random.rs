/// Fills bytes from the operating system's randomness.
///
/// # Panics
///
/// If the operating system has none to give, since no key may be made then.
pub(super) fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives randomness");
}
