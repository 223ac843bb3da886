//! The generated protobuf types, one module per package.

/// Vehicles, hazards, areas: `wayside.types`.
pub mod types {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/wayside.types.v1.rs"));
    }
}

/// Publishing one's own state: `wayside.telemetry`.
pub mod telemetry {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        #![expect(
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::doc_lazy_continuation,
            clippy::too_many_lines,
            unused_qualifications,
            reason = "generated"
        )]

        include!(concat!(env!("OUT_DIR"), "/wayside.telemetry.v1.rs"));
    }
}

/// The road around the vehicle: `wayside.world`.
pub mod world {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        #![expect(
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::doc_lazy_continuation,
            clippy::large_enum_variant,
            clippy::too_many_lines,
            unused_qualifications,
            reason = "generated"
        )]

        include!(concat!(env!("OUT_DIR"), "/wayside.world.v1.rs"));
    }
}

/// Dangers: `wayside.hazard`.
pub mod hazard {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        #![expect(
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::doc_lazy_continuation,
            clippy::large_enum_variant,
            clippy::too_many_lines,
            unused_qualifications,
            reason = "generated"
        )]

        include!(concat!(env!("OUT_DIR"), "/wayside.hazard.v1.rs"));
    }
}

/// The agent itself: `wayside.agent`.
pub mod agent {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        #![expect(
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::too_many_lines,
            unused_qualifications,
            reason = "generated"
        )]

        include!(concat!(env!("OUT_DIR"), "/wayside.agent.v1.rs"));
    }
}

/// The clock of a replayed drive: `wayside.replay`.
pub mod replay {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        #![expect(
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::too_many_lines,
            unused_qualifications,
            reason = "generated"
        )]

        include!(concat!(env!("OUT_DIR"), "/wayside.replay.v1.rs"));
    }
}

/// How vehicles come by tickets, and hear which are believed no more: `wayside.issuing`.
pub mod issuing {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        #![expect(
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::doc_lazy_continuation,
            clippy::too_many_lines,
            unused_qualifications,
            reason = "generated"
        )]

        include!(concat!(env!("OUT_DIR"), "/wayside.issuing.v1.rs"));
    }
}

/// Records that no single party can alter: `wayside.ledger`.
pub mod ledger {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        #![expect(
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::doc_lazy_continuation,
            clippy::too_many_lines,
            unused_qualifications,
            reason = "generated"
        )]

        include!(concat!(env!("OUT_DIR"), "/wayside.ledger.v1.rs"));
    }
}

/// The own vehicle's records on the ledger: `wayside.record`.
pub mod record {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        #![expect(
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::doc_lazy_continuation,
            clippy::large_enum_variant,
            clippy::too_many_lines,
            unused_qualifications,
            reason = "generated"
        )]

        include!(concat!(env!("OUT_DIR"), "/wayside.record.v1.rs"));
    }
}

/// What operators say on the road, and what their units relay: `wayside.road`.
pub mod road {
    /// Version 1, frozen but for additions.
    pub mod v1 {
        #![expect(
            clippy::allow_attributes,
            clippy::allow_attributes_without_reason,
            clippy::doc_lazy_continuation,
            clippy::too_many_lines,
            unused_qualifications,
            reason = "generated"
        )]

        include!(concat!(env!("OUT_DIR"), "/wayside.road.v1.rs"));
    }
}
