mod record;
mod sent;

/// A reading of one of ten vehicles.
fn reading(vehicle: u8, odometer_km: u32) -> String {
    let digits = format!("{vehicle:02x}").repeat(32);
    format!(
        "{{\"action\":\"record_odometer\",\"vehicle\":\"1-{digits}\",\
         \"odometer_km\":{odometer_km},\"read_unix_ms\":1800000000000,\"source\":\"workshop\"}}"
    )
}
