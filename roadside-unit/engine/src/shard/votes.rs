/// In which view each member of the committee was last seen to vote.
///
/// Members tell each other, so that one that lost its own memory of votes, was put back to an older
/// one, or shares its key with a second process, finds out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct VotesSeen {
    /// What members voted before this view may not have been seen.
    pub(crate) since: u64,
    /// The newest view of each member, by its index; 0 if it was not seen to vote.
    pub(crate) newest: Vec<u64>,
}

impl VotesSeen {
    /// Of so many members, none was seen to vote.
    pub(crate) fn none(members: usize) -> Self {
        Self {
            since: 0,
            newest: vec![0; members],
        }
    }

    /// Notes that a member voted in a view.
    pub(crate) fn saw(&mut self, member: usize, view: u64) {
        if let Some(newest) = self.newest.get_mut(member) {
            *newest = view.max(*newest);
        }
    }

    /// The newest view in which a member was seen to vote; 0 for none.
    pub(crate) fn of(&self, member: usize) -> u64 {
        self.newest.get(member).copied().unwrap_or(0)
    }
}
