use std::{net::SocketAddr, time::Duration};

use wayside::transport::Clock;

use super::{
    Case,
    part::{Part, Role},
};
use crate::bench::{
    agents,
    meter::quantile,
    process::Process,
    stage::{Tally, delays_us, measure, ready},
};

/// What a case found.
pub(in crate::bench) type Figures = Vec<(&'static str, f64)>;

/// Runs one case in three processes and says what it found.
pub(super) fn run(case: &Case, length: Duration) -> anyhow::Result<Figures> {
    let mut plan = Part {
        role: Role::Unit,
        cars: case.shape.connections,
        tick: case.tick,
        start_unix_ms: Clock::system().now().timestamp.unix_ms(),
        unit: None,
    };
    let [unit, receiver, sender] = match case.is_bare {
        true => [Role::BareRelay, Role::BareReceiver, Role::BareSender],
        false => [Role::Unit, Role::Receiver, Role::Cars],
    };
    let (unit, address) = start(&plan, unit)?;
    plan.unit = address;
    let (receiver, _) = start(&plan, receiver)?;
    let is_carried = !case.is_bare && case.shape.connections == 1;
    let sender = if is_carried {
        let carrier = agents::Part {
            kind: agents::Kind::Carrier,
            role: agents::Role::Sender,
            connections: 1,
            tick: case.shape.gathered,
            start_unix_ms: plan.start_unix_ms,
            receiver: address,
        };
        let mut carrier = Process::start("agents", &carrier)?;
        ready(&mut carrier)?;
        carrier
    } else {
        start(&plan, sender)?.0
    };
    let mut processes = [unit, receiver, sender];
    let ([], tallies) = measure(&mut processes, (TICKETS_TOLD, length), || Ok([]))?;
    Ok(figures(&tallies))
}

/// Starts a process of a case, and waits until it is ready.
pub(super) fn start(plan: &Part, role: Role) -> anyhow::Result<(Process, Option<SocketAddr>)> {
    let mut process = Process::start(
        "relay",
        &Part {
            role,
            ..plan.clone()
        },
    )?;
    let address = ready(&mut process)?;
    Ok((process, address))
}

/// What whoever passes on, a receiver and a sender measured.
pub(in crate::bench) fn figures([unit, received, sent]: &[Tally; 3]) -> Figures {
    let mut delays_us = delays_us(sent, received);
    let unit_us = unit.cpu_us_per(sent.messages);
    let receiver_us = received.cpu_us_per(received.messages);
    vec![
        ("cpu_us_per_msg", unit_us + receiver_us),
        ("unit_cpu_us_per_msg", unit_us),
        ("receiver_cpu_us_per_msg", receiver_us),
        ("sender_cpu_us_per_msg", sent.cpu_us_per(sent.messages)),
        ("p50_us", quantile(&mut delays_us, 0.5)),
        ("p99_us", quantile(&mut delays_us, 0.99)),
        ("sent_msgs", sent.messages as f64),
        ("delivered_msgs", delays_us.len() as f64),
        ("rss_mib", unit.rss_mib),
        ("receiver_rss_mib", received.rss_mib),
    ]
}

/// A unit hands a peer no more than so many tickets of others each second; it takes a while until a
/// newcomer knows a hundred cars.
pub(in crate::bench) const TICKETS_TOLD: Duration = Duration::from_secs(6);
