use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::{id::GroupId, ledger::EnrolmentStatus, security::Slot, time::Timestamp};

/// Where a vehicle gets its tickets, and whether it does.
#[derive(BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Enrolment {
    /// The issuing group.
    pub group: GroupId,
    /// What was last said; what holds at a moment is [`Self::status_at`].
    pub status: EnrolmentStatus,
    /// Who said it.
    pub by: EnrolmentVoice,
    /// When it was said.
    #[serde(rename = "since_unix_ms")]
    pub since: Timestamp,
    /// The number of the first slot for which the group gives it a ticket.
    pub first_slot: u32,
    /// How often earlier linkage chains of the vehicle have or may have become public; what holds at a
    /// moment is [`Self::generation_at`].
    pub generation: u32,
}

/// Who said how an enrolment stands, from the weakest to the strongest.
///
/// The order is part of the format: new kinds are added at the end.
#[derive(
    BorshDeserialize, BorshSerialize, Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum EnrolmentVoice {
    /// The enrolment authority.
    Operator,
    /// The vehicle's owner.
    Owner,
    /// An authority of the state, or a quorum of operators.
    Authority,
}

impl Enrolment {
    /// Whether the vehicle gets tickets at a moment.
    pub fn status_at(&self, time: Timestamp) -> EnrolmentStatus {
        match self.status {
            EnrolmentStatus::Suspended { until } if until <= time => EnrolmentStatus::Active,
            EnrolmentStatus::Active
            | EnrolmentStatus::Suspended { .. }
            | EnrolmentStatus::Revoked => self.status,
        }
    }

    /// Which linkage chains the vehicle's new tickets belong to at a moment: it goes up whenever the
    /// vehicle gets tickets again after it got none.
    pub fn generation_at(&self, time: Timestamp) -> u32 {
        let has_ended = self.status != self.status_at(time);
        self.generation.saturating_add(u32::from(has_ended))
    }

    /// Whether the group may give the vehicle a ticket of a slot, at a moment.
    pub fn may_have(&self, slot: Slot, time: Timestamp) -> bool {
        self.status_at(time) == EnrolmentStatus::Active && self.first_slot <= slot.number()
    }
}
