use std::collections::{BTreeMap, VecDeque};

use wayside::{id::ActionId, rpc::hazard::v1::Event};

/// Remembers which reports were asked for lately, so that a client that lost the answer can ask
/// again without reporting twice.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    answers: BTreeMap<RequestName, Answered>,
    order: VecDeque<RequestName>,
}

/// A request, as its caller named it; two callers may use one name.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct RequestName {
    pub(super) caller: String,
    pub(super) request_id: String,
}

#[derive(Debug)]
struct Answered {
    event: Event,
    action: ActionId,
}

/// Whether a request was answered before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Repeat {
    /// Not that is remembered.
    New,
    /// Yes, with this.
    Of(ActionId),
    /// The name was used for another event.
    Reused,
}

impl Repeats {
    /// Looks a request up.
    pub(super) fn find(&self, name: &RequestName, event: &Event) -> Repeat {
        match self.answers.get(name) {
            None => Repeat::New,
            Some(answered) if answered.event == *event => Repeat::Of(answered.action),
            Some(_) => Repeat::Reused,
        }
    }

    /// Notes the answer to a new request; forgets the oldest at the bound.
    pub(super) fn insert(&mut self, name: RequestName, event: Event, action: ActionId) {
        if self.order.len() >= ANSWERS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.order.push_back(name.clone());
        self.answers.insert(name, Answered { event, action });
    }
}

pub(super) const ANSWERS_MAX: usize = 256;
