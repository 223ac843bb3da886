use crate::geo::{LocalFrame, Position};

/// Who is within reach of whom.
#[derive(Debug)]
pub struct Range {
    range_m: f64,
    frames: Vec<Option<LocalFrame>>,
}

impl Range {
    /// `count` vehicles whose places are not known yet.
    pub fn new(count: usize, range_m: f64) -> Self {
        Self {
            range_m,
            frames: vec![None; count],
        }
    }

    /// The reach, in metres.
    pub fn range_m(&self) -> f64 {
        self.range_m
    }

    /// Says where a vehicle is now, or `None` once it has left.
    pub fn set(&mut self, vehicle: usize, position: Option<Position>) {
        if let Some(frame) = self.frames.get_mut(vehicle) {
            *frame = position.map(LocalFrame::at);
        }
    }

    /// Whether a vehicle is on the road.
    pub fn is_present(&self, vehicle: usize) -> bool {
        self.frame(vehicle).is_some()
    }

    /// The distance between two vehicles in metres, or `None` if one is not on the road.
    pub fn distance_m(&self, a: usize, b: usize) -> Option<f64> {
        // Seen from the lower index, so that both ways give the same number.
        let from = self.frame(a.min(b))?;
        let to = self.frame(a.max(b))?;
        Some(from.offset(to.origin()).length_m())
    }

    /// Whether two vehicles hear each other.
    pub fn reaches(&self, a: usize, b: usize) -> bool {
        self.distance_m(a, b)
            .is_some_and(|distance_m| distance_m <= self.range_m)
    }

    /// Everybody who hears this vehicle.
    pub fn hearers(&self, of: usize) -> Vec<usize> {
        (0..self.frames.len())
            .filter(|other| *other != of && self.reaches(of, *other))
            .collect()
    }

    fn frame(&self, vehicle: usize) -> Option<&LocalFrame> {
        self.frames.get(vehicle)?.as_ref()
    }
}
