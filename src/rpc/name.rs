use super::{
    error::{FieldError, FieldProblem},
    field::present,
    types::v1 as wire,
};
use crate::id::{ActionId, StationId};

/// Reads a station's name: 16 hexadecimal digits, of either case.
pub fn parse_station(text: &str, field: &str) -> Result<StationId, FieldError> {
    if text.is_empty() {
        return Err(FieldError::new(field, FieldProblem::Missing));
    }
    let parse = || {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(text, 16).ok())??;
        Some(StationId::from_bytes(number.to_be_bytes()))
    };
    parse().ok_or_else(|| FieldError::new(field, FieldProblem::Malformed("16 hexadecimal digits")))
}

/// Reads the client's own name for a request: at most 64 letters, digits and any of `-_.:`;
/// `None` if it gave none.
pub fn parse_request_id(text: &str) -> Result<Option<&str>, FieldError> {
    if text.is_empty() {
        return Ok(None);
    }
    let well_formed = text.len() <= REQUEST_ID_LEN_MAX && text.bytes().all(plain);
    well_formed.then_some(Some(text)).ok_or_else(|| {
        let problem = FieldProblem::Malformed("at most 64 letters, digits and any of -_.:");
        FieldError::new("request_id", problem)
    })
}

/// Reads an operator's own name for a hazard: 1 to 64 letters, digits and any of `-_.:`.
pub fn parse_hazard_id(text: &str) -> Result<&str, FieldError> {
    let field = "hazard_id";
    if text.is_empty() {
        return Err(FieldError::new(field, FieldProblem::Missing));
    }
    let well_formed = text.len() <= REQUEST_ID_LEN_MAX && text.bytes().all(plain);
    well_formed.then_some(text).ok_or_else(|| {
        let problem = FieldProblem::Malformed("at most 64 letters, digits and any of -_.:");
        FieldError::new(field, problem)
    })
}

impl From<ActionId> for wire::ActionId {
    fn from(action: ActionId) -> Self {
        Self {
            station_id: action.station.to_string(),
            sequence: Some(action.sequence.into()),
        }
    }
}

impl TryFrom<&wire::ActionId> for ActionId {
    type Error = FieldError;

    fn try_from(action: &wire::ActionId) -> Result<Self, FieldError> {
        let sequence = present(action.sequence, "sequence")?;
        Ok(Self {
            station: parse_station(&action.station_id, "station_id")?,
            sequence: u16::try_from(sequence).map_err(|_| {
                FieldError::new("sequence", FieldProblem::OutOfRange("0 to 65 535"))
            })?,
        })
    }
}

/// Converts an event's name that must be there.
pub fn required_action(action: Option<&wire::ActionId>) -> Result<ActionId, FieldError> {
    ActionId::try_from(present(action, "action_id")?).map_err(|error| error.within("action_id"))
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)
}

const REQUEST_ID_LEN_MAX: usize = 64;
