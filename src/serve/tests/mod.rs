mod allowance;
mod gate;
mod notify;
mod page;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Access, Role};

/// The roles of a daemon that is none.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Part {
    Listener,
    Speaker,
}

impl Role for Part {
    const ALL: &'static [Self] = &[Self::Listener, Self::Speaker];
    const OWNER: Self = Self::Speaker;
    const METHODS: &'static [(&'static str, Access<Self>)] = &[
        ("/grpc.health.v1.Health/Check", Access::Known),
        (
            "/wayside.test.v1.TestService/Speak",
            Access::Roles(&[Self::Speaker]),
        ),
    ];
    const UNTIMED: &'static [&'static str] = &[];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listener => "listener",
            Self::Speaker => "speaker",
        })
    }
}
