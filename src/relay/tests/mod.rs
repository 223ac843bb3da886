//! A unit's relay with peers around it, without connections.

mod changes;
mod hazards;
mod introductions;
mod load;
mod loops;
mod notices;
mod routing;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use super::{
    Config, Forward, Handover, Interest, InterestArea, Joined, Notice, Relay, Route, UnitPlace,
};
use crate::{
    crypto::Context,
    geo::{LocalFrame, Offset, Position},
    id::{PeerId, StationId},
    message::{Hazard, HazardStatement, Message, Telemetry, UpdateKey},
    security::{
        Signer, Verified, VerifiedMessage, Verifier,
        sample::{Authority, key, reserve, start},
    },
    time::Now,
    units::Heading,
};

/// A relay, and vehicles whose messages are verified already.
pub(super) struct Lab {
    authority: Authority,
    verifier: Verifier,
    signers: BTreeMap<u8, Signer>,
    pub(super) relay: Relay,
    pub(super) now: Now,
}

impl Lab {
    pub(super) fn new() -> Self {
        Self::of(Config::default())
    }

    pub(super) fn of(config: Config) -> Self {
        let authority = Authority::new();
        let now = start();
        Self {
            verifier: authority.verifier(),
            authority,
            signers: BTreeMap::new(),
            relay: Relay::new(config, unit_at(0.0), now),
            now,
        }
    }

    pub(super) fn signer(&mut self, vehicle: u8) -> &mut Signer {
        let (authority, now) = (&self.authority, self.now);
        self.signers
            .entry(vehicle)
            .or_insert_with(|| authority.signer(vehicle, now))
    }

    pub(super) fn station(&mut self, vehicle: u8) -> StationId {
        let slot = self.authority.domain.slots().slot_at(self.now.timestamp);
        self.authority.credential(vehicle, slot).station()
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
        self.relay.handle_timeout(self.now);
    }

    /// A vehicle's connection, which bears its number.
    pub(super) fn join(&mut self, vehicle: u8, interest: Interest) -> PeerId {
        let peer = PeerId(vehicle.into());
        self.join_as(peer, vehicle, false);
        self.relay.handle_interest(peer, interest);
        peer
    }

    pub(super) fn join_as(&mut self, peer: PeerId, vehicle: u8, is_unit: bool) {
        let joined = Joined {
            station: self.station(vehicle),
            is_unit,
            remote: Some(SocketAddr::from(([192, 0, 2, vehicle], 50_000))),
        };
        self.relay.handle_joined(peer, &joined, self.now);
    }

    /// What a vehicle says so many metres east of the unit.
    pub(super) fn telemetry(&mut self, vehicle: u8, east_m: f64) -> Verified<Telemetry> {
        self.telemetry_of(vehicle, Telemetry::at(east(east_m)))
    }

    /// The same, heading so many degrees.
    pub(super) fn driving(&mut self, vehicle: u8, east_m: f64, deg: f64) -> Verified<Telemetry> {
        self.telemetry_of(
            vehicle,
            Telemetry {
                heading: Heading::from_deg(deg),
                ..Telemetry::at(east(east_m))
            },
        )
    }

    /// What another says of an event under the event's name, with a key of its own.
    pub(super) fn forge(
        &mut self,
        vehicle: u8,
        real: &Verified<HazardStatement>,
    ) -> Verified<HazardStatement> {
        let key = key(&[b"forger"]);
        let hazard = Hazard {
            update: real.message().hazard.update + 1,
            update_key: Some(UpdateKey(*key.verifying_key().as_bytes())),
            ..real.message().hazard.clone()
        };
        let body = hazard.encode();
        let station = self.station(vehicle);
        let parts: [&[u8]; 2] = [station.as_bytes(), &body];
        let statement = HazardStatement {
            hazard,
            update_signature: Some(*key.sign(Context::HazardUpdate, &parts).as_bytes()),
            body,
        };
        let now = self.now;
        let message = Message::Hazard(statement);
        let signed = self.signer(vehicle).sign(&message, now.timestamp, now);
        match self.verifier.handle_envelope(signed.unwrap().bytes, now) {
            Ok(VerifiedMessage::Hazard(verified)) => verified,
            other => panic!("{other:?}"),
        }
    }

    fn telemetry_of(&mut self, vehicle: u8, telemetry: Telemetry) -> Verified<Telemetry> {
        // Each message is of a moment of its own.
        self.now = self.now.after(Duration::from_millis(1));
        let now = self.now;
        let message = Message::Telemetry(telemetry);
        let signed = self.signer(vehicle).sign(&message, now.timestamp, now);
        match self.verifier.handle_envelope(signed.unwrap().bytes, now) {
            Ok(VerifiedMessage::Telemetry(verified)) => verified,
            other => panic!("{other:?}"),
        }
    }

    /// A report of a new event of a vehicle, so many metres east of the unit.
    pub(super) fn hazard(
        &mut self,
        vehicle: u8,
        east_m: f64,
        change: impl FnOnce(&mut Hazard),
    ) -> Verified<HazardStatement> {
        self.signer(vehicle);
        let signer = self.signers.get_mut(&vehicle).unwrap();
        reserve(signer);
        self.authority.verified_hazard(
            signer,
            |hazard| {
                hazard.position = east(east_m);
                change(hazard);
            },
            self.now,
        )
    }

    /// The next report of an event by its own vehicle.
    pub(super) fn update(
        &mut self,
        vehicle: u8,
        before: &Verified<HazardStatement>,
        change: impl FnOnce(&mut Hazard),
    ) -> Verified<HazardStatement> {
        let signer = self.signers.get_mut(&vehicle).unwrap();
        let before = before.message().hazard.clone();
        self.authority.verified_hazard(
            signer,
            |hazard| {
                *hazard = before;
                hazard.update += 1;
                change(hazard);
            },
            self.now,
        )
    }

    /// Takes telemetry that came from its signer; returns who is told.
    pub(super) fn says(&mut self, vehicle: u8, east_m: f64) -> Vec<u64> {
        let verified = self.telemetry(vehicle, east_m);
        peers(&self.tell(&verified, from(vehicle)))
    }

    pub(super) fn tell(&mut self, verified: &Verified<Telemetry>, route: Route) -> Forward {
        self.relay.handle_telemetry(verified, route, self.now)
    }

    /// Takes a hazard that came from its signer; returns who is told.
    pub(super) fn warns(&mut self, vehicle: u8, verified: &Verified<HazardStatement>) -> Vec<u64> {
        peers(&self.relay.handle_hazard(verified, from(vehicle), self.now))
    }

    /// The kept hazards that are to be told, with to whom.
    pub(super) fn handovers(&mut self) -> Vec<Handover> {
        let now = self.now;
        std::iter::from_fn(|| self.relay.poll_hazard(now)).collect()
    }

    pub(super) fn notices(&mut self) -> Vec<(u64, Notice)> {
        std::iter::from_fn(|| self.relay.poll_notice())
            .map(|(peer, notice)| (peer.0, notice))
            .collect()
    }
}

/// Straight from a vehicle, whose connection bears its number.
pub(super) fn from(vehicle: u8) -> Route {
    Route {
        from: Some(PeerId(vehicle.into())),
        hops: 0,
    }
}

pub(super) fn peers(forward: &Forward) -> Vec<u64> {
    forward.targets.iter().map(|target| target.peer.0).collect()
}

/// Everything within a radius, and all hazards.
pub(super) fn around(radius_m: u32) -> Interest {
    wanting(InterestArea::Around { radius_m })
}

pub(super) fn wanting(area: InterestArea) -> Interest {
    Interest {
        areas: vec![area],
        telemetry: true,
        hazards: true,
        ..Interest::default()
    }
}

pub(super) fn unit_at(east_m: f64) -> UnitPlace {
    UnitPlace {
        address: "192.0.2.200:4433".parse().unwrap(),
        position: east(east_m),
        radius_m: 1_000,
    }
}

pub(super) fn east(east_m: f64) -> Position {
    place(east_m, 0.0)
}

pub(super) fn place(east_m: f64, north_m: f64) -> Position {
    let origin = Position::from_deg(44.49, 11.32).unwrap();
    LocalFrame::at(origin)
        .position(Offset { east_m, north_m })
        .unwrap()
}
