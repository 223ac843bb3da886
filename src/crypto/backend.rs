/// How signatures are verified on this processor: `avx512-native`, `avx512`, `avx2` or `serial`.
///
/// The choice is made at run time, among what the build allows. It is told so that a figure can be
/// compared with another. `avx512-native` is a build for processors that have AVX-512, which verifies
/// in two thirds of the time: without it the compiler copies points between calls in pieces that the
/// processor cannot forward.
pub fn verification_backend() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        let has_avx512 = cfg!(curve25519_dalek_backend = "avx512")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vl");
        if has_avx512 && cfg!(target_feature = "avx512ifma") {
            return "avx512-native";
        }
        if has_avx512 {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") {
            return "avx2";
        }
    }
    "serial"
}
