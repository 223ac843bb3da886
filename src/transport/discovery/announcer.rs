use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tracing::debug;

use super::{frame::Announcement, table::Table};
use crate::{
    id::DomainId,
    transport::{
        config::DiscoveryConfig,
        core::Wanted,
        shared::{Phase, Shared},
    },
};

/// Speaks and listens on the multicast group.
pub(in crate::transport) struct Announcer {
    socket: UdpSocket,
    config: DiscoveryConfig,
    own: Announcement,
    table: Table,
    random: ChaCha8Rng,
}

impl Announcer {
    /// Joins the group.
    pub(in crate::transport) fn open(
        config: &DiscoveryConfig,
        (domain, port): (DomainId, u16),
        seed: u64,
    ) -> io::Result<Self> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let own = Announcement {
            domain,
            port,
            nonce: random.next_u64().to_be_bytes(),
        };
        Ok(Self {
            socket: join(config)?,
            config: config.clone(),
            own,
            table: Table::new(own, config.candidates_max),
            random,
        })
    }

    /// Announces and listens until the driver drains.
    pub(in crate::transport) async fn run(mut self, shared: Arc<Shared>) {
        let mut phase = shared.phase.subscribe();
        let mut port = shared.port.subscribe();
        let mut pause = Duration::ZERO;
        let mut buffer = [0; Announcement::LEN + 1];
        loop {
            let due = tokio::time::Instant::now() + pause;
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => break,
                    _ = phase.wait_for(|phase| *phase != Phase::Running) => return,
                    Ok(()) = port.changed() => {
                        self.begin_anew(*port.borrow_and_update());
                        break;
                    }
                    received = self.socket.recv_from(&mut buffer) => {
                        if let Ok((len, from)) = received {
                            self.listen(&shared, buffer.get(..len).unwrap_or_default(), from);
                        }
                    }
                }
            }
            if let Err(error) = self
                .socket
                .send_to(&self.own.encode(), self.config.group)
                .await
            {
                debug!(%error, "cannot announce this station");
            }
            for address in self.table.handle_timeout(shared.clock.now().instant) {
                shared.remove_target(address, Wanted::Discovered);
            }
            pause = self.next_pause();
        }
    }

    /// Announces the port of another ticket, as somebody whom nobody heard before.
    fn begin_anew(&mut self, port: u16) {
        self.own.port = port;
        self.own.nonce = self.random.next_u64().to_be_bytes();
        self.table.begin_anew(self.own);
        match join(&self.config) {
            Ok(socket) => self.socket = socket,
            Err(error) => debug!(%error, "cannot join the group anew, staying with the old socket"),
        }
    }

    fn listen(&mut self, shared: &Arc<Shared>, bytes: &[u8], from: SocketAddr) {
        let Some(announcement) = Announcement::decode(bytes) else {
            return;
        };
        let now = shared.clock.now().instant;
        if let Some(address) = self.table.handle_announcement(announcement, from, now) {
            shared.add_target(address, Wanted::Discovered);
        }
    }

    /// The interval and up to a tenth of it, so that stations do not fall into step.
    fn next_pause(&mut self) -> Duration {
        let interval = self.config.interval();
        interval + interval * (self.random.next_u32() % 100) / 1_000
    }
}

fn join(config: &DiscoveryConfig) -> io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(config.group),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    match config.group {
        SocketAddr::V4(group) => {
            socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, group.port())).into())?;
            socket.join_multicast_v4(group.ip(), &config.interface)?;
            socket.set_multicast_if_v4(&config.interface)?;
            socket.set_multicast_loop_v4(true)?;
            // The link, and no router beyond it.
            socket.set_multicast_ttl_v4(1)?;
        }
        SocketAddr::V6(group) => {
            socket.set_only_v6(true)?;
            socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, group.port())).into())?;
            socket.join_multicast_v6(group.ip(), group.scope_id())?;
            socket.set_multicast_if_v6(group.scope_id())?;
            socket.set_multicast_loop_v6(true)?;
            socket.set_multicast_hops_v6(1)?;
        }
    }
    UdpSocket::from_std(socket.into())
}
