//! Who may call which method: the whole table, and nothing else grants anything.

use wayside::serve;

use crate::Role::{self, Client, Operator, Reader, Vehicle};

type Access = serve::Access<Role>;

/// What anybody needs to hand a transaction in and to see what became of it. A vehicle's history is
/// given to whoever knows its name, which nobody can guess.
const HAND_IN: Access = Access::Roles(&[Vehicle, Client, Reader, Operator]);
/// Who keeps the ledger, and who holds a role there.
const LOOK: Access = Access::Roles(&[Client, Reader, Operator]);
/// Vehicles' records, also of those that the caller has not heard of.
const READ: Access = Access::Roles(&[Reader, Operator]);
/// What vehicles believe because the operator's unit signs it.
const SPEAK: Access = Access::Roles(&[Operator]);

/// Every method, in the order of the bytes of its path.
pub(crate) const METHODS: &[(&str, Access)] = &[
    ("/grpc.health.v1.Health/Check", Access::Known),
    ("/grpc.health.v1.Health/Watch", Access::Known),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        LOOK,
    ),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        LOOK,
    ),
    // What is said there is sealed or signed, and proves by itself whose it is.
    ("/wayside.issuing.v1.IssuingService/CollectTickets", HAND_IN),
    ("/wayside.issuing.v1.IssuingService/Deliver", HAND_IN),
    ("/wayside.issuing.v1.IssuingService/GetIssuing", HAND_IN),
    ("/wayside.issuing.v1.IssuingService/GetRevocations", HAND_IN),
    ("/wayside.issuing.v1.IssuingService/RequestTickets", HAND_IN),
    ("/wayside.ledger.v1.GovernanceService/ListOperators", LOOK),
    ("/wayside.ledger.v1.GovernanceService/ListRoles", LOOK),
    ("/wayside.ledger.v1.GovernanceService/ListShards", LOOK),
    ("/wayside.ledger.v1.LedgerService/Backup", READ),
    ("/wayside.ledger.v1.LedgerService/GetCheckpoint", HAND_IN),
    (
        "/wayside.ledger.v1.LedgerService/GetCosignedCheckpoint",
        HAND_IN,
    ),
    ("/wayside.ledger.v1.LedgerService/GetGenesis", HAND_IN),
    ("/wayside.ledger.v1.LedgerService/GetHistory", HAND_IN),
    ("/wayside.ledger.v1.LedgerService/GetInfo", Access::Known),
    ("/wayside.ledger.v1.LedgerService/GetNonce", HAND_IN),
    ("/wayside.ledger.v1.LedgerService/GetTransaction", HAND_IN),
    ("/wayside.ledger.v1.LedgerService/GetVehicle", READ),
    ("/wayside.ledger.v1.LedgerService/ListRecords", READ),
    ("/wayside.ledger.v1.LedgerService/Prove", HAND_IN),
    ("/wayside.ledger.v1.LedgerService/Submit", HAND_IN),
    ("/wayside.ledger.v1.LedgerService/SubmitMany", LOOK),
    ("/wayside.ledger.v1.LedgerService/Watch", READ),
    // Who may read is decided by the key that signed the wish, and by the ledger.
    ("/wayside.ledger.v1.VaultService/GetPayload", LOOK),
    ("/wayside.ledger.v1.VaultService/GetVault", LOOK),
    ("/wayside.ledger.v1.VaultService/PutPayload", LOOK),
    ("/wayside.ledger.v1.VaultService/PutShare", LOOK),
    ("/wayside.ledger.v1.VaultService/ReleaseShare", LOOK),
    ("/wayside.ledger.v1.VaultService/SettleShares", LOOK),
    // What is taken over are signatures of witnesses that the configuration names.
    ("/wayside.ledger.v1.WitnessService/AddCosignature", LOOK),
    ("/wayside.ledger.v1.WitnessService/GetHead", LOOK),
    ("/wayside.road.v1.RoadService/CancelHazard", SPEAK),
    ("/wayside.road.v1.RoadService/GetRelay", LOOK),
    ("/wayside.road.v1.RoadService/GetTraffic", LOOK),
    ("/wayside.road.v1.RoadService/ListHazards", READ),
    ("/wayside.road.v1.RoadService/PublishHazard", SPEAK),
    ("/wayside.road.v1.RoadService/UpdateHazard", SPEAK),
];
