use std::collections::BTreeMap;

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::{
    ImportError,
    assembly::{Assembly, Read},
    columns::{Columns, Quantity},
    place::{after_epoch, front_of, in_plane, origin, turned},
    unpack::offset,
};
use crate::{
    geo::{LocalFrame, Offset, Position},
    message::{AccelerationControl, ExteriorLights, StationType, Telemetry},
    replay::{Cut, Label},
    time::Timestamp,
    units::{Acceleration, Altitude, Length, Speed, YawRate},
};

/// The columns of a table that starts with a line of names.
pub(super) fn header(text: &str) -> Vec<&str> {
    let line = text.lines().next().unwrap_or_default();
    let separator = char::from(separator(line));
    line.split(separator)
        .map(|name| name.trim().trim_matches('"'))
        .collect()
}

/// Reads a table of states, one a line, with a header.
pub(super) fn read(text: &str, map: Option<&str>) -> Result<Read, ImportError> {
    let mut import = Import::new(text, map)?;
    let cut = import.read(text, Import::row);
    let open: Vec<_> = std::mem::take(&mut import.open_labels)
        .into_values()
        .collect();
    for label in open {
        import.assembly.label(label);
    }
    Ok((import.assembly, cut))
}

/// A table that is being read.
pub(super) struct Import {
    pub(super) assembly: Assembly,
    width: usize,
    columns: Columns,
    frame: LocalFrame,
    /// The label that a vehicle's rows bear at the moment; its end moves with each row.
    open_labels: BTreeMap<usize, Label>,
}

/// One line of the table.
pub(super) struct Row<'a> {
    columns: &'a Columns,
    fields: &'a StringRecord,
}

impl<'a> Row<'a> {
    pub(super) fn text(&self, quantity: Quantity) -> Option<&'a str> {
        self.column(self.columns.get(quantity)?.index)
    }

    /// `None` of a column that is empty there.
    pub(super) fn column(&self, index: usize) -> Option<&'a str> {
        let text = self.fields.get(index)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// NaN for what is there but no number.
    fn number(&self, quantity: Quantity) -> Option<f64> {
        let factor = self.columns.get(quantity)?.factor;
        let number: f64 = self.text(quantity)?.parse().unwrap_or(f64::NAN);
        Some(number * factor)
    }

    /// A flag that is written as 0 and 1, or in words.
    fn flag(&self, quantity: Quantity) -> Option<bool> {
        match self.text(quantity)?.to_ascii_lowercase().as_str() {
            "1" | "1.0" | "true" | "yes" => Some(true),
            "0" | "0.0" | "false" | "no" => Some(false),
            _ => None,
        }
    }
}

impl Import {
    pub(super) fn new(text: &str, map: Option<&str>) -> Result<Self, ImportError> {
        let header = header(text);
        let columns = match map {
            Some(map) => Columns::from_map(map, &header)?,
            None => Columns::for_header(&header).ok_or_else(|| {
                let named: String = header.join(", ").chars().take(HEADER_SHOWN_MAX).collect();
                ImportError::Columns(format!(
                    "the table's columns are {named}: say which holds what with a column map, \
                     for instance time=t_s,vehicle=id,latitude=lat,longitude=lon"
                ))
            })?,
        };
        let mut import = Self {
            assembly: Assembly::default(),
            width: header.len(),
            columns,
            frame: LocalFrame::at(origin()),
            open_labels: BTreeMap::new(),
        };
        import.note_assumptions();
        Ok(import)
    }

    fn note_assumptions(&mut self) {
        let has = |quantity| self.columns.get(quantity).is_some();
        if !has(Quantity::UnixTime) {
            self.assembly.note_epoch();
        }
        if !has(Quantity::Latitude) {
            self.assembly.note(
                "positions are metres without a place: taken as east and north of 48° N 11° E",
            );
        }
        if self.columns.centre {
            self.assembly.note(
                "positions are of the vehicle's centre: moved to the front by half the length \
                 where heading and length are known",
            );
        }
    }

    /// Hands every whole line to `take`; ends where that says why it cannot go on.
    pub(super) fn read(
        &mut self,
        text: &str,
        mut take: impl FnMut(&mut Self, &Row<'_>) -> Result<(), String>,
    ) -> Option<Cut> {
        let columns = self.columns.clone();
        let width = self.width;
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .delimiter(separator(text.lines().next().unwrap_or_default()))
            .from_reader(text.as_bytes());
        let mut fields = StringRecord::new();
        loop {
            let at = reader.position().byte();
            let line = reader.position().line();
            match reader.read_record(&mut fields) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) if matches!(error.kind(), ErrorKind::Utf8 { .. }) => {
                    self.assembly.leave_out("lines that are not text");
                    continue;
                }
                Err(error) => {
                    let why = format!("line {line}: {error}");
                    return Some(Cut { at, why });
                }
            }
            let last = reader.position().byte() >= offset(text.len());
            if fields.len() < width && last && !text.ends_with('\n') {
                let why = format!("line {line} ends after {} of {width} columns", fields.len());
                return Some(Cut { at, why });
            }
            if fields.len() != width {
                self.assembly
                    .leave_out("lines with too few or too many columns");
                continue;
            }
            let row = Row {
                columns: &columns,
                fields: &fields,
            };
            if let Err(why) = take(self, &row) {
                return Some(Cut { at, why });
            }
        }
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), String> {
        let Some((name, time, telemetry)) = self.state(row) else {
            return Ok(());
        };
        let position = telemetry.position;
        self.assembly.add(name, time, telemetry)?;
        if let Some(label) = row.text(Quantity::Label) {
            self.label(name, time, label, position);
        }
        Ok(())
    }

    /// Who says what and when; `None`, and counted, of a line that does not tell.
    pub(super) fn state<'a>(&mut self, row: &Row<'a>) -> Option<(&'a str, Timestamp, Telemetry)> {
        let Some(name) = row.text(Quantity::Vehicle) else {
            self.assembly.leave_out("lines without a vehicle");
            return None;
        };
        let (time, position) = (self.time(row)?, self.position(row)?);
        Some((name, time, self.telemetry(row, position)))
    }

    fn time(&mut self, row: &Row<'_>) -> Option<Timestamp> {
        if let Some(seconds) = row.number(Quantity::UnixTime) {
            return self.assembly.take("time", Some(seconds), unix_time);
        }
        let seconds = row.number(Quantity::Time);
        self.assembly.take("time", Some(seconds), |seconds| {
            seconds.and_then(after_epoch)
        })
    }

    fn position(&mut self, row: &Row<'_>) -> Option<Position> {
        let degrees = row
            .number(Quantity::Latitude)
            .zip(row.number(Quantity::Longitude));
        let metres = row.number(Quantity::East).zip(row.number(Quantity::North));
        let frame = &self.frame;
        self.assembly
            .take("position", Some((degrees, metres)), |place| match place {
                (Some((latitude, longitude)), _) => Position::from_deg(latitude, longitude),
                (None, Some((east, north))) => in_plane(frame, east, north),
                (None, None) => None,
            })
    }

    fn telemetry(&mut self, row: &Row<'_>, position: Position) -> Telemetry {
        let assembly = &mut self.assembly;
        let mut telemetry = Telemetry::at(position);
        let velocity = row
            .number(Quantity::VelocityEast)
            .zip(row.number(Quantity::VelocityNorth))
            .map(|(east_m, north_m)| Offset { east_m, north_m });
        let of_orientation = row
            .number(Quantity::Orientation)
            .map(|turned| 90.0 - turned);
        telemetry.heading = assembly
            .take(
                "heading",
                row.number(Quantity::Heading).or(of_orientation),
                turned,
            )
            .or_else(|| velocity.and_then(Offset::heading));
        telemetry.speed = assembly.take(
            "speed",
            row.number(Quantity::Speed)
                .or_else(|| velocity.map(Offset::length_m)),
            Speed::from_m_per_s,
        );
        telemetry.altitude =
            assembly.take("altitude", row.number(Quantity::Altitude), Altitude::from_m);
        telemetry.longitudinal_acceleration = assembly.take(
            "acceleration",
            row.number(Quantity::Acceleration),
            Acceleration::from_m_per_s2,
        );
        telemetry.yaw_rate = assembly.take(
            "yaw rate",
            row.number(Quantity::YawRate),
            YawRate::from_deg_per_s,
        );
        telemetry.length = assembly.take("length", row.number(Quantity::Length), Length::from_m);
        telemetry.width = assembly.take("width", row.number(Quantity::Width), Length::from_m);
        telemetry.acceleration_control = row.flag(Quantity::Brake).map(|on| {
            AccelerationControl(if on {
                AccelerationControl::BRAKE_PEDAL
            } else {
                0
            })
        });
        let hazard_lights = ExteriorLights::LEFT_TURN | ExteriorLights::RIGHT_TURN;
        telemetry.exterior_lights = row
            .flag(Quantity::Hazard)
            .map(|on| ExteriorLights(if on { hazard_lights } else { 0 }));
        telemetry.station_type = row.text(Quantity::Kind).and_then(station_type);
        if self.columns.centre {
            let front = telemetry
                .heading
                .zip(telemetry.length)
                .and_then(|(heading, length)| front_of(position, heading, length));
            match front {
                Some(front) => telemetry.position = front,
                None => assembly.stays_at_centre(),
            }
        }
        telemetry
    }

    /// Joins equal labels of one vehicle to one, from its first row to its last.
    fn label(&mut self, vehicle: &str, time: Timestamp, name: &str, position: Position) {
        let vehicle = self.assembly.vehicle(vehicle);
        if let Some(open) = self.open_labels.get_mut(&vehicle) {
            if open.name == name {
                open.until = open.until.max(Some(time));
                return;
            }
            if let Some(closed) = self.open_labels.remove(&vehicle) {
                self.assembly.label(closed);
            }
        }
        if name == GENUINE {
            return;
        }
        self.open_labels.insert(
            vehicle,
            Label {
                from: time,
                until: Some(time),
                vehicle: Some(vehicle),
                name: name.to_owned(),
                cause: None,
                position: Some(position),
            },
        );
    }
}

fn unix_time(seconds: f64) -> Option<Timestamp> {
    let ms = (seconds * 1_000.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and within 2^48 by the condition, which is false for NaN"
    )]
    (0.0..281_474_976_710_656.0)
        .contains(&ms)
        .then_some(ms as u64)
        .and_then(Timestamp::from_unix_ms)
}

/// The one of the usual separators that the header has most of.
fn separator(header: &str) -> u8 {
    [b',', b';', b'\t']
        .into_iter()
        .rev()
        .max_by_key(|separator| header.bytes().filter(|byte| byte == separator).count())
        .unwrap_or(b',')
}

fn station_type(name: &str) -> Option<StationType> {
    match name.to_ascii_lowercase().as_str() {
        "car" => Some(StationType::PASSENGER_CAR),
        "truck" => Some(StationType::HEAVY_TRUCK),
        "bus" => Some(StationType::BUS),
        "motorcycle" => Some(StationType::MOTORCYCLE),
        "bicycle" => Some(StationType::CYCLIST),
        "pedestrian" => Some(StationType::PEDESTRIAN),
        _ => None,
    }
}

/// The label of rows that nothing is to be said about.
pub(super) const GENUINE: &str = "genuine";

const HEADER_SHOWN_MAX: usize = 200;
