use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use wayside::{
    crypto::Digest,
    id::ChainId,
    ledger::{AccountKey, PartTag, TagCertificate, TagKind, VinTag},
    serve::read_key,
};

use super::genesis;

/// Makes the tag by which a vehicle or a part is unique on the ledger, and prints the certificate
/// that its maker needs. For the tag issuer.
#[derive(Args, Debug)]
pub(super) struct Tag {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// For a vehicle.
    Vehicle {
        /// The vehicle identification number (ISO 3779): 17 capital letters and digits.
        #[arg(value_parser = parse_vin)]
        vin: String,
        #[command(flatten)]
        issuing: Issuing,
    },
    /// For a part.
    Part {
        /// Who made it, by one name for ever.
        maker: String,
        /// Its serial number.
        serial: String,
        #[command(flatten)]
        issuing: Issuing,
    },
}

#[derive(Args, Debug)]
struct Issuing {
    /// The file of the tag issuer's key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The public half of the key that may use the certificate: the maker's.
    #[arg(long, value_name = "KEY")]
    claimant: AccountKey,
    /// The genesis of the ledger that it is for.
    #[arg(long, value_name = "FILE")]
    genesis: PathBuf,
}

impl Tag {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let certificate = match self.subject {
            Subject::Vehicle { vin, issuing } => {
                let chain = genesis::read(&issuing.genesis)?.chain();
                certify_vehicle(chain, issuing.claimant, &vin, &issuing.key)?
            }
            Subject::Part {
                maker,
                serial,
                issuing,
            } => {
                let chain = genesis::read(&issuing.genesis)?.chain();
                let key = read_key(&issuing.key)?;
                let tag = PartTag::issue(&key, &maker, &serial);
                let tag = Digest::from_bytes(*tag.as_bytes());
                TagCertificate::issue(chain, TagKind::Part, tag, issuing.claimant, &key)
            }
        };
        let text = serde_json::to_string(&certificate)?;
        writeln!(std::io::stdout(), "{text}")?;
        Ok(())
    }
}

/// The tag issuer's word for a vehicle identification number, with the key in a file.
pub(crate) fn certify_vehicle(
    chain: ChainId,
    claimant: AccountKey,
    vin: &str,
    key: &Path,
) -> anyhow::Result<TagCertificate> {
    let key = read_key(key)?;
    let tag = Digest::from_bytes(*VinTag::issue(&key, vin).as_bytes());
    Ok(TagCertificate::issue(
        chain,
        TagKind::Vehicle,
        tag,
        claimant,
        &key,
    ))
}

/// A vehicle identification number in its one form.
pub(super) fn parse_vin(text: &str) -> Result<String, String> {
    // ISO 3779:2009, 4.1: no I, O and Q, which look like digits.
    let is_allowed =
        |byte: u8| byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"IOQ".contains(&byte));
    let is_vin = text.len() == 17 && text.bytes().all(is_allowed);
    is_vin
        .then(|| text.to_owned())
        .ok_or_else(|| "17 digits and capital letters without I, O and Q are wanted".to_owned())
}
