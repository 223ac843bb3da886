use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

use super::{Access, RoleConfig};

/// What a caller may be at one daemon: the agent's roles, and the roadside unit's.
pub trait Role:
    Copy + fmt::Debug + fmt::Display + Eq + Serialize + DeserializeOwned + Send + Sync + Unpin + 'static
{
    /// Every role.
    const ALL: &'static [Self];
    /// What the daemon's own user and root are unless the configuration says otherwise.
    const OWNER: Self;
    /// Who may call which method: every method, in the order of the bytes of its path. Nothing else
    /// grants anything.
    const METHODS: &'static [(&'static str, Access<Self>)];
    /// The paths of unary methods that last as long as what they are asked for.
    const UNTIMED: &'static [&'static str];
}

/// Who is at the other end of a gRPC connection, as the listener established it.
///
/// Stands in the extensions of every request. A caller without a role may do nothing: the services
/// answer `PERMISSION_DENIED`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller<R> {
    /// How the listener knows them.
    pub identity: CallerIdentity,
    /// What the configuration lets them do; `None` if it does not name them.
    pub role: Option<R>,
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

impl<R: Role> Caller<R> {
    /// A caller with the role that the configuration gives; `own_user` is the daemon's own user id.
    pub fn new(identity: CallerIdentity, roles: &RoleConfig<R>, own_user: u32) -> Self {
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

const ROOT: u32 = 0;
