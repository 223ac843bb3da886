use std::collections::BTreeMap;

use super::{
    ImportError, commonroad::place_of, place::origin, unpack, xml::Element, xml::top_elements,
};
use crate::{
    geo::Offset,
    lanes::{LaneMap, Outline},
    replay::Cut,
    units::Speed,
};

/// The lanes of a scenario, as far as it could be read.
#[derive(Clone, Debug)]
pub struct ImportedLanes {
    /// The lanes.
    pub map: LaneMap,
    /// Whether the scenario says where on earth it is. Where it does not, the map lies where
    /// [`import`](super::import) puts the vehicles of the same scenario.
    pub is_placed: bool,
    /// Where reading ended, unless that was the scenario's end.
    pub cut: Option<Cut>,
}

/// Reads the lanes of a `CommonRoad` scenario, format 2018b and 2020a, packed with gzip or not; a file
/// of another kind has none.
///
/// `name` is where it comes from, for messages.
pub fn import_lanes(name: &str, bytes: &[u8]) -> Result<ImportedLanes, ImportError> {
    let (content, _) = unpack::unpack(name, bytes, unpack::UNPACKED_LEN_MAX)?;
    let (text, _, _) = unpack::text(&content);
    let mut place = None;
    let mut lanelets = Vec::new();
    let mut limits = BTreeMap::new();
    let wanted = |name: &str| matches!(name, "location" | "lanelet" | "trafficSign");
    let cut = top_elements(text, wanted, |element| {
        match element.name.as_str() {
            "location" => place = place_of(element),
            "lanelet" if element.complete => lanelets.extend(Lanelet::of(element)),
            "trafficSign" if element.complete => limits.extend(speed_limit(element)),
            _ => {}
        }
        Ok(())
    });
    let outlines: Vec<Outline> = lanelets
        .into_iter()
        .map(|lanelet| lanelet.outline(&limits))
        .collect();
    Ok(ImportedLanes {
        map: LaneMap::new(place.unwrap_or_else(origin), &outlines),
        is_placed: place.is_some(),
        cut,
    })
}

/// A lane, and the signs that stand at it.
struct Lanelet {
    outline: Outline,
    signs: Vec<u64>,
}

impl Lanelet {
    fn of(element: &Element) -> Option<Self> {
        let references = |name: &str| {
            let children = element.children.iter();
            let named = children.filter(|child| child.name == name);
            named.filter_map(|child| number_of(child, "ref")).collect()
        };
        let limit = element.child("speedLimit").map(Element::number);
        Some(Self {
            outline: Outline {
                name: number_of(element, "id")?,
                left: border(element.child("leftBound")?),
                right: border(element.child("rightBound")?),
                successors: references("successor"),
                speed_limit: limit.and_then(Speed::from_m_per_s),
            },
            signs: references("trafficSignRef"),
        })
    }

    /// With the lowest limit that its signs say.
    fn outline(self, limits: &BTreeMap<u64, Speed>) -> Outline {
        let said = self.signs.iter().filter_map(|sign| limits.get(sign));
        Outline {
            speed_limit: said.copied().chain(self.outline.speed_limit).min(),
            ..self.outline
        }
    }
}

fn border(element: &Element) -> Vec<Offset> {
    let number = |point: &Element, name: &str| point.child(name).map_or(f64::NAN, Element::number);
    let points = element.children.iter().filter(|it| it.name == "point");
    points
        .map(|point| Offset {
            east_m: number(point, "x"),
            north_m: number(point, "y"),
        })
        .collect()
}

/// The number of a sign, and the speed that it allows; `None` of other signs.
fn speed_limit(sign: &Element) -> Option<(u64, Speed)> {
    let says = sign.child("trafficSignElement")?;
    let kind = says.child("trafficSignID")?.text.trim();
    if !SPEED_LIMIT_SIGNS.contains(&kind) {
        return None;
    }
    let limit = Speed::from_m_per_s(says.child("additionalValue")?.number())?;
    Some((number_of(sign, "id")?, limit))
}

fn number_of(element: &Element, name: &str) -> Option<u64> {
    element.attribute(name)?.trim().parse().ok()
}

/// The greatest speed in metres per second, as Germany and most scenarios number it, as the United
/// States do, and as Spain does.
const SPEED_LIMIT_SIGNS: [&str; 3] = ["274", "R2-1", "R301"];
