use super::{
    error::{FieldError, FieldProblem},
    field::present,
    ledger::v1 as wire,
    time::to_wire_time,
};
use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId, bytes_from_hex},
    ledger::{AccountKey, Header, Outcome, TransactionId, Vehicle, VehicleStatus},
    time::Timestamp,
};

/// Reads a vehicle's name on the ledger: its home shard, a hyphen and 64 hexadecimal digits.
pub fn parse_vehicle(text: &str, field: &str) -> Result<VehicleId, FieldError> {
    let form = "a shard's number, a hyphen and 64 hexadecimal digits";
    named(text, field)?
        .parse()
        .map_err(|_| FieldError::new(field, FieldProblem::Malformed(form)))
}

/// Reads a public key: 64 hexadecimal digits.
pub fn parse_account(text: &str, field: &str) -> Result<AccountKey, FieldError> {
    digits(text, field).map(AccountKey::from_bytes)
}

/// Reads a transaction's id: 64 hexadecimal digits.
pub fn parse_transaction(text: &str, field: &str) -> Result<TransactionId, FieldError> {
    let digits = digits(text, field)?;
    Ok(TransactionId::from_digest(Digest::from_bytes(digits)))
}

/// Reads a shard's number.
pub fn parse_shard(number: u32, field: &str) -> Result<ShardId, FieldError> {
    u16::try_from(number)
        .map(ShardId)
        .map_err(|_| FieldError::new(field, FieldProblem::OutOfRange("0 to 65 535")))
}

/// A finalized block by its header.
pub fn to_wire_tip(header: &Header) -> wire::Tip {
    wire::Tip {
        shard_id: header.shard.0.into(),
        height: header.height,
        digest: header.digest().to_string(),
        time: Some(to_wire_time(header.time)),
        state_root: header.state_root.to_string(),
        rules: header.rules.into(),
    }
}

/// What became of an entry, by its outcome's code.
pub fn to_wire_outcome(code: u16) -> wire::Outcome {
    let rule = match Outcome::from_code(code) {
        Some(Outcome::Applied) => "",
        Some(Outcome::Refused(rule)) => rule.name(),
        None => UNKNOWN_RULE,
    };
    wire::Outcome {
        applied: code == 0,
        code: code.into(),
        rule: rule.to_owned(),
    }
}

/// A place in a block, and what became of what stands there.
pub fn to_wire_finalized(
    height: u64,
    entry: u32,
    time: Option<Timestamp>,
    outcome: u16,
) -> wire::Finalized {
    wire::Finalized {
        height,
        entry,
        time: time.map(to_wire_time),
        outcome: Some(to_wire_outcome(outcome)),
    }
}

/// What the ledger says of a vehicle after the block of `header`; `value` is all of it.
pub fn to_wire_vehicle(
    id: VehicleId,
    vehicle: &Vehicle,
    value: Vec<u8>,
    header: &Header,
) -> wire::Vehicle {
    let status = match vehicle.status {
        VehicleStatus::Pending => "pending",
        VehicleStatus::Active => "active",
        VehicleStatus::Refused => "refused",
        VehicleStatus::Retired => "retired",
    };
    let blocks = [
        (vehicle.blocks.stolen, "stolen"),
        (vehicle.blocks.lien.is_some(), "lien"),
        (vehicle.blocks.dispute, "dispute"),
    ];
    let holder = vehicle
        .custody
        .filter(|custody| custody.until > header.time)
        .map(|custody| custody.holder.to_string());
    wire::Vehicle {
        vehicle_id: id.to_string(),
        status: status.to_owned(),
        owner: vehicle.owner.to_string(),
        owner_epoch: vehicle.owner_epoch,
        enrolment_key: vehicle.enrolment_key.to_string(),
        custodian: holder.unwrap_or_default(),
        odometer_m: Some(u64::from(vehicle.odometer.km) * 1_000),
        odometer_time: Some(to_wire_time(vehicle.odometer.read)),
        records: vehicle.history.sequence,
        history_digest: vehicle.history.digest.to_string(),
        value: value.into(),
        as_of: Some(to_wire_tip(header)),
        blocks: blocks
            .into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, name)| name.to_owned())
            .collect(),
        maker: vehicle.maker.to_string(),
        model: vehicle.model.to_string(),
    }
}

fn digits(text: &str, field: &str) -> Result<[u8; 32], FieldError> {
    bytes_from_hex(named(text, field)?)
        .map_err(|_| FieldError::new(field, FieldProblem::Malformed("64 hexadecimal digits")))
}

fn named<'a>(text: &'a str, field: &str) -> Result<&'a str, FieldError> {
    present((!text.is_empty()).then_some(text), field)
}

/// The outcome of a rule that a newer version of the software made.
const UNKNOWN_RULE: &str = "unknown_rule";
