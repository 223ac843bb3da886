use std::{num::NonZeroUsize, time::Duration};

use serde::{Deserialize, Serialize};

/// How much of the road is remembered, and for how long.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A station that sent nothing for this long is forgotten. A hazard is forgotten when its
    /// validity ends.
    #[serde(with = "humantime_serde")]
    pub telemetry_age_max: Duration,
    /// Most stations; at the bound the one unheard for longest is forgotten first.
    pub stations_max: NonZeroUsize,
    /// Most stations in one H3 cell of resolution 9 (0.1 km²), so that a crowd of invented ones
    /// displaces only what is near it.
    pub cell_stations_max: NonZeroUsize,
    /// Most hazards; at the bound the one heard of first is forgotten first.
    pub hazards_max: NonZeroUsize,
    /// Most hazards that one vehicle's ticket brought, so that one reporter cannot displace the
    /// others'.
    pub signer_hazards_max: NonZeroUsize,
    /// Most hazards that one roadside unit brought, under all its tickets.
    pub unit_hazards_max: NonZeroUsize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            telemetry_age_max: Duration::from_secs(3),
            stations_max: STATIONS_DEFAULT,
            cell_stations_max: CELL_STATIONS_DEFAULT,
            hazards_max: HAZARDS_DEFAULT,
            signer_hazards_max: SIGNER_HAZARDS_DEFAULT,
            unit_hazards_max: UNIT_HAZARDS_DEFAULT,
        }
    }
}

const STATIONS_DEFAULT: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");
const CELL_STATIONS_DEFAULT: NonZeroUsize = NonZeroUsize::new(512).expect("not zero");
const HAZARDS_DEFAULT: NonZeroUsize = NonZeroUsize::new(1_024).expect("not zero");
const SIGNER_HAZARDS_DEFAULT: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");
/// Twice as many as a unit's operator may have told, which are told anew before the former ones end.
const UNIT_HAZARDS_DEFAULT: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
