//! Who may call which method: the whole table, and nothing else grants anything.

use wayside::serve;

use crate::Role::{self, Administrator, DrivingStack, Observer};

type Access = serve::Access<Role>;

const WATCH: Access = Access::Roles(&[Observer, DrivingStack, Administrator]);
const DRIVE: Access = Access::Roles(&[DrivingStack]);
const STEER: Access = Access::Roles(&[Administrator]);
/// The clock of a test bench: the stack under test commands it, and so may who set it up.
const BENCH: Access = Access::Roles(&[DrivingStack, Administrator]);
/// Where the vehicle was and who it is on the ledger: not for everybody who may look at the road.
const OWN: Access = Access::Roles(&[DrivingStack, Administrator]);

/// Every method, in the order of the bytes of its path.
pub(crate) const METHODS: &[(&str, Access)] = &[
    ("/grpc.health.v1.Health/Check", Access::Known),
    ("/grpc.health.v1.Health/Watch", Access::Known),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        WATCH,
    ),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        WATCH,
    ),
    ("/wayside.agent.v1.AgentService/GetConfig", STEER),
    ("/wayside.agent.v1.AgentService/GetReadiness", WATCH),
    (
        "/wayside.agent.v1.AgentService/GetServerInfo",
        Access::Known,
    ),
    ("/wayside.agent.v1.AgentService/ListPeers", STEER),
    ("/wayside.agent.v1.AgentService/WatchReadiness", WATCH),
    ("/wayside.hazard.v1.HazardService/Cancel", DRIVE),
    ("/wayside.hazard.v1.HazardService/Corroborate", DRIVE),
    ("/wayside.hazard.v1.HazardService/Get", WATCH),
    ("/wayside.hazard.v1.HazardService/List", WATCH),
    ("/wayside.hazard.v1.HazardService/Negate", DRIVE),
    ("/wayside.hazard.v1.HazardService/Report", DRIVE),
    ("/wayside.hazard.v1.HazardService/Subscribe", WATCH),
    ("/wayside.hazard.v1.HazardService/Update", DRIVE),
    ("/wayside.record.v1.RecordService/Get", OWN),
    ("/wayside.record.v1.RecordService/GetHistory", OWN),
    ("/wayside.record.v1.RecordService/GetOutbox", OWN),
    ("/wayside.record.v1.RecordService/List", OWN),
    ("/wayside.record.v1.RecordService/Submit", DRIVE),
    ("/wayside.record.v1.RecordService/Watch", OWN),
    ("/wayside.replay.v1.ReplayService/GetClock", WATCH),
    ("/wayside.replay.v1.ReplayService/GetDrive", WATCH),
    ("/wayside.replay.v1.ReplayService/Pause", BENCH),
    ("/wayside.replay.v1.ReplayService/Play", BENCH),
    ("/wayside.replay.v1.ReplayService/Seek", BENCH),
    ("/wayside.replay.v1.ReplayService/Step", BENCH),
    ("/wayside.replay.v1.ReplayService/WatchClock", WATCH),
    ("/wayside.telemetry.v1.TelemetryService/Publish", DRIVE),
    (
        "/wayside.telemetry.v1.TelemetryService/PublishObjects",
        DRIVE,
    ),
    ("/wayside.telemetry.v1.TelemetryService/PublishState", DRIVE),
    ("/wayside.world.v1.WorldService/GetObject", WATCH),
    ("/wayside.world.v1.WorldService/GetWorld", WATCH),
    ("/wayside.world.v1.WorldService/Subscribe", WATCH),
];
