use std::{
    io,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    process,
};

use super::DevelopmentError;

/// The ports of one unit on this machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnitPorts {
    /// For other operators' units.
    pub engine: u16,
    /// For vehicles, by UDP.
    pub door: u16,
    /// For vehicles that hear each other there, by UDP.
    pub relay: u16,
    /// For gRPC with certificates.
    pub grpc: u16,
    /// For metrics.
    pub metrics: u16,
}

impl UnitPorts {
    /// Fails where somebody uses one of them.
    fn probe(&self) -> io::Result<()> {
        for port in [self.engine, self.grpc, self.metrics] {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        }
        for port in [self.door, self.relay] {
            UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
        }
        Ok(())
    }
}

/// The usual ports, of a unit that is alone on its machine.
pub fn usual_ports() -> UnitPorts {
    UnitPorts {
        engine: 7_445,
        door: 7_444,
        relay: 7_447,
        grpc: 7_446,
        metrics: 9_464,
    }
}

/// Ports in a row that nobody uses now. They are none that a system gives to connections and to
/// whoever asks for any port, and processes that look for some at the same time begin at different
/// places: so nobody is likely to take them before the units do.
pub fn free_ports(units: u16) -> Result<Vec<UnitPorts>, DevelopmentError> {
    let mut last = None;
    let own = process::id() % u32::from(PLACES);
    for place in (0..PLACES).cycle().skip(own as usize).take(PLACES.into()) {
        let found = ports_from(FIRST_MIN + place * PORTS_OF_PLACE, units)?;
        match found.iter().try_for_each(UnitPorts::probe) {
            Ok(()) => return Ok(found),
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into());
    Err(DevelopmentError::NoPorts(error))
}

/// The ports from `first` on, four for each unit.
pub fn ports_from(first: u16, units: u16) -> Result<Vec<UnitPorts>, DevelopmentError> {
    (0..units)
        .map(|unit| {
            let port = |offset: u16| {
                let port = unit.checked_mul(4)?.checked_add(offset)?;
                first.checked_add(port)
            };
            Some(UnitPorts {
                engine: port(0)?,
                door: port(1)?,
                // By another protocol than the engine's.
                relay: port(0)?,
                grpc: port(2)?,
                metrics: port(3)?,
            })
        })
        .collect::<Option<_>>()
        .ok_or(DevelopmentError::Ports(first))
}

// All of them are above the ports of well-known services, and below those that Linux gives by itself
// (from 32,768).
const FIRST_MIN: u16 = 12_000;
const PLACES: u16 = 450;
const PORTS_OF_PLACE: u16 = 40;
