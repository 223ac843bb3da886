use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use prost::Message as _;
use thiserror::Error;

use super::{
    Interest, InterestArea,
    interest::{
        AREAS_MAX, CAUSES_MAX, FIXED_RADIUS_MAX_M, HALF_WIDTH_MAX_M, HEARD_MAX, MOVING_REACH_MAX_M,
    },
    wire,
};
use crate::{
    evidence::{EVIDENCE_LEN_MAX, TESTIMONY_LEN_MAX},
    geo::{Area, Position},
    id::StationId,
};

/// What a vehicle and a unit, or two units, tell each other beside signed messages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// What its sender wants to be told. The newest counts.
    Interest(Interest),
    /// Whom to talk to directly, nearest first, at most [`NEIGHBOURS_MAX`]. The newest counts.
    Introduction(Vec<Neighbour>),
    /// Where units are: the sender first, then those beside it; at most [`UNITS_MAX`]. The newest
    /// counts.
    Units(Vec<UnitPlace>),
    /// What its sender dropped that was for the receiver, since it last said so; at most
    /// [`SHEDS_MAX`].
    Sheds(Vec<Shed>),
    /// What shows that a station lied: the bytes of an [`Evidence`](crate::evidence::Evidence), not
    /// looked at, at most [`EVIDENCE_LEN_MAX`] of them.
    Evidence(Bytes),
    /// What a station says against another: the bytes of a
    /// [`Testimony`](crate::evidence::Testimony), not looked at, at most [`TESTIMONY_LEN_MAX`] of them.
    Testimony(Bytes),
}

/// A vehicle that may be called directly.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Neighbour {
    /// Its name at present.
    pub station: StationId,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Where a unit is, and whom it serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnitPlace {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it stands.
    pub position: Position,
    /// How far it serves, 1 to [`FIXED_RADIUS_MAX_M`].
    pub radius_m: u32,
}

/// Messages that were dropped for one reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shed {
    /// Why.
    pub reason: ShedReason,
    /// How many.
    pub count: u64,
}

/// Why messages were dropped that somebody would have been told.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ShedReason {
    /// More arrived than can be verified: telemetry from far away was not looked at.
    Far,
    /// Far more arrived than can be verified: no telemetry was looked at.
    HazardsOnly,
    /// The receiver's connection took less than was for it.
    QueueFull,
    /// It waited for the receiver's connection until it was too old.
    Expired,
    /// The ticket of its signer had to wait, since the receiver takes so many at a time.
    TicketWaits,
    /// A reason that only a newer sender knows.
    Unknown,
}

/// Why bytes are no notice.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum NoticeError {
    /// Not protobuf.
    #[error("malformed protobuf: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// A field is absent or out of range.
    #[error("{0} is missing or out of range")]
    OutOfRange(&'static str),
}

impl ShedReason {
    /// Its name in metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Far => "far",
            Self::HazardsOnly => "hazards_only",
            Self::QueueFull => "queue_full",
            Self::Expired => "expired",
            Self::TicketWaits => "ticket_waits",
            Self::Unknown => "unknown",
        }
    }
}

impl UnitPlace {
    /// Whether a point lies where the unit serves.
    pub fn serves(&self, point: Position) -> bool {
        self.position.distance_m(point) <= f64::from(self.radius_m)
    }
}

impl Notice {
    /// Its bytes. What stands above the bounds of a list is left out.
    pub fn encode(&self) -> Bytes {
        let kind = match self {
            Self::Interest(interest) => wire::notice::Kind::Interest(interest_to_wire(interest)),
            Self::Introduction(neighbours) => {
                let neighbours = neighbours.iter().take(NEIGHBOURS_MAX);
                wire::notice::Kind::Introduction(wire::Introduction {
                    neighbours: neighbours.map(neighbour_to_wire).collect(),
                })
            }
            Self::Units(units) => wire::notice::Kind::Units(wire::Units {
                units: units.iter().take(UNITS_MAX).map(unit_to_wire).collect(),
            }),
            Self::Sheds(sheds) => wire::notice::Kind::Sheds(wire::Sheds {
                sheds: sheds.iter().take(SHEDS_MAX).map(shed_to_wire).collect(),
            }),
            Self::Evidence(evidence) => wire::notice::Kind::Evidence(wire::Evidence {
                evidence: evidence.clone(),
            }),
            Self::Testimony(testimony) => wire::notice::Kind::Testimony(wire::Testimony {
                testimony: testimony.clone(),
            }),
        };
        let notice = wire::Notice { kind: Some(kind) };
        notice.encode_to_vec().into()
    }

    /// Reads its bytes; `None` is a kind that only a newer sender knows.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, NoticeError> {
        let Some(kind) = wire::Notice::decode(bytes)?.kind else {
            return Ok(None);
        };
        Ok(Some(match kind {
            wire::notice::Kind::Interest(raw) => Self::Interest(interest(raw)?),
            wire::notice::Kind::Introduction(raw) => {
                let neighbours = bounded(raw.neighbours, NEIGHBOURS_MAX, "neighbours")?;
                Self::Introduction(neighbours.iter().map(neighbour).collect::<Result<_, _>>()?)
            }
            wire::notice::Kind::Units(raw) => {
                let units = bounded(raw.units, UNITS_MAX, "units")?;
                Self::Units(units.iter().map(unit).collect::<Result<_, _>>()?)
            }
            wire::notice::Kind::Sheds(raw) => {
                let sheds = bounded(raw.sheds, SHEDS_MAX, "sheds")?;
                Self::Sheds(sheds.iter().map(shed).collect())
            }
            wire::notice::Kind::Evidence(raw) if raw.evidence.len() <= EVIDENCE_LEN_MAX => {
                Self::Evidence(raw.evidence)
            }
            wire::notice::Kind::Evidence(_) => return Err(NoticeError::OutOfRange("evidence")),
            wire::notice::Kind::Testimony(raw) if raw.testimony.len() <= TESTIMONY_LEN_MAX => {
                Self::Testimony(raw.testimony)
            }
            wire::notice::Kind::Testimony(_) => return Err(NoticeError::OutOfRange("testimony")),
        }))
    }
}

fn interest_to_wire(interest: &Interest) -> wire::Interest {
    wire::Interest {
        areas: interest
            .areas
            .iter()
            .take(AREAS_MAX)
            .filter_map(area_to_wire)
            .collect(),
        telemetry: interest.telemetry,
        hazards: interest.hazards,
        causes: interest
            .causes
            .iter()
            .take(CAUSES_MAX)
            .map(|code| u32::from(*code))
            .collect(),
        telemetry_interval_min_ms: interest.telemetry_interval_min_ms.into(),
        heard: interest
            .heard
            .iter()
            .take(HEARD_MAX)
            .map(|station| Bytes::copy_from_slice(station.as_bytes()))
            .collect(),
        latitude_e7: interest.place.map(Position::latitude_e7),
        longitude_e7: interest.place.map(Position::longitude_e7),
        listen_port: interest.listen_port.map(u32::from),
    }
}

fn interest(raw: wire::Interest) -> Result<Interest, NoticeError> {
    let causes = bounded(raw.causes, CAUSES_MAX, "causes")?;
    let heard = bounded(raw.heard, HEARD_MAX, "heard")?;
    let areas = bounded(raw.areas, AREAS_MAX, "areas")?;
    Ok(Interest {
        areas: areas.into_iter().map(area).collect::<Result<_, _>>()?,
        telemetry: raw.telemetry,
        hazards: raw.hazards,
        causes: causes
            .into_iter()
            .map(|code| u8::try_from(code).ok().filter(|code| *code != 0))
            .collect::<Option<_>>()
            .ok_or(NoticeError::OutOfRange("causes"))?,
        telemetry_interval_min_ms: u16::try_from(raw.telemetry_interval_min_ms)
            .map_err(|_| NoticeError::OutOfRange("telemetry_interval_min_ms"))?,
        heard: heard
            .iter()
            .map(|bytes| station(bytes))
            .collect::<Result<_, _>>()?,
        place: match (raw.latitude_e7, raw.longitude_e7) {
            (None, None) => None,
            (Some(latitude_e7), Some(longitude_e7)) => Some(position(latitude_e7, longitude_e7)?),
            _ => return Err(NoticeError::OutOfRange("longitude_e7")),
        },
        listen_port: raw.listen_port.map(port).transpose()?,
    })
}

/// What is wider than the wire can say, a box, goes as its corners.
fn area_to_wire(area: &InterestArea) -> Option<wire::InterestArea> {
    use wire::interest_area::Kind;
    let kind = match area {
        InterestArea::Around { radius_m } => Kind::Around(wire::Around {
            radius_m: *radius_m,
        }),
        InterestArea::Ahead {
            length_m,
            half_width_m,
        } => Kind::Ahead(wire::Ahead {
            length_m: *length_m,
            half_width_m: *half_width_m,
        }),
        InterestArea::Fixed(Area::Circle { centre, radius_m }) => Kind::Circle(wire::Circle {
            latitude_e7: centre.latitude_e7(),
            longitude_e7: centre.longitude_e7(),
            radius_m: *radius_m,
        }),
        InterestArea::Fixed(Area::Polygon(ring)) => Kind::Polygon(polygon(ring.vertices())),
        InterestArea::Fixed(Area::Box {
            south_west,
            north_east,
        }) => {
            let (south, west) = (south_west.latitude_e7(), south_west.longitude_e7());
            let (north, east) = (north_east.latitude_e7(), north_east.longitude_e7());
            let corners = [(south, west), (south, east), (north, east), (north, west)];
            let corners: Option<Vec<_>> = corners
                .into_iter()
                .map(|(latitude, longitude)| Position::from_e7(latitude, longitude))
                .collect();
            Kind::Polygon(polygon(&corners?))
        }
    };
    Some(wire::InterestArea { kind: Some(kind) })
}

fn polygon(vertices: &[Position]) -> wire::Polygon {
    wire::Polygon {
        latitude_e7: vertices.iter().map(|it| it.latitude_e7()).collect(),
        longitude_e7: vertices.iter().map(|it| it.longitude_e7()).collect(),
    }
}

fn area(raw: wire::InterestArea) -> Result<InterestArea, NoticeError> {
    use wire::interest_area::Kind;
    match raw.kind.ok_or(NoticeError::OutOfRange("areas"))? {
        Kind::Around(raw) => Ok(InterestArea::Around {
            radius_m: within(raw.radius_m, MOVING_REACH_MAX_M, "radius_m")?,
        }),
        Kind::Ahead(raw) => Ok(InterestArea::Ahead {
            length_m: within(raw.length_m, MOVING_REACH_MAX_M, "length_m")?,
            half_width_m: within(raw.half_width_m, HALF_WIDTH_MAX_M, "half_width_m")?,
        }),
        Kind::Circle(raw) => Ok(InterestArea::Fixed(Area::Circle {
            centre: position(raw.latitude_e7, raw.longitude_e7)?,
            radius_m: within(raw.radius_m, FIXED_RADIUS_MAX_M, "radius_m")?,
        })),
        Kind::Polygon(raw) => fixed_polygon(&raw).map(InterestArea::Fixed),
    }
}

fn fixed_polygon(raw: &wire::Polygon) -> Result<Area, NoticeError> {
    let out_of_range = || NoticeError::OutOfRange("polygon");
    if raw.latitude_e7.len() != raw.longitude_e7.len() {
        return Err(out_of_range());
    }
    let vertices: Vec<_> = raw
        .latitude_e7
        .iter()
        .zip(&raw.longitude_e7)
        .map(|(latitude, longitude)| position(*latitude, *longitude))
        .collect::<Result<_, _>>()?;
    let area = Area::from_vertices(vertices).map_err(|_| out_of_range())?;
    let radius_m = area.bounds().map(|(_, radius_m)| radius_m);
    radius_m
        .filter(|radius_m| *radius_m <= f64::from(FIXED_RADIUS_MAX_M))
        .map(|_| area)
        .ok_or_else(out_of_range)
}

fn neighbour_to_wire(neighbour: &Neighbour) -> wire::Neighbour {
    wire::Neighbour {
        station: Bytes::copy_from_slice(neighbour.station.as_bytes()),
        ip: ip_to_wire(neighbour.address.ip()),
        port: neighbour.address.port().into(),
    }
}

fn neighbour(raw: &wire::Neighbour) -> Result<Neighbour, NoticeError> {
    Ok(Neighbour {
        station: station(&raw.station)?,
        address: address(&raw.ip, raw.port)?,
    })
}

fn unit_to_wire(unit: &UnitPlace) -> wire::UnitPlace {
    wire::UnitPlace {
        ip: ip_to_wire(unit.address.ip()),
        port: unit.address.port().into(),
        latitude_e7: unit.position.latitude_e7(),
        longitude_e7: unit.position.longitude_e7(),
        radius_m: unit.radius_m,
    }
}

fn unit(raw: &wire::UnitPlace) -> Result<UnitPlace, NoticeError> {
    Ok(UnitPlace {
        address: address(&raw.ip, raw.port)?,
        position: position(raw.latitude_e7, raw.longitude_e7)?,
        radius_m: within(raw.radius_m, FIXED_RADIUS_MAX_M, "radius_m")?,
    })
}

fn shed_to_wire(shed: &Shed) -> wire::Shed {
    let reason = match shed.reason {
        ShedReason::Far => wire::ShedReason::Far,
        ShedReason::HazardsOnly => wire::ShedReason::HazardsOnly,
        ShedReason::QueueFull => wire::ShedReason::QueueFull,
        ShedReason::Expired => wire::ShedReason::Expired,
        ShedReason::TicketWaits => wire::ShedReason::TicketWaits,
        ShedReason::Unknown => wire::ShedReason::Unspecified,
    };
    wire::Shed {
        reason: reason.into(),
        count: shed.count,
    }
}

fn shed(raw: &wire::Shed) -> Shed {
    let reason = match wire::ShedReason::try_from(raw.reason) {
        Ok(wire::ShedReason::Far) => ShedReason::Far,
        Ok(wire::ShedReason::HazardsOnly) => ShedReason::HazardsOnly,
        Ok(wire::ShedReason::QueueFull) => ShedReason::QueueFull,
        Ok(wire::ShedReason::Expired) => ShedReason::Expired,
        Ok(wire::ShedReason::TicketWaits) => ShedReason::TicketWaits,
        Ok(wire::ShedReason::Unspecified) | Err(_) => ShedReason::Unknown,
    };
    Shed {
        reason,
        count: raw.count,
    }
}

fn station(bytes: &[u8]) -> Result<StationId, NoticeError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| NoticeError::OutOfRange("station"))?;
    Ok(StationId::from_bytes(bytes))
}

fn position(latitude_e7: i32, longitude_e7: i32) -> Result<Position, NoticeError> {
    Position::from_e7(latitude_e7, longitude_e7).ok_or(NoticeError::OutOfRange("latitude_e7"))
}

fn address(ip: &[u8], number: u32) -> Result<SocketAddr, NoticeError> {
    let four = <[u8; 4]>::try_from(ip).map(IpAddr::from);
    let ip = four
        .or_else(|_| <[u8; 16]>::try_from(ip).map(IpAddr::from))
        .map_err(|_| NoticeError::OutOfRange("ip"))?;
    Ok(SocketAddr::new(ip, port(number)?))
}

fn ip_to_wire(ip: IpAddr) -> Bytes {
    match ip {
        IpAddr::V4(ip) => Bytes::copy_from_slice(&ip.octets()),
        IpAddr::V6(ip) => Bytes::copy_from_slice(&ip.octets()),
    }
}

fn port(raw: u32) -> Result<u16, NoticeError> {
    u16::try_from(raw)
        .ok()
        .filter(|port| *port != 0)
        .ok_or(NoticeError::OutOfRange("port"))
}

fn within(raw: u32, max: u32, field: &'static str) -> Result<u32, NoticeError> {
    (1..=max)
        .contains(&raw)
        .then_some(raw)
        .ok_or(NoticeError::OutOfRange(field))
}

fn bounded<T>(list: Vec<T>, max: usize, field: &'static str) -> Result<Vec<T>, NoticeError> {
    if list.len() <= max {
        Ok(list)
    } else {
        Err(NoticeError::OutOfRange(field))
    }
}

/// Most vehicles that one introduction names.
pub const NEIGHBOURS_MAX: usize = 64;
/// Most units that one notice names.
pub const UNITS_MAX: usize = 32;
/// Most reasons that one notice gives.
pub const SHEDS_MAX: usize = 16;
