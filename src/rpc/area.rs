use super::{
    error::{FieldError, FieldProblem},
    field::{present, radius_m},
    state::place_of,
    types::v1 as wire,
};
use crate::{
    geo::{Area, AreaError, Position},
    world::AreaFilter,
};

/// Converts the area of a request; everywhere, where it is absent.
pub fn area_filter(area: Option<&wire::Area>) -> Result<AreaFilter, FieldError> {
    let Some(area) = area else {
        return Ok(AreaFilter::Everywhere);
    };
    AreaFilter::try_from(area).map_err(|error| error.within("area"))
}

impl TryFrom<&wire::Area> for AreaFilter {
    type Error = FieldError;

    fn try_from(area: &wire::Area) -> Result<Self, FieldError> {
        match present(area.kind.as_ref(), "kind")? {
            wire::area::Kind::Circle(circle) => Ok(Self::Fixed(Area::Circle {
                centre: corner(circle.centre.as_ref(), "circle.centre")?,
                radius_m: radius_m(circle.radius_m, "circle.radius_m")?,
            })),
            wire::area::Kind::Box(corners) => {
                let south_west = corner(corners.south_west.as_ref(), "box.south_west")?;
                let north_east = corner(corners.north_east.as_ref(), "box.north_east")?;
                Area::from_corners(south_west, north_east)
                    .map(Self::Fixed)
                    .map_err(|error| refused(error, "box"))
            }
            wire::area::Kind::Polygon(polygon) => polygon
                .vertices
                .iter()
                .enumerate()
                .map(|(index, vertex)| corner(Some(vertex), &format!("polygon.vertices[{index}]")))
                // One more than allowed is enough to refuse, however many were sent.
                .take(crate::geo::VERTICES_MAX + 1)
                .collect::<Result<Vec<_>, _>>()
                .and_then(|vertices| {
                    Area::from_vertices(vertices)
                        .map(Self::Fixed)
                        .map_err(|error| refused(error, "polygon.vertices"))
                }),
            wire::area::Kind::AroundMe(around) => Ok(Self::AroundOwn {
                radius_m: radius_m(around.radius_m, "around_me.radius_m")?,
            }),
        }
    }
}

fn corner(place: Option<&wire::Position>, field: &str) -> Result<Position, FieldError> {
    place_of(present(place, field)?)
        .map(|(position, _)| position)
        .map_err(|error| error.within(field))
}

fn refused(error: AreaError, field: &str) -> FieldError {
    let problem = match error {
        AreaError::Inverted => {
            FieldProblem::Malformed("ordered: its south lies north of its north")
        }
        AreaError::Vertices(_) => FieldProblem::Malformed("3 to 64 corners"),
        AreaError::CrossesMeridian => {
            FieldProblem::Malformed("cut at the 180th meridian, which it crosses")
        }
    };
    FieldError::new(field, problem)
}
