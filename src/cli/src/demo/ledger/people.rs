use std::path::{Path, PathBuf};

use anyhow::Context as _;
use wayside::{
    crypto::{Digest, SigningKey},
    id::VehicleId,
    ledger::{
        AccountKey, Action, Birth, Genesis, Label, MakePart, PartTag, TagCertificate, TagKind,
        VinTag,
    },
    serve::read_key,
    time::Timestamp,
};

use crate::ledger::{Secret, read_genesis};

/// Everybody who has a key in the demo: `wayside pki init` made them all.
pub(super) struct People {
    folder: PathBuf,
    pub(super) genesis: Genesis,
    pub(super) vehicles: Vec<Car>,
}

/// A vehicle and what its birth rests on.
pub(super) struct Car {
    pub(super) id: VehicleId,
    vin: String,
    /// Its folder.
    pub(super) folder: PathBuf,
}

impl People {
    pub(super) fn read(folder: &Path, vehicles: usize) -> anyhow::Result<Self> {
        let car = |number: usize| {
            let folder = folder.join(format!("vehicle-{number}"));
            let secret = Secret::read(&folder.join("vehicle.toml"))?;
            Ok(Car {
                id: secret.vehicle,
                vin: secret.vin,
                folder,
            })
        };
        Ok(Self {
            folder: folder.to_owned(),
            genesis: read_genesis(&folder.join("genesis.toml"))?,
            vehicles: (1..=vehicles).map(car).collect::<anyhow::Result<_>>()?,
        })
    }

    /// A vehicle's car.
    pub(super) fn car(&self, number: usize) -> anyhow::Result<&Car> {
        self.vehicles.get(number).context("no such vehicle")
    }

    /// Somebody's key, as `maker`.
    pub(super) fn key(&self, name: &str) -> anyhow::Result<SigningKey> {
        Ok(read_key(
            &self.folder.join("keys").join(format!("{name}.key")),
        )?)
    }

    /// How the ledger names somebody.
    pub(super) fn account(&self, name: &str) -> anyhow::Result<AccountKey> {
        Ok(self.key(name)?.verifying_key().into())
    }

    /// A vehicle's own key.
    pub(super) fn enrolment_key(&self, car: &Car) -> anyhow::Result<SigningKey> {
        Ok(read_key(&car.folder.join("enrolment.key"))?)
    }

    /// The birth of a vehicle, for the maker to sign, the owner and the vehicle.
    pub(super) fn birth(&self, car: &Car, built: Timestamp) -> anyhow::Result<Action> {
        let issuer = self.key("tag_issuer")?;
        let tag = VinTag::issue(&issuer, &car.vin);
        let tag = Digest::from_bytes(*tag.as_bytes());
        let maker = self.account("maker")?;
        Ok(Action::Birth(Birth {
            vehicle: car.id,
            vin: TagCertificate::issue(self.genesis.chain(), TagKind::Vehicle, tag, maker, &issuer),
            model: label("demo")?,
            built,
            enrolment_key: self.enrolment_key(car)?.verifying_key().into(),
            attestation: Digest::from_bytes([0; 32]),
            owner: self.account("owner")?,
        }))
    }

    /// A part's name on the ledger.
    pub(super) fn part(&self, serial: &str) -> anyhow::Result<PartTag> {
        Ok(PartTag::issue(&self.key("tag_issuer")?, PART_MAKER, serial))
    }

    /// The making of a part, for its maker to sign.
    pub(super) fn make_part(&self, serial: &str, kind: &str) -> anyhow::Result<Action> {
        let issuer = self.key("tag_issuer")?;
        let tag = Digest::from_bytes(*self.part(serial)?.as_bytes());
        let maker = self.account("part_maker")?;
        Ok(Action::MakePart(MakePart {
            certificate: TagCertificate::issue(
                self.genesis.chain(),
                TagKind::Part,
                tag,
                maker,
                &issuer,
            ),
            kind: label(kind)?,
            lot: label("lot-1")?,
            quality: Digest::from_bytes([0; 32]),
        }))
    }
}

fn label(text: &str) -> anyhow::Result<Label> {
    text.parse()
        .with_context(|| format!("{text:?} is no label"))
}

const PART_MAKER: &str = "demo parts";
