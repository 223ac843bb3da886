use std::collections::BTreeMap;

use super::{
    ImportError,
    assembly::{NAME_LEN_MAX, RECORDS_MAX, VEHICLES_MAX},
    columns::Quantity,
    explain,
    table::{GENUINE, Import, Row, header},
    unpack,
};
use crate::{message::Telemetry, replay::Cut, time::Timestamp};

/// What was heard on a road, with the truth about each message.
///
/// A [`Drive`](crate::replay::Drive) holds where vehicles are, once for each moment. This holds what
/// was said, under whatever name, as often and in the order in which it came.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledTraffic {
    /// The messages in the order in which they came.
    pub messages: Vec<LabelledMessage>,
    /// The names that were spoken under, by [`LabelledMessage::sender`].
    pub senders: Vec<String>,
    /// The vehicles that really spoke, by [`LabelledMessage::vehicle`].
    pub vehicles: Vec<String>,
    /// What was assumed or left out.
    pub notes: Vec<String>,
    /// Where reading ended, unless that was the recording's end.
    pub cut: Option<Cut>,
}

/// One message, and what is true of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledMessage {
    /// An index into [`LabelledTraffic::senders`].
    pub sender: usize,
    /// An index into [`LabelledTraffic::vehicles`].
    pub vehicle: usize,
    /// What it says.
    pub telemetry: Telemetry,
    /// When it says that it was generated.
    pub generated: Timestamp,
    /// When it comes. The recording does not tell: it is when the message says that it was generated,
    /// but no earlier than what the last honest one above it says. Of those that come at one moment,
    /// honest ones are first: who repeats another has heard it.
    pub received: Timestamp,
    /// What kind of lie it is; `None` of an honest one.
    pub lie: Option<String>,
}

/// Reads a table of messages, packed with gzip or not, that has columns `true_vehicle` and `label`
/// beside the usual ones; `None` of any other recording.
///
/// `name` is where it comes from, for messages.
pub fn import_labelled(name: &str, bytes: &[u8]) -> Result<Option<LabelledTraffic>, ImportError> {
    let (content, packing) = unpack::unpack(name, bytes, unpack::UNPACKED_LEN_MAX)?;
    let (text, _, encoding) = unpack::text(&content);
    let header = header(text);
    let column = |name: &str| header.iter().position(|column| *column == name);
    let (Some(true_vehicle), Some(_)) = (column("true_vehicle"), column("label")) else {
        return Ok(None);
    };
    let mut import = Import::new(text, None)?;
    let mut heard = Heard {
        true_vehicle,
        ..Heard::default()
    };
    let cut = import.read(text, |import, row| heard.row(import, row));
    let cut = explain(cut, encoding.or(packing));
    let mut notes = import.assembly.into_notes();
    if heard.messages.is_empty() {
        return Err(match cut {
            Some(cut) => ImportError::Damaged { format: CSV, cut },
            None => ImportError::NoVehicles { format: CSV, notes },
        });
    }
    if let Some(cut) = &cut {
        notes.push(format!("the source is not complete: {cut}"));
    }
    // Stable: what else comes at one moment stays in the order of the recording.
    heard
        .messages
        .sort_by_key(|message| (message.received, message.lie.is_some()));
    Ok(Some(LabelledTraffic {
        messages: heard.messages,
        senders: heard.senders.names,
        vehicles: heard.vehicles.names,
        notes,
        cut,
    }))
}

#[derive(Default)]
struct Heard {
    true_vehicle: usize,
    messages: Vec<LabelledMessage>,
    senders: Names,
    vehicles: Names,
    /// What the last honest message says.
    clock: Option<Timestamp>,
}

impl Heard {
    fn row(&mut self, import: &mut Import, row: &Row<'_>) -> Result<(), String> {
        let Some((sender, generated, telemetry)) = import.state(row) else {
            return Ok(());
        };
        let truth = row.column(self.true_vehicle).zip(row.text(Quantity::Label));
        let Some((vehicle, label)) = truth else {
            import
                .assembly
                .leave_out("lines without a true vehicle or a label");
            return Ok(());
        };
        if [sender, vehicle, label]
            .iter()
            .any(|name| name.len() > NAME_LEN_MAX)
        {
            import.assembly.leave_out("lines with an overlong name");
            return Ok(());
        }
        if self.messages.len() >= RECORDS_MAX {
            return Err(format!("at most {RECORDS_MAX} messages are read"));
        }
        let lie = (label != GENUINE).then(|| label.to_owned());
        if lie.is_none() {
            self.clock = self.clock.max(Some(generated));
        }
        self.messages.push(LabelledMessage {
            sender: self.senders.number(sender)?,
            vehicle: self.vehicles.number(vehicle)?,
            telemetry,
            generated,
            received: self.clock.map_or(generated, |clock| clock.max(generated)),
            lie,
        });
        Ok(())
    }
}

/// Names in the order in which they first come.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Names {
    fn number(&mut self, name: &str) -> Result<usize, String> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let number = self.names.len();
        if number >= VEHICLES_MAX {
            return Err(format!("at most {VEHICLES_MAX} names are read"));
        }
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        Ok(number)
    }
}

const CSV: &str = "CSV";
