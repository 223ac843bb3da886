/// A kind of lie about oneself, told with a valid ticket.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Attack {
    /// Positions moved by 20 to 70 m on both axes, always by the same.
    ConstantPositionOffset,
    /// Positions moved by 20 to 70 m on both axes, each time anew.
    RandomPositionOffset,
    /// Positions mirrored at the edge of the road, 3 to 10 m to the right.
    PositionMirroring,
    /// Speeds changed by 1 to 7 m/s, always by the same.
    ConstantSpeedOffset,
    /// Speeds changed by 1 to 7 m/s, each time anew.
    RandomSpeedOffset,
    /// Speed zero.
    ZeroSpeed,
    /// From a moment on (5 % at each message) the speed of that moment.
    SuddenConstantSpeed,
    /// Headings turned by 180°.
    ReversedHeading,
    /// Accelerations times -2 to -4.
    FeignedBraking,
    /// Accelerations times 2 to 4.
    AccelerationMultiplication,
    /// Messages kept for 2 to 4 s.
    TimeDelay,
    /// Each message 2 to 4 times, under sequences and times of their own.
    DenialOfService,
    /// 4 to 6 invented vehicles around the liar.
    CongestionSybil,
    /// From a moment on (5 % at each message) standing, as if.
    SuddenStop,
    /// 4 to 8 messages at a time of another vehicle within 400 m, under the own name.
    DataReplay,
    /// Always the first position.
    ConstantPosition,
    /// Positions anywhere in the drive's area.
    RandomPosition,
    /// Always the same speed.
    ConstantSpeed,
    /// Speeds from 0 to 40 m/s, each time anew.
    RandomSpeed,
    /// What any vehicle said at any time before, under the own name and time.
    Disruptive,
    /// As [`Self::DenialOfService`], with random positions and speeds.
    DenialOfServiceRandom,
    /// As [`Self::DenialOfService`], with what others said.
    DenialOfServiceDisruptive,
    /// Invented vehicles in a wider grid, which speak in turn and with noise of their own.
    GridSybil,
    /// Other vehicles' messages a second later under invented names.
    DataReplaySybil,
    /// As [`Self::DenialOfServiceRandom`], under 4 to 6 invented names in turn.
    DenialOfServiceRandomSybil,
    /// As [`Self::DenialOfServiceDisruptive`], under 4 to 6 invented names in turn.
    DenialOfServiceDisruptiveSybil,
}

/// Who published a kind of attack.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Catalogue {
    /// VeReMi NextGen, with its parameters.
    VeReMiNextGen,
    /// F2MD (VeReMi Extension).
    F2md,
}

impl Attack {
    /// Every kind, those of VeReMi NextGen first.
    pub const ALL: [Self; 26] = [
        Self::ConstantPositionOffset,
        Self::RandomPositionOffset,
        Self::PositionMirroring,
        Self::ConstantSpeedOffset,
        Self::RandomSpeedOffset,
        Self::ZeroSpeed,
        Self::SuddenConstantSpeed,
        Self::ReversedHeading,
        Self::FeignedBraking,
        Self::AccelerationMultiplication,
        Self::TimeDelay,
        Self::DenialOfService,
        Self::CongestionSybil,
        Self::SuddenStop,
        Self::DataReplay,
        Self::ConstantPosition,
        Self::RandomPosition,
        Self::ConstantSpeed,
        Self::RandomSpeed,
        Self::Disruptive,
        Self::DenialOfServiceRandom,
        Self::DenialOfServiceDisruptive,
        Self::GridSybil,
        Self::DataReplaySybil,
        Self::DenialOfServiceRandomSybil,
        Self::DenialOfServiceDisruptiveSybil,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConstantPositionOffset => "constant_position_offset",
            Self::RandomPositionOffset => "random_position_offset",
            Self::PositionMirroring => "position_mirroring",
            Self::ConstantSpeedOffset => "constant_speed_offset",
            Self::RandomSpeedOffset => "random_speed_offset",
            Self::ZeroSpeed => "zero_speed",
            Self::SuddenConstantSpeed => "sudden_constant_speed",
            Self::ReversedHeading => "reversed_heading",
            Self::FeignedBraking => "feigned_braking",
            Self::AccelerationMultiplication => "acceleration_multiplication",
            Self::TimeDelay => "time_delay",
            Self::DenialOfService => "denial_of_service",
            Self::CongestionSybil => "congestion_sybil",
            Self::SuddenStop => "sudden_stop",
            Self::DataReplay => "data_replay",
            Self::ConstantPosition => "constant_position",
            Self::RandomPosition => "random_position",
            Self::ConstantSpeed => "constant_speed",
            Self::RandomSpeed => "random_speed",
            Self::Disruptive => "disruptive",
            Self::DenialOfServiceRandom => "denial_of_service_random",
            Self::DenialOfServiceDisruptive => "denial_of_service_disruptive",
            Self::GridSybil => "grid_sybil",
            Self::DataReplaySybil => "data_replay_sybil",
            Self::DenialOfServiceRandomSybil => "denial_of_service_random_sybil",
            Self::DenialOfServiceDisruptiveSybil => "denial_of_service_disruptive_sybil",
        }
    }

    /// Who published it.
    pub fn catalogue(self) -> Catalogue {
        match self {
            Self::ConstantPositionOffset
            | Self::RandomPositionOffset
            | Self::PositionMirroring
            | Self::ConstantSpeedOffset
            | Self::RandomSpeedOffset
            | Self::ZeroSpeed
            | Self::SuddenConstantSpeed
            | Self::ReversedHeading
            | Self::FeignedBraking
            | Self::AccelerationMultiplication
            | Self::TimeDelay
            | Self::DenialOfService
            | Self::CongestionSybil
            | Self::SuddenStop
            | Self::DataReplay => Catalogue::VeReMiNextGen,
            Self::ConstantPosition
            | Self::RandomPosition
            | Self::ConstantSpeed
            | Self::RandomSpeed
            | Self::Disruptive
            | Self::DenialOfServiceRandom
            | Self::DenialOfServiceDisruptive
            | Self::GridSybil
            | Self::DataReplaySybil
            | Self::DenialOfServiceRandomSybil
            | Self::DenialOfServiceDisruptiveSybil => Catalogue::F2md,
        }
    }

    /// Whether no threshold may be chosen by it, so that it shows what the checks are worth against
    /// what nobody thought of.
    pub fn is_held_out(self) -> bool {
        matches!(
            self,
            Self::Disruptive
                | Self::GridSybil
                | Self::DenialOfServiceRandomSybil
                | Self::DenialOfServiceDisruptiveSybil
        )
    }

    /// Whether it shows in how the liar's own claims fit together, so that it should hardly be missed.
    pub fn is_kinematic(self) -> bool {
        matches!(
            self,
            Self::RandomPositionOffset
                | Self::RandomSpeedOffset
                | Self::ZeroSpeed
                | Self::ReversedHeading
                | Self::DenialOfService
                | Self::AccelerationMultiplication
                | Self::FeignedBraking
                | Self::DataReplay
                | Self::TimeDelay
        )
    }
}
