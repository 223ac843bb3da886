use super::{PartTag, RecordCommitment, VinTag};
use crate::{
    crypto::{Digest, Purpose, SigningKey},
    id::{ShardId, VehicleId},
};

impl VinTag {
    /// The tag of a vehicle identification number (ISO 3779, in capital letters) under the tag
    /// issuer's key.
    pub fn issue(issuer: &SigningKey, vin: &str) -> Self {
        let tag = issuer.digest(Purpose::LedgerVinTag, &[vin.as_bytes()]);
        Self::from_bytes(*tag.as_bytes())
    }
}

impl PartTag {
    /// The tag of a part under the tag issuer's key; `maker` has no zero character.
    pub fn issue(issuer: &SigningKey, maker: &str, serial: &str) -> Self {
        let parts = [maker.as_bytes(), &[0], serial.as_bytes()];
        let tag = issuer.digest(Purpose::LedgerPartTag, &parts);
        Self::from_bytes(*tag.as_bytes())
    }
}

impl RecordCommitment {
    /// Commits to a record that is kept off the ledger.
    ///
    /// Whoever is shown the salt and the record can check that they belong together; the salt is
    /// drawn at random, and destroyed with the record.
    pub fn of(salt: &[u8; 32], record: &[u8]) -> Self {
        let commitment = Digest::of(Purpose::LedgerRecordCommitment, &[salt, record]);
        Self::from_bytes(*commitment.as_bytes())
    }
}

impl VehicleId {
    /// Names a vehicle that is born in `home`.
    ///
    /// Whoever is shown the salt and the identification number can check that they are the
    /// vehicle's; nobody can find the number without the salt.
    pub fn commit(home: ShardId, salt: &[u8; 32], vin: &str) -> Self {
        let commitment = Digest::of(Purpose::LedgerVehicle, &[salt, vin.as_bytes()]);
        Self {
            home,
            commitment: *commitment.as_bytes(),
        }
    }
}
