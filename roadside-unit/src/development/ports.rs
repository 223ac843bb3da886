use std::net::{Ipv4Addr, TcpListener, UdpSocket};

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

/// Ports that nobody uses now; somebody may take them before the units do.
pub fn free_ports(units: u16) -> Result<Vec<UnitPorts>, DevelopmentError> {
    let any = (Ipv4Addr::LOCALHOST, 0);
    // All are held until the last is found, so that none is found twice.
    let (mut held, mut held_udp) = (Vec::new(), Vec::new());
    let mut found = Vec::new();
    for _ in 0..units {
        let mut tcp = || {
            let listener = TcpListener::bind(any)?;
            let port = listener.local_addr()?.port();
            held.push(listener);
            Ok(port)
        };
        let (engine, grpc, metrics) = (tcp(), tcp(), tcp());
        let mut udp = || {
            let socket = UdpSocket::bind(any)?;
            let port = socket.local_addr()?.port();
            held_udp.push(socket);
            Ok(port)
        };
        let (door, relay) = (udp(), udp());
        found.push(UnitPorts {
            engine: engine.map_err(DevelopmentError::NoPorts)?,
            door: door.map_err(DevelopmentError::NoPorts)?,
            relay: relay.map_err(DevelopmentError::NoPorts)?,
            grpc: grpc.map_err(DevelopmentError::NoPorts)?,
            metrics: metrics.map_err(DevelopmentError::NoPorts)?,
        });
    }
    Ok(found)
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
