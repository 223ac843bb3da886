use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::crypto::{Digest, Purpose, SigningKey};

/// A number from which a whole simulated world follows.
///
/// Every choice has a stream of its own, named by a label, so that drawing more for one thing
/// does not change another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream of choices with this label.
    pub fn choices(self, label: &str) -> Choices {
        Choices(ChaCha8Rng::from_seed(self.bytes(label)))
    }

    /// A private key that is only for simulations: who knows the seed knows it.
    pub fn signing_key(self, label: &str) -> SigningKey {
        SigningKey::from_seed(&self.bytes(label))
    }

    /// 32 bytes for this label.
    pub fn bytes(self, label: &str) -> [u8; 32] {
        *Digest::of(
            Purpose::SimulationSeed,
            &[&self.0.to_be_bytes(), label.as_bytes()],
        )
        .as_bytes()
    }
}

/// Reproducible random choices.
#[derive(Clone, Debug)]
pub struct Choices(ChaCha8Rng);

impl Choices {
    /// True with this probability; never for 0 and always for 1.
    pub fn happens(&mut self, probability: f64) -> bool {
        // 53 random bits fill a float's mantissa evenly.
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let uniform = (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        uniform < probability
    }

    /// A number below `bound`, or 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The bias is below bound / 2^64, far below what a simulation can see.
        let product = u128::from(self.0.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// Fills a buffer.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        self.0.fill_bytes(buffer);
    }
}
