use std::sync::Arc;

use tonic::service::Routes;
use tonic_health::server::{HealthReporter, HealthService, health_reporter};
use wayside::{
    rpc::{
        issuing::v1::issuing_service_server::IssuingServiceServer,
        ledger::v1::{
            governance_service_server::GovernanceServiceServer,
            ledger_service_server::LedgerServiceServer, vault_service_server::VaultServiceServer,
            witness_service_server::WitnessServiceServer,
        },
        road::v1::road_service_server::RoadServiceServer,
    },
    serve::{Gate, MESSAGE_BYTES_MAX, with_reflection},
};

use super::{
    Desk, governance::GovernanceDoor, health::keep_up, issuing::IssuingDoor, ledger::LedgerDoor,
    road::RoadDoor, vault::VaultDoor, witness::WitnessDoor,
};
use crate::{Role, relay::Relay};

/// The running services.
pub(crate) struct Services {
    desk: Arc<Desk>,
    relay: Option<Relay>,
    gate: Gate<Role>,
    health: HealthReporter,
}

impl Services {
    /// Begins to tell the unit's health. Must be called within a tokio runtime.
    pub(crate) fn start(desk: Arc<Desk>, relay: Option<Relay>) -> Self {
        let (health, _) = health_reporter();
        let watched = (Arc::clone(&desk), relay.clone());
        tokio::spawn(keep_up(watched, health.clone()));
        Self {
            gate: Gate::new(&desk.limits, &desk.metrics),
            desk,
            relay,
            health,
        }
    }

    /// What stands before every method.
    pub(crate) fn gate(&self) -> &Gate<Role> {
        &self.gate
    }

    /// Tells every client that the unit is stopping: health says so, and streams end with
    /// `UNAVAILABLE`.
    pub(crate) fn drain(&self) {
        self.desk.draining.send_replace(true);
    }

    /// The services, for a door with or without reflection.
    pub(crate) fn routes(&self, reflection: bool) -> Routes {
        let ledger = LedgerServiceServer::new(LedgerDoor(Arc::clone(&self.desk)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let governance = GovernanceServiceServer::new(GovernanceDoor(Arc::clone(&self.desk)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let issuing = IssuingServiceServer::new(IssuingDoor(Arc::clone(&self.desk)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let witness = WitnessServiceServer::new(WitnessDoor(Arc::clone(&self.desk)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let vault = VaultServiceServer::new(VaultDoor(Arc::clone(&self.desk)))
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let road = RoadServiceServer::new(RoadDoor {
            desk: Arc::clone(&self.desk),
            relay: self.relay.clone(),
        })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let health = tonic_health::pb::health_server::HealthServer::new(
            HealthService::from_health_reporter(self.health.clone()),
        )
        .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let routes = Routes::new(ledger)
            .add_service(governance)
            .add_service(issuing)
            .add_service(road)
            .add_service(vault)
            .add_service(witness)
            .add_service(health);
        if reflection {
            with_reflection(routes, SERVICES.into_iter())
        } else {
            routes
        }
    }
}

/// The names of the services.
pub(super) const SERVICES: [&str; 6] = [
    LEDGER,
    "wayside.ledger.v1.GovernanceService",
    ISSUING,
    "wayside.ledger.v1.VaultService",
    "wayside.ledger.v1.WitnessService",
    ROAD,
];
pub(super) const LEDGER: &str = "wayside.ledger.v1.LedgerService";
pub(super) const ISSUING: &str = "wayside.issuing.v1.IssuingService";
pub(super) const ROAD: &str = "wayside.road.v1.RoadService";
