use std::collections::{BTreeMap, BTreeSet};

use tracing::{error, warn};
use wayside::{
    id::{GroupId, ShardId},
    issuing::{
        Desk, Enrolment, EnrolmentAuthority, Escrow, Facts, IssuingKeys, LinkageOffice,
        LinkageSecret, Mailbox, Nonce, OpenedRequest, Record, SealedRequest, Seat, TicketKey,
        TicketMember, Token, Transmit,
    },
    ledger::{Action, CommitTickets, SlotCount, StateView as _},
    security::Slot,
    time::Instant,
};

use super::{
    Refusal,
    journal::Past,
    orders::Recovery,
    out::{About, Effect, Out, Reply, View, Word},
};

/// All parts that one process has in issuing, between what happens to them and what they want done.
///
/// After each `handle_*` and at [`Self::poll_timeout`], call [`Self::poll`]; then make what
/// [`Self::take_out`] gives durable before anything of it leaves.
pub(super) struct Offices {
    pub(super) seat: Seat,
    pub(super) desk: Desk,
    pub(super) recoveries: BTreeMap<u64, Recovery>,
    /// The lifted orders whose vehicles have had back what was taken from them.
    pub(super) lifted: BTreeSet<u64>,
    /// The groups whose parts this process has: enrolment authority, linkage office, member.
    parts: [BTreeSet<GroupId>; 3],
    pub(super) out: Out,
}

impl Offices {
    /// The parts of a process that goes on after what was recorded; [`Self::take_part`] gives it those
    /// that the ledger says it has.
    pub(super) fn new(seat: Seat, keys: IssuingKeys, view: &View<'_>, records: &[Record]) -> Self {
        let mailbox = Mailbox::new(view.facts.chain, seat, keys);
        Self {
            seat,
            desk: Desk::new(mailbox, Escrow::new(seat, records)),
            recoveries: BTreeMap::new(),
            lifted: BTreeSet::new(),
            parts: Default::default(),
            out: Out::default(),
        }
    }

    /// Whether the ledger gives this process a part that it does not have yet.
    pub(super) fn lacks_part(&self, view: &View<'_>) -> bool {
        let due = due_parts(self.seat, view);
        due.iter()
            .zip(&self.parts)
            .any(|(due, held)| !due.is_subset(held))
    }

    /// Takes the parts that the ledger gives this process, each going on after what was recorded.
    pub(super) fn take_part(
        &mut self,
        secret: &LinkageSecret,
        records: &[Record],
        view: &View<'_>,
    ) {
        let seat = self.seat;
        let secret = || LinkageSecret::from_bytes(*secret.as_bytes());
        let due = due_parts(seat, view);
        let [enrolments, linkages, members] = &mut self.parts;
        let [due_enrolments, due_linkages, due_members] = due;
        for group in due_enrolments {
            if enrolments.insert(group) {
                let part = EnrolmentAuthority::new(seat, group, secret(), records, view.now);
                self.desk.add_enrolment(group, part);
            }
        }
        for group in due_linkages {
            if linkages.insert(group) {
                let part = LinkageOffice::new(seat, group, secret(), records);
                self.desk.add_linkage(group, part);
            }
        }
        for group in due_members {
            if members.insert(group) {
                let part = TicketMember::new(seat, group, BTreeMap::new(), records);
                self.desk.add_member(group, part);
            }
        }
    }

    /// Gives a member its share of a key of the group; whether there is such a member.
    pub(super) fn handle_ticket_key(&mut self, group: GroupId, id: u16, key: TicketKey) -> bool {
        let member = self.desk.member(group);
        member.map(|member| member.handle_key(id, key)).is_some()
    }

    /// Answers a vehicle. `enrolment` says what the ledger knows of it; `Err` if that cannot be known
    /// here.
    pub(super) fn handle_request(
        &mut self,
        request: &[u8],
        view: &View<'_>,
        enrolment: impl FnOnce(&OpenedRequest) -> Result<Option<Enrolment>, Refusal>,
    ) -> Result<Vec<u8>, Refusal> {
        let sealed = SealedRequest::from_bytes(request);
        let sealed = sealed.map_err(|error| Refusal::Malformed(error.to_string()))?;
        if sealed.to != self.seat {
            return Err(Refusal::NotOpened);
        }
        let opened = sealed.open(view.facts.chain, self.desk.keys());
        let opened = opened.map_err(|_| Refusal::NotOpened)?;
        let authority = self.desk.enrolment(opened.group());
        let authority = authority.ok_or(Refusal::NotIssuing)?;
        let enrolment = enrolment(&opened)?;
        let staged = authority.handle_request(&opened, enrolment.as_ref(), view.facts, view.now);
        let staged = staged
            .ok_or_else(|| Refusal::Malformed("no answer can be sealed to its key".to_owned()))?;
        Ok(self.out.stage(staged).to_bytes())
    }

    /// Tells a vehicle what came of an earlier request.
    pub(super) fn handle_collect(
        &mut self,
        token: Token,
        view: &View<'_>,
    ) -> Result<Vec<u8>, Refusal> {
        let mut authorities = self.desk.enrolments();
        let found = authorities.find_map(|it| it.handle_collect(token, view.facts));
        drop(authorities);
        let staged = found.ok_or(Refusal::TokenUnknown)?;
        Ok(self.out.stage(staged).to_bytes())
    }

    /// Answers another process.
    pub(super) fn handle_message(
        &mut self,
        message: &[u8],
        view: &View<'_>,
    ) -> Result<Vec<u8>, Refusal> {
        let staged = self.desk.handle_message(message, view.facts, view.now);
        let staged = staged.map_err(|error| Refusal::MessageRefused(error.to_string()))?;
        self.out.stage(staged).ok_or(Refusal::NotIssuing)
    }

    /// Takes the answer to a message that was sent; `None` if none came.
    pub(super) fn handle_answer(&mut self, nonce: Nonce, answer: Option<&[u8]>, view: &View<'_>) {
        let staged = self.desk.handle_answer(nonce, answer, view.facts, view.now);
        self.out.stage(staged);
    }

    /// Goes on with whatever is due.
    pub(super) fn poll(&mut self, view: &View<'_>) {
        while let Some(transmit) = self.desk.poll_transmit(view.facts, view.now) {
            let Transmit { to, nonce, bytes } = transmit;
            if to == self.seat {
                let answer = self.handle_message(&bytes, view).ok();
                self.handle_answer(nonce, answer.as_deref(), view);
            } else {
                let message = bytes;
                self.out.effects.push(Effect::Send { to, nonce, message });
            }
        }
        while let Some((commitment, culprits)) = self.desk.poll_commitment() {
            for operator in culprits {
                warn!(
                    operator,
                    "a member of the ticket authority gave false shares"
                );
            }
            let slots = commitment.slots.iter();
            let slots = slots.map(|(slot, tickets)| SlotCount {
                slot: slot.number(),
                tickets: *tickets,
            });
            let action = Action::CommitTickets(CommitTickets {
                group: commitment.group,
                slots: slots.collect(),
                root: commitment.root,
            });
            let number = u64::from_be_bytes(commitment.root.prefix());
            self.say(ShardId::GOVERNANCE, action, About::Batch(number));
        }
        self.take_released();
    }

    /// When to poll again at the latest; `None` while nothing is open.
    pub(super) fn poll_timeout(&self, facts: &Facts) -> Option<Instant> {
        self.desk.poll_timeout(facts)
    }

    /// How many tickets are being made.
    pub(super) fn waiting(&mut self) -> usize {
        self.desk.enrolments().map(|it| it.waiting()).sum()
    }

    /// What is to be done now.
    pub(super) fn take_out(&mut self) -> Out {
        std::mem::take(&mut self.out)
    }

    /// Answers who waits.
    pub(super) fn reply(&mut self, reply: Reply, answer: Result<Vec<u8>, Refusal>) {
        self.out.effects.push(Effect::Reply(reply, answer));
    }

    /// Has something said on the ledger.
    pub(super) fn say(&mut self, shard: ShardId, action: Action, about: About) {
        let word = Word {
            shard,
            action,
            about,
        };
        self.out.effects.push(Effect::Say(Box::new(word)));
    }
}

/// The groups in which the ledger gives a process a part: enrolment authority, linkage office, member.
/// An operator's first process has all parts but that of enrolling, which all share.
fn due_parts(seat: Seat, view: &View<'_>) -> [BTreeSet<GroupId>; 3] {
    let operator = seat.operator;
    let groups = &view.issuing.groups;
    let of = |has_part: &dyn Fn(&GroupId) -> bool| {
        let ids = groups.keys().copied();
        ids.filter(has_part).collect::<BTreeSet<_>>()
    };
    let group = |id: &GroupId| groups.get(id);
    let is_first = seat.replica == 0;
    [
        of(&|id| group(id).is_some_and(|it| it.enrolment == operator)),
        of(&|id| is_first && group(id).is_some_and(|it| it.linkage == operator)),
        of(&|id| is_first && is_member(view, *id, operator)),
    ]
}

/// Whether an operator signs a group's tickets, or holds a share of a key that still does.
fn is_member(view: &View<'_>, group: GroupId, operator: u16) -> bool {
    let is_now = view.issuing.group(group);
    let is_now = is_now.is_some_and(|group| group.has_member(operator));
    let mut issuers = view.issuing.issuers.iter();
    is_now || issuers.any(|it| it.group == group && it.members.contains(&operator))
}

/// An enrolment authority that cannot know which tickets it gave, gives none of slots for which it may
/// have given some.
pub(super) fn floors(view: &View<'_>, seat: Seat, past: Past) -> Vec<Record> {
    let groups = view.issuing.groups.iter().filter(|(id, group)| {
        let issued = view.state.issued(**id).is_some_and(|it| it.batches > 0);
        group.enrolment == seat.operator && (issued || past == Past::Restored)
    });
    let slot = floor(view);
    let records = groups.map(|(id, _)| {
        say_floor(*id, slot, seat, past);
        Record::floor(*id, slot)
    });
    records.collect()
}

/// Says that tickets of some slots are lost, and why: vehicles will ask for them in vain.
fn say_floor(group: GroupId, slot: Slot, seat: Seat, past: Past) {
    let (group, first_slot) = (group.0, slot.number());
    if past == Past::New && seat.replica == 0 {
        error!(
            group,
            first_slot,
            "tickets were given, and there is no journal of which: none is given of slots before the \
             first one that nobody can have a ticket of. If the journal is somewhere, stop the unit and \
             put it back"
        );
    } else {
        warn!(
            group,
            first_slot,
            "cannot know which tickets were given before, and gives none of slots before the first one \
             that nobody can have a ticket of"
        );
    }
}

/// The first slot for which an authority gives tickets that cannot know what it gave before.
fn floor(view: &View<'_>) -> Slot {
    let (_, last) = view.facts.window(view.now.timestamp);
    Slot::from_number(last.number().saturating_add(2))
}
