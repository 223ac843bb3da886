use std::fmt;

/// 32 bytes of BLAKE3 in `derive_key` mode.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; 32]);

/// What a digest is for; two purposes never give the same digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// All deliveries of a replay.
    Deliveries,
    /// The bytes of an imported recording.
    Recording,
    /// A hazard's one-time update key, from its ticket's private key.
    HazardUpdateKey,
    /// The check value of a reservation of sequences.
    Reservation,
    /// What a scraper of metrics must know.
    MetricsToken,
    /// Keys and choices of a simulated world.
    SimulationSeed,
    /// A ticket.
    Ticket,
    /// The description of a trust domain.
    TrustDomain,
}

impl Digest {
    /// The digest of `parts`, one after the other.
    pub fn of(purpose: Purpose, parts: &[&[u8]]) -> Self {
        let mut builder = DigestBuilder::new(purpose);
        parts.iter().for_each(|part| builder.update(part));
        builder.finish()
    }

    /// The digest's bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 8 bytes.
    pub fn prefix(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }
}

/// A digest of bytes that come one after the other.
#[derive(Clone, Debug)]
pub struct DigestBuilder(blake3::Hasher);

impl DigestBuilder {
    /// Begins with no bytes.
    pub fn new(purpose: Purpose) -> Self {
        Self(blake3::Hasher::new_derive_key(purpose.context()))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes so far.
    pub fn finish(&self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl Purpose {
    pub(super) fn context(self) -> &'static str {
        match self {
            Self::Deliveries => "wayside 2026-11-22 delivery digest v1",
            Self::Recording => "wayside 2026-11-22 recording digest v1",
            Self::HazardUpdateKey => "wayside 2026-11-22 hazard update key v1",
            Self::Reservation => "wayside 2026-11-22 sequence reservation checksum v1",
            Self::MetricsToken => "wayside 2026-11-22 metrics token v1",
            Self::SimulationSeed => "wayside 2026-11-22 simulation seed v1",
            Self::Ticket => "wayside 2026-11-22 ticket digest v1",
            Self::TrustDomain => "wayside 2026-11-22 trust domain digest v1",
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
