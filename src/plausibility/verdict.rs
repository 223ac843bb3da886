use std::fmt;

/// What the checks say about one message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Nothing to hold it against: no history yet, or too little was claimed.
    NotJudged,
    /// At least one check could judge, and none found anything.
    Plausible,
    /// At least one check failed; never empty, at most one finding of each check.
    Implausible(Vec<Finding>),
}

/// One failed check, with the figures that a person needs to follow it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// What was found, in the check's [`unit`](Check::unit).
    pub value: i64,
    /// What it should have kept, in the same unit.
    pub threshold: i64,
    /// On which side.
    pub bound: Bound,
}

/// The side of its threshold on which a value should be.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Bound {
    /// At or below it.
    AtMost,
    /// At or above it.
    AtLeast,
}

/// One claim held against physics or history.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Check {
    /// How far the position moved since the message before, against the fastest road vehicle.
    PositionJump,
    /// How far the position moved over a second or more, against the speeds claimed meanwhile.
    SpeedDisplacement,
    /// In which direction the position moved, against the heading claimed.
    HeadingDisplacement,
    /// How the speed changed, against what brakes and engines can do and against the acceleration
    /// claimed.
    AccelerationSpeed,
    /// By how much the way along the claimed headings differs from the claimed speeds, over up to
    /// sixteen seconds.
    SpeedBias,
    /// How far the position drifted sideways of the claimed headings, over up to sixteen seconds.
    SideDrift,
    /// By how much the change of speed differs from the claimed accelerations, over up to sixteen
    /// seconds.
    AccelerationBias,
    /// What share of its claimed changes of speed a station drove, over six to sixteen seconds, as
    /// the slope through all steps.
    AccelerationShare,
    /// How old a message was when it came, several times in a row; for stations that take older ones
    /// than the verifier does unless told otherwise.
    Freshness,
    /// How far aside of its own way a station places itself, by its ways round bends.
    PlacedAside,
    /// How fast a station says that it goes in reverse.
    ReverseSpeed,
    /// How far a station is ahead of the fastest rate allowed.
    Rate,
    /// How often a station said just what another one had said before.
    DuplicateContent,
    /// In how many others' places a station was, several times in a row each, accuracies counted.
    Overlap,
    /// How long ago a station last contradicted itself, if it did so gravely or twice; time in which
    /// it stands is not counted.
    Latch,
    /// How far from its sender a hazard is.
    HazardDistance,
}

impl Verdict {
    /// The verdict of checks of which each passed, failed, or (`None`) could not judge.
    pub(super) fn of(outcomes: impl IntoIterator<Item = Option<Result<(), Finding>>>) -> Self {
        let mut judged = false;
        let mut findings = Vec::new();
        for outcome in outcomes.into_iter().flatten() {
            judged = true;
            findings.extend(outcome.err());
        }
        match (judged, findings.is_empty()) {
            (false, _) => Self::NotJudged,
            (true, true) => Self::Plausible,
            (true, false) => Self::Implausible(findings),
        }
    }

    /// What failed; empty unless implausible.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::NotJudged | Self::Plausible => &[],
            Self::Implausible(findings) => findings,
        }
    }

    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotJudged => "not_judged",
            Self::Plausible => "plausible",
            Self::Implausible(_) => "implausible",
        }
    }
}

impl Finding {
    /// By how much the threshold was missed, above zero, in the check's unit.
    pub fn margin(&self) -> i64 {
        match self.bound {
            Bound::AtMost => self.value - self.threshold,
            Bound::AtLeast => self.threshold - self.value,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, unit) = (self.check.name(), self.check.unit());
        let side = match self.bound {
            Bound::AtMost => "at most",
            Bound::AtLeast => "at least",
        };
        write!(
            f,
            "{name}: {} {unit}, possible is {side} {} {unit}",
            self.value, self.threshold
        )
    }
}

impl Check {
    /// Every check.
    pub const ALL: [Self; 16] = [
        Self::PositionJump,
        Self::SpeedDisplacement,
        Self::HeadingDisplacement,
        Self::AccelerationSpeed,
        Self::SpeedBias,
        Self::SideDrift,
        Self::AccelerationBias,
        Self::AccelerationShare,
        Self::PlacedAside,
        Self::ReverseSpeed,
        Self::Freshness,
        Self::Rate,
        Self::DuplicateContent,
        Self::Overlap,
        Self::Latch,
        Self::HazardDistance,
    ];

    /// Whether a station's own signed messages are enough to show it to anybody, who need not
    /// trust the one that judged.
    pub fn is_proof(self) -> bool {
        match self {
            Self::PositionJump
            | Self::SpeedDisplacement
            | Self::HeadingDisplacement
            | Self::AccelerationSpeed
            | Self::SpeedBias
            | Self::SideDrift
            | Self::AccelerationBias
            | Self::AccelerationShare
            | Self::PlacedAside
            | Self::ReverseSpeed
            | Self::Rate => true,
            Self::Freshness
            | Self::DuplicateContent
            | Self::Overlap
            | Self::Latch
            | Self::HazardDistance => false,
        }
    }

    /// Its name in metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::PositionJump => "position_jump",
            Self::SpeedDisplacement => "speed_displacement",
            Self::HeadingDisplacement => "heading_displacement",
            Self::AccelerationSpeed => "acceleration_speed",
            Self::SpeedBias => "speed_bias",
            Self::SideDrift => "side_drift",
            Self::AccelerationBias => "acceleration_bias",
            Self::AccelerationShare => "acceleration_share",
            Self::PlacedAside => "placed_aside",
            Self::ReverseSpeed => "reverse_speed",
            Self::Freshness => "freshness",
            Self::Rate => "rate",
            Self::DuplicateContent => "duplicate_content",
            Self::Overlap => "overlap",
            Self::Latch => "latch",
            Self::HazardDistance => "hazard_distance",
        }
    }

    /// The unit of its values and thresholds.
    pub fn unit(self) -> &'static str {
        self.scale().0
    }

    /// The least margin that is no accident, in its unit; a threshold near zero is missed by half at
    /// once.
    pub(super) fn grave_min(self) -> i64 {
        self.scale().1
    }

    /// Its unit, and the least grave margin.
    fn scale(self) -> (&'static str, i64) {
        match self {
            Self::PositionJump
            | Self::SpeedDisplacement
            | Self::SpeedBias
            | Self::SideDrift
            | Self::PlacedAside
            | Self::HazardDistance => ("mm", 3_000),
            Self::HeadingDisplacement => ("0.01 deg", 3_000),
            Self::AccelerationSpeed | Self::AccelerationBias | Self::ReverseSpeed => {
                ("mm/s", 1_500)
            }
            Self::AccelerationShare => ("per mille", 250),
            Self::Freshness | Self::Rate | Self::Latch => ("ms", 200),
            Self::DuplicateContent => ("messages", 1),
            Self::Overlap => ("stations", 1),
        }
    }

    /// Passes a value that is at most `threshold`.
    pub(super) fn at_most(self, value: i64, threshold: i64) -> Result<(), Finding> {
        self.hold(value, threshold, Bound::AtMost)
    }

    /// Passes a value that is at least `threshold`.
    pub(super) fn at_least(self, value: i64, threshold: i64) -> Result<(), Finding> {
        self.hold(value, threshold, Bound::AtLeast)
    }

    /// Passes a value that is at most `limit` away from zero.
    pub(super) fn within(self, value: i64, limit: i64) -> Result<(), Finding> {
        self.at_most(value, limit)
            .and_then(|()| self.at_least(value, -limit))
    }

    fn hold(self, value: i64, threshold: i64, bound: Bound) -> Result<(), Finding> {
        let finding = Finding {
            check: self,
            value,
            threshold,
            bound,
        };
        if finding.margin() > 0 {
            Err(finding)
        } else {
            Ok(())
        }
    }
}
