use std::net::SocketAddr;

use tracing::warn;
use wayside::{relay::UnitPlace, transport::door::DoorIdentity};

use super::Relay;
use crate::config::RelayConfig;

impl Relay {
    /// Takes over what may change of the configuration while the unit runs, and says what waits for its
    /// next start. Who is connected stays so, and what is kept stays, too.
    pub(crate) async fn reload(&self, config: RelayConfig) {
        let relay = self.clone();
        // Where connections are made. Only a unit that is stopping does not.
        let _ = self
            .0
            .lane
            .run(async move { relay.take_over(&config) })
            .await;
    }

    /// Takes a renewed certificate of the same key.
    pub(crate) async fn reload_certificate(&self, identity: &DoorIdentity) {
        let is_same_key = {
            let mut state = self.lock();
            let is_same_key = state.key.verifying_key() == identity.key.verifying_key();
            if is_same_key {
                state.certificate = identity.certificate.clone();
            }
            is_same_key
        };
        if !is_same_key {
            warn!("the relay keeps the door's former key until the unit is started again");
            return;
        }
        let certificate = identity.certificate.clone();
        // One that has not begun yet begins with it.
        let _ = self
            .call(|station, _| station.handle_unit(certificate))
            .await;
    }

    fn take_over(&self, config: &RelayConfig) {
        let (before, waiting) = {
            let mut state = self.lock();
            let waiting = state.config.waiting(config);
            let reloaded = state.config.reloaded(config);
            let before = std::mem::replace(&mut state.config, reloaded);
            if let Some(running) = &mut state.station {
                let own = running.handle.local_addr();
                running.address = config.address.unwrap_or(own);
            }
            (before, waiting)
        };
        for key in waiting {
            warn!(key, "takes effect when the unit is started again");
        }
        self.obey(&before.neighbours);
    }

    /// Has the station do as the configuration says now; `before` are those to whom it keeps up a
    /// connection so far. Must run on the lane.
    pub(super) fn obey(&self, before: &[SocketAddr]) {
        let (handle, address, config) = {
            let state = self.lock();
            let Some(running) = &state.station else {
                return;
            };
            (
                running.handle.clone(),
                running.address,
                state.config.clone(),
            )
        };
        for gone in before.iter().filter(|it| !config.neighbours.contains(it)) {
            handle.disconnect(*gone);
        }
        for new in config.neighbours.iter().filter(|it| !before.contains(it)) {
            handle.connect(*new);
        }
        if let Some(position) = config.place() {
            let place = UnitPlace {
                address,
                position,
                radius_m: config.radius_m,
            };
            handle.call(|station, now| station.handle_relay(place, config.rules, now));
        }
    }
}
