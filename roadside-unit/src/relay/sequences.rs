use wayside::{
    security::{Credential, Reservation, SlotClock},
    time::Timestamp,
};

/// Behind what a unit that starts goes on with its hazards, beside what its journal says.
///
/// A unit's tickets follow from its key. Were its folder lost, or put back as it was some time ago, it would
/// come back to the same names and to sequences that it used, and two messages with one sequence convict
/// it. Sequences therefore go on with the time of their ticket as well, faster than a unit speaks for long.
pub(super) fn passed(
    credentials: &[Credential],
    slots: SlotClock,
    now: Timestamp,
) -> Vec<Reservation> {
    let passed = credentials.iter().filter_map(|credential| {
        let slot = credential.ticket().slot();
        let (from, until) = (slots.valid_from(slot), slots.valid_until(slot));
        let elapsed_ms = now.since(from).as_millis();
        let whole_ms = until.since(from).as_millis();
        let sequences = SEQUENCES * elapsed_ms / whole_ms.max(1);
        (0 < elapsed_ms && elapsed_ms <= whole_ms).then_some(Reservation {
            station: credential.station(),
            telemetry_until: 0,
            hazard_until: u32::try_from(sequences).unwrap_or(u32::MAX),
        })
    });
    passed.collect()
}

/// Of the 65,536 that can name an event, those that pass with a ticket's time.
const SEQUENCES: u128 = 60_000;
