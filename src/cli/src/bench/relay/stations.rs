//! A roadside unit's station, and cars that are whole stations, too.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use wayside::{
    crypto::SigningKey,
    id::ChainId,
    message::{Cause, Validity},
    pipeline::{Event, HazardReport, OwnState, RoadsideConfig, Station},
    relay::{self, UnitPlace},
    security::{Operators, Slot, UnitCertificate, UnitOrder, Wallet, unit_credentials},
    time::Timestamp,
    transport::Handle,
};

use super::part::Part;
use crate::bench::{
    stage::{Log, Stage},
    station::{self, Plan, name_of, speak, until_connected},
    traffic::{Traffic, origin},
};

/// A station at the road, with all that a unit's daemon tells its own.
pub(super) fn unit(part: &Part) -> anyhow::Result<Stage> {
    let traffic = Traffic::since(part.start_unix_ms)?;
    let start = Timestamp::from_unix_ms(part.start_unix_ms).context("a moment in range")?;
    let domain = traffic.cast.domain();
    let (slots, own) = (domain.slots(), certified(start));
    let first = slots.slot_at(start);
    let last = Slot::from_number(first.number() + 1);
    let wallet = Wallet::new(slots, unit_credentials(&own.key, &domain, first..=last));
    let mut plan = Plan::new(domain, wallet);
    plan.config.link.tick = part.tick;
    plan.config.peers_max = part.cars + OTHERS_MAX;
    plan.transport.connections_max = part.cars + OTHERS_MAX;
    let place = UnitPlace {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        position: origin()?,
        radius_m: relay::FIXED_RADIUS_MAX_M,
    };
    let prepare = |station: &mut Station, now| {
        station.handle_operators(own.operators);
        station.handle_unit(own.certificate);
        station.handle_relay(place, relay::Config::default(), now);
    };
    let handle = station::start(plan, prepare, |_| {})?;
    Ok(Stage {
        address: Some(handle.local_addr()),
        kept: Box::new(handle),
        ..Stage::of(Log::default())
    })
}

/// A car that stands among the others.
pub(super) async fn receive(part: &Part) -> anyhow::Result<Stage> {
    let traffic = Traffic::since(part.start_unix_ms)?;
    let log = Log::default();
    let delivered = log.clone();
    let heard = move |event: &Event| {
        if let Event::Delivered(delivery) = event {
            delivered.note(name_of(delivery.station), delivery.generated.unix_ms());
        }
    };
    let everything = RoadsideConfig {
        around_m: relay::MOVING_REACH_MAX_M,
        ..RoadsideConfig::default()
    };
    let handle = car(part, &traffic, ("receiver", everything), heard).await?;
    Ok(Stage {
        kept: Box::new(handle),
        ..Stage::of(log)
    })
}

/// Cars with an endpoint and a connection each.
pub(super) async fn cars(part: &Part) -> anyhow::Result<Stage> {
    let traffic = Traffic::since(part.start_unix_ms)?;
    let mut handles = Vec::new();
    for number in 0..part.cars {
        let name = format!("car {number}");
        handles.push(car(part, &traffic, (&name, nothing()), |_| {}).await?);
    }
    Ok(speak(handles, traffic))
}

/// A car that reports another hazard each second.
pub(super) async fn hazards(part: &Part) -> anyhow::Result<Stage> {
    let traffic = Traffic::since(part.start_unix_ms)?;
    let handle = car(part, &traffic, ("reporter", nothing()), |_| {}).await?;
    let kept = handle.clone();
    let log = Log::default();
    let sent = log.clone();
    let publish = move |_: usize| {
        handle.call(|station, now| {
            let mut report = HazardReport::of(Cause::STATIONARY_VEHICLE_BREAKDOWN);
            report.validity = Validity::saturating(HAZARD_VALIDITY);
            report.position = origin().ok();
            if let Some(own) = station.station() {
                sent.note(name_of(own), now.timestamp.unix_ms());
            }
            // What is not reported shows as a hazard that never arrives.
            let _ = station.report_hazard(report, now);
        });
    };
    Ok(Stage {
        publish: Some(Box::new(publish)),
        pace: (1, Duration::from_secs(1)),
        kept: Box::new(kept),
        ..Stage::of(log)
    })
}

/// Starts a car that knows where it is, and connects it to the unit.
async fn car(
    part: &Part,
    traffic: &Traffic,
    (name, roadside): (&str, RoadsideConfig),
    heard: impl Fn(&Event) + Send + 'static,
) -> anyhow::Result<Handle> {
    let unit = part.unit.context("a unit")?;
    let start = Timestamp::from_unix_ms(part.start_unix_ms).context("a moment in range")?;
    let operators = certified(start).operators;
    let mut plan = Plan::new(traffic.cast.domain(), traffic.named_wallet(name));
    plan.config.roadside = roadside;
    let prepare = |station: &mut Station, _| {
        station.handle_operators(operators);
    };
    let handle = station::start(plan, prepare, heard)?;
    handle.call(|station, now| {
        let telemetry = traffic.telemetry(0, now.timestamp)?;
        let measured = now.timestamp;
        // Nobody is connected yet: the state only tells the unit where the car is.
        let own = OwnState {
            telemetry,
            measured,
        };
        station.handle_state(own, now).ok()
    });
    handle.connect(unit);
    until_connected(&handle).await;
    Ok(handle)
}

fn nothing() -> RoadsideConfig {
    RoadsideConfig {
        telemetry: false,
        hazards: false,
        ..RoadsideConfig::default()
    }
}

/// What makes a station a unit.
struct Certified {
    operators: Operators,
    certificate: UnitCertificate,
    key: SigningKey,
}

fn certified(start: Timestamp) -> Certified {
    let (operator, key) = (
        SigningKey::from_seed(&[3; 32]),
        SigningKey::from_seed(&[5; 32]),
    );
    let order = UnitOrder {
        chain: ChainId::from_bytes([7; 32]),
        key: key.verifying_key(),
        valid_from: start.saturating_sub(CERTIFIED),
        valid_until: start.saturating_add(CERTIFIED),
    };
    Certified {
        operators: Operators {
            chain: order.chain,
            keys: vec![operator.verifying_key()],
        },
        certificate: UnitCertificate::issue(&operator, &order),
        key,
    }
}

/// Connections of a unit beside those of the cars that are counted.
const OTHERS_MAX: usize = 64;
const CERTIFIED: Duration = Duration::from_secs(43_200);
/// Short, so that a car's hazards do not add up.
const HAZARD_VALIDITY: Duration = Duration::from_secs(10);
