use super::ImportError;

/// What a column of a table can hold.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Quantity {
    Time,
    UnixTime,
    Vehicle,
    Latitude,
    Longitude,
    East,
    North,
    Altitude,
    Heading,
    Orientation,
    Speed,
    VelocityEast,
    VelocityNorth,
    Acceleration,
    YawRate,
    Length,
    Width,
    Brake,
    Hazard,
    Kind,
    Label,
}

/// Which column holds a quantity, and the factor to its unit (s, °, m, m/s, m/s²).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) quantity: Quantity,
    pub(super) index: usize,
    pub(super) factor: f64,
}

/// Which columns hold what.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Columns {
    columns: Vec<Column>,
    /// Whether positions are of the vehicle's centre, not of its front.
    pub(super) centre: bool,
}

impl Columns {
    /// Reads a map such as `time=t_s,vehicle=id,latitude=lat,longitude=lon,speed_km_per_h=v`.
    ///
    /// The unit stands at the end of the quantity or of the column's name; without one it is s,
    /// °, m, m/s or m/s². `position=centre` says that positions are not of the vehicle's front.
    pub(super) fn from_map(map: &str, header: &[&str]) -> Result<Self, ImportError> {
        let mut columns = Vec::new();
        let mut centre = false;
        for entry in map
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            let (key, name) = entry.split_once('=').ok_or_else(|| {
                ImportError::Columns(format!(
                    "column map: {entry:?} is not of the form what=column"
                ))
            })?;
            let (key, name) = (key.trim(), name.trim());
            if key == "position" {
                centre = match name {
                    "centre" => true,
                    "front" => false,
                    _ => {
                        let why = format!("column map: position is centre or front, not {name:?}");
                        return Err(ImportError::Columns(why));
                    }
                };
                continue;
            }
            let index = header
                .iter()
                .position(|column| *column == name)
                .ok_or_else(|| {
                    ImportError::Columns(format!(
                        "column map: the table has no column {name:?}; it has {}",
                        header.join(", ")
                    ))
                })?;
            columns.push(column(key, name, index)?);
        }
        let columns = Self { columns, centre };
        columns.check()?;
        Ok(columns)
    }

    /// The map for a header that is known without being told, if it is one.
    pub(super) fn for_header(header: &[&str]) -> Option<Self> {
        KNOWN
            .into_iter()
            .find_map(|map| Self::from_map(map, header).ok())
    }

    /// The column of a quantity.
    pub(super) fn get(&self, quantity: Quantity) -> Option<Column> {
        self.columns
            .iter()
            .copied()
            .find(|column| column.quantity == quantity)
    }

    fn check(&self) -> Result<(), ImportError> {
        let has = |quantity| self.get(quantity).is_some();
        let missing = if !has(Quantity::Time) && !has(Quantity::UnixTime) {
            "time (or unix_time)"
        } else if !has(Quantity::Vehicle) {
            "vehicle"
        } else if !(has(Quantity::Latitude) && has(Quantity::Longitude)
            || has(Quantity::East) && has(Quantity::North))
        {
            "latitude and longitude (or east and north)"
        } else {
            return Ok(());
        };
        Err(ImportError::Columns(format!(
            "column map: {missing} is missing"
        )))
    }
}

fn column(key: &str, name: &str, index: usize) -> Result<Column, ImportError> {
    for (word, quantity, units) in QUANTITIES {
        let Some(unit) = key.strip_prefix(word) else {
            continue;
        };
        if let Some(unit) = unit.strip_prefix('_') {
            if let Some((_, factor)) = units.iter().find(|(suffix, _)| *suffix == unit) {
                return Ok(Column {
                    quantity,
                    index,
                    factor: *factor,
                });
            }
        } else if unit.is_empty() {
            let of_name = units.iter().find(|(suffix, _)| {
                name.strip_suffix(suffix)
                    .is_some_and(|rest| rest.ends_with('_'))
            });
            let factor = of_name.or(units.first()).map_or(1.0, |(_, factor)| *factor);
            return Ok(Column {
                quantity,
                index,
                factor,
            });
        }
    }
    let known: Vec<_> = QUANTITIES.iter().map(|(word, _, _)| *word).collect();
    Err(ImportError::Columns(format!(
        "column map: {key:?} is no quantity with a known unit; quantities are {}",
        known.join(", ")
    )))
}

/// A word of the map, what it stands for, and its units, the one that is meant without a suffix
/// first.
type Word = (&'static str, Quantity, &'static [(&'static str, f64)]);

/// The longer word of two that begin alike comes first.
const QUANTITIES: [Word; 21] = [
    ("time", Quantity::Time, TIME),
    ("unix_time", Quantity::UnixTime, TIME),
    ("vehicle", Quantity::Vehicle, &[]),
    (
        "latitude",
        Quantity::Latitude,
        &[("deg", 1.0), ("e7", 1e-7)],
    ),
    (
        "longitude",
        Quantity::Longitude,
        &[("deg", 1.0), ("e7", 1e-7)],
    ),
    ("east", Quantity::East, LENGTH),
    ("north", Quantity::North, LENGTH),
    ("altitude", Quantity::Altitude, LENGTH),
    ("heading", Quantity::Heading, ANGLE),
    ("orientation", Quantity::Orientation, ANGLE),
    ("speed", Quantity::Speed, SPEED),
    ("velocity_east", Quantity::VelocityEast, SPEED),
    ("velocity_north", Quantity::VelocityNorth, SPEED),
    ("acceleration", Quantity::Acceleration, ACCELERATION),
    (
        "yaw_rate",
        Quantity::YawRate,
        &[("deg_per_s", 1.0), ("rad_per_s", DEG_PER_RAD)],
    ),
    ("length", Quantity::Length, LENGTH),
    ("width", Quantity::Width, LENGTH),
    ("brake", Quantity::Brake, &[]),
    ("hazard", Quantity::Hazard, &[]),
    ("type", Quantity::Kind, &[]),
    ("label", Quantity::Label, &[]),
];
const TIME: &[(&str, f64)] = &[("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)];
const LENGTH: &[(&str, f64)] = &[("m", 1.0), ("cm", 0.01), ("mm", 0.001), ("ft", M_PER_FT)];
const ANGLE: &[(&str, f64)] = &[("deg", 1.0), ("rad", DEG_PER_RAD)];
const SPEED: &[(&str, f64)] = &[
    ("m_per_s", 1.0),
    ("mps", 1.0),
    ("km_per_h", 1.0 / 3.6),
    ("kmh", 1.0 / 3.6),
    ("mph", 0.447_04),
    ("ft_per_s", M_PER_FT),
];
const ACCELERATION: &[(&str, f64)] = &[("m_per_s2", 1.0), ("mps2", 1.0), ("ft_per_s2", M_PER_FT)];
const M_PER_FT: f64 = 0.3048;
const DEG_PER_RAD: f64 = 57.295_779_513_082_32;

/// Headers that need no map: our own of lies and incidents, and INTERACTION's tracks.
const KNOWN: [&str; 3] = [
    "time=t_s,vehicle=sender,latitude=lat,longitude=lon,heading=heading_deg,speed=speed_mps,\
     acceleration=accel_mps2,brake=brake,hazard=hazard,label=label",
    "position=centre,time=timestamp_ms,vehicle=track_id,type=agent_type,east=x,north=y,\
     velocity_east=vx,velocity_north=vy,orientation=psi_rad,length=length,width=width",
    "position=centre,time=timestamp_ms,vehicle=track_id,type=agent_type,east=x,north=y,\
     velocity_east=vx,velocity_north=vy",
];
