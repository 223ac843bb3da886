use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::RoleConfig;

/// What a caller of the gRPC interface may do; which role may call which method is decided in one
/// table beside the services.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May watch: the world, hazards, readiness.
    Observer,
    /// May watch, and speak for the vehicle: publish its state, report and cancel hazards.
    DrivingStack,
    /// May watch, and look into the agent itself: its configuration and its peers. Does not speak
    /// for the vehicle.
    Administrator,
}

/// Who is at the other end of a gRPC connection, as the listener established it.
///
/// Stands in the extensions of every request. A caller without a role may do nothing: the services
/// answer `PERMISSION_DENIED`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// How the listener knows them.
    pub identity: CallerIdentity,
    /// What the configuration lets them do; `None` if it does not name them.
    pub role: Option<Role>,
}

/// How a caller showed who they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CallerIdentity {
    /// A process on this machine, by the credentials that the kernel gives for its end of the unix
    /// socket.
    LocalUser {
        /// Its effective user id when it connected.
        user: u32,
        /// Its effective group id when it connected.
        group: u32,
    },
    /// The URI of the client certificate's subject alternative names that the role map names, or
    /// the first one; empty if the certificate has none.
    Certificate {
        /// The URI.
        uri: String,
    },
    /// A process on this machine over loopback TCP without TLS, where the configuration allows it.
    Loopback,
}

impl Caller {
    /// A caller with the role that the configuration gives; `own_user` is the agent's own user id.
    pub fn new(identity: CallerIdentity, roles: &RoleConfig, own_user: u32) -> Self {
        let role = match &identity {
            CallerIdentity::LocalUser { user, group } => {
                let is_owner = *user == own_user || *user == ROOT;
                let owner = roles.owner.filter(|_| is_owner);
                let by_user = roles.users.get(&user.to_string()).copied();
                let by_group = || roles.groups.get(&group.to_string()).copied();
                by_user.or(owner).or_else(by_group)
            }
            CallerIdentity::Certificate { uri } => roles.certificates.get(uri).copied(),
            CallerIdentity::Loopback => roles.loopback,
        };
        Self { identity, role }
    }
}

impl fmt::Display for CallerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalUser { user, group } => write!(f, "local user {user}, group {group}"),
            Self::Certificate { uri } => write!(f, "certificate {uri:?}"),
            Self::Loopback => f.write_str("loopback"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Observer => "observer",
            Self::DrivingStack => "driving-stack",
            Self::Administrator => "administrator",
        })
    }
}

const ROOT: u32 = 0;
