use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use super::{
    BatchCommitment, BatchId, Body, Dispatch, EnrolmentAuthority, Escrow, Facts, IssuingKeys,
    LinkageOffice, Mailbox, MessageError, MintOrder, Minted, Nonce, OperatorRefusal, Record,
    ReleaseOrder, Released, Seat, Signing, Staged, TicketCoordinator, TicketMember,
    open_batch::Question,
};
use crate::{
    id::GroupId,
    ledger::TicketHandle,
    security::{LinkageSeed, Slot, Ticket},
    time::{Instant, Now},
};

/// All the roles that one operator's process holds, behind one door.
///
/// Cars' requests go to [`Self::enrolment`]. A message of another operator goes to
/// [`Self::handle_message`], and its answer goes back. After each `handle_*` and at
/// [`Self::poll_timeout`], send what [`Self::poll_transmit`] gives until it returns `None`, also to
/// this very process, and pass what came back, or that nothing did, to [`Self::handle_answer`]. Post
/// what [`Self::poll_commitment`] gives on the ledger.
pub struct Desk {
    mailbox: Mailbox,
    enrolment: BTreeMap<GroupId, EnrolmentAuthority>,
    linkage: BTreeMap<GroupId, LinkageOffice>,
    members: BTreeMap<GroupId, TicketMember>,
    escrow: Escrow,
    /// What the ledger lets custodians release now.
    ordered: BTreeSet<ReleaseOrder>,
    coordinated: BTreeMap<BatchId, Coordinated>,
    coordinated_order: VecDeque<BatchId>,
    /// Our questions that are not answered yet.
    asked: BTreeMap<Nonce, Asked>,
    outbox: VecDeque<(Dispatch, Topic)>,
    commitments: VecDeque<(BatchCommitment, Vec<u16>)>,
    released: VecDeque<(u16, Released)>,
}

/// A message to send, and the name under which its answer is passed back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// Whom.
    pub to: Seat,
    /// The name.
    pub nonce: Nonce,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A batch that this process coordinates, for whom.
struct Coordinated {
    group: GroupId,
    ordered_by: Seat,
    coordinator: TicketCoordinator,
    minted: Option<Minted>,
    /// When to tell the enrolment authority again, while it has not answered.
    tell: Option<Instant>,
}

/// A question of ours.
struct Asked {
    to: Seat,
    topic: Topic,
    /// What an enrolment authority asks about a batch.
    question: Option<Question>,
}

/// What a question belongs to.
#[derive(Clone, Copy)]
enum Topic {
    Enrolment(GroupId),
    Coordination(BatchId),
    Delivery(BatchId),
    Release,
}

impl Desk {
    /// A process without any role but that of a custodian.
    pub fn new(mailbox: Mailbox, escrow: Escrow) -> Self {
        Self {
            mailbox,
            enrolment: BTreeMap::new(),
            linkage: BTreeMap::new(),
            members: BTreeMap::new(),
            escrow,
            ordered: BTreeSet::new(),
            coordinated: BTreeMap::new(),
            coordinated_order: VecDeque::new(),
            asked: BTreeMap::new(),
            outbox: VecDeque::new(),
            commitments: VecDeque::new(),
            released: VecDeque::new(),
        }
    }

    /// Takes on a role.
    pub fn add_enrolment(&mut self, group: GroupId, authority: EnrolmentAuthority) {
        self.enrolment.insert(group, authority);
    }

    /// Takes on a role.
    pub fn add_linkage(&mut self, group: GroupId, office: LinkageOffice) {
        self.linkage.insert(group, office);
    }

    /// Takes on a role.
    pub fn add_member(&mut self, group: GroupId, member: TicketMember) {
        self.members.insert(group, member);
    }

    /// The enrolment authority of a group, for its cars.
    pub fn enrolment(&mut self, group: GroupId) -> Option<&mut EnrolmentAuthority> {
        self.enrolment.get_mut(&group)
    }

    /// All enrolment authorities, for cars that show a token alone.
    pub fn enrolments(&mut self) -> impl Iterator<Item = &mut EnrolmentAuthority> {
        self.enrolment.values_mut()
    }

    /// The second linkage authority of a group.
    pub fn linkage(&mut self, group: GroupId) -> Option<&mut LinkageOffice> {
        self.linkage.get_mut(&group)
    }

    /// The member of a group's ticket authority.
    pub fn member(&mut self, group: GroupId) -> Option<&mut TicketMember> {
        self.members.get_mut(&group)
    }

    /// The issuing keys.
    pub fn keys(&self) -> &IssuingKeys {
        self.mailbox.keys()
    }

    /// Takes other issuing keys; the old ones are wiped.
    pub fn handle_keys(&mut self, keys: IssuingKeys) {
        self.mailbox.handle_keys(keys);
    }

    /// Takes in which shares the ledger lets custodians release now: those of the tickets that open
    /// orders name, of each authority that has let its time pass.
    pub fn handle_orders(&mut self, ordered: BTreeSet<ReleaseOrder>) {
        self.ordered = ordered;
    }

    /// Takes a message of another operator's process, and gives the answer to it. `None` where there is
    /// none to give, since the asker is on the ledger no more.
    pub fn handle_message(
        &mut self,
        bytes: &[u8],
        facts: &Facts,
        now: Now,
    ) -> Result<Staged<Option<Vec<u8>>>, MessageError> {
        let opened = self.mailbox.read(bytes, facts, now.timestamp)?;
        let answered = self.answer(opened.from, &opened.body, facts, now);
        let staged = answered.unwrap_or_else(|refusal| Staged::ready(Body::Refused(refusal)));
        let (mailbox, time) = (&self.mailbox, (facts, now.timestamp));
        let staged = staged.map(|body| {
            let answer = mailbox.write(opened.from, Some(opened.nonce), &body, time);
            answer.map(|(bytes, _)| bytes)
        });
        Ok(staged)
    }

    /// What to send now.
    pub fn poll_transmit(&mut self, facts: &Facts, now: Now) -> Option<Transmit> {
        loop {
            let (dispatch, topic) = self.next(facts, now)?;
            let time = (facts, now.timestamp);
            let Dispatch { to, body } = dispatch;
            let asked = Asked {
                to,
                topic,
                question: Question::of(&body),
            };
            let Some((bytes, nonce)) = self.mailbox.write(to, None, &body, time) else {
                // Nobody is there by the ledger, as if it had not been reached.
                self.fail(&asked, facts, now);
                continue;
            };
            self.asked.insert(nonce, asked);
            return Some(Transmit { to, nonce, bytes });
        }
    }

    /// Takes what came back for a message of ours; `None` if nothing did. Answers that do not count are
    /// as good as none.
    pub fn handle_answer(
        &mut self,
        nonce: Nonce,
        answer: Option<&[u8]>,
        facts: &Facts,
        now: Now,
    ) -> Staged<()> {
        let Some(asked) = self.asked.remove(&nonce) else {
            return Staged::ready(());
        };
        let opened = answer.and_then(|bytes| {
            let opened = self.mailbox.read(bytes, facts, now.timestamp).ok()?;
            let is_answer = opened.from == asked.to && opened.answers == Some(nonce);
            is_answer.then_some(opened)
        });
        let Some(opened) = opened else {
            self.fail(&asked, facts, now);
            return Staged::ready(());
        };
        match asked.topic {
            Topic::Enrolment(group) => {
                let Some(authority) = self.enrolment.get_mut(&group) else {
                    return Staged::ready(());
                };
                if let (Body::Refused(refusal), Some(question)) = (&opened.body, asked.question) {
                    authority.handle_refusal(asked.to, question, *refusal, (facts, now));
                    return Staged::ready(());
                }
                return authority.handle_answer(asked.to, &opened.body, facts, now);
            }
            Topic::Coordination(batch) => {
                if let Some((it, mut signing)) = self.coordination(batch, facts, now) {
                    it.handle_answer(asked.to.operator, &opened.body, &mut signing);
                }
                self.settle(batch, now.instant);
            }
            Topic::Delivery(batch) => {
                if let (Some(it), Body::Received(_)) =
                    (self.coordinated.get_mut(&batch), &opened.body)
                {
                    it.tell = None;
                }
            }
            Topic::Release => {
                if let Body::Released(released) = opened.body {
                    self.released.push_back((asked.to.operator, released));
                }
            }
        }
        Staged::ready(())
    }

    /// When to call [`Self::poll_transmit`] at the latest; `None` while nothing is open.
    pub fn poll_timeout(&self, facts: &Facts) -> Option<Instant> {
        let authorities = self.enrolment.values();
        let authorities = authorities.filter_map(|it| it.poll_timeout(facts));
        let coordinated = self.coordinated.values();
        let coordinated = coordinated.flat_map(|it| [it.coordinator.poll_timeout(), it.tell]);
        authorities.chain(coordinated.flatten()).min()
    }

    /// To which tickets to commit on the ledger, and which members gave false shares for them.
    pub fn poll_commitment(&mut self) -> Option<(BatchCommitment, Vec<u16>)> {
        self.commitments.pop_front()
    }

    /// Asks all operators that issue for their shares of a seed, since each may have been dealt some; what
    /// they answer comes from [`Self::poll_released`].
    pub fn ask_release(&mut self, order: ReleaseOrder, facts: &Facts) {
        for custodian in facts.operators() {
            let (to, body) = (Seat::first(custodian), Body::Release(order));
            self.outbox
                .push_back((Dispatch { to, body }, Topic::Release));
        }
    }

    /// A custodian's answer to [`Self::ask_release`], for a [`SeedRecovery`](super::SeedRecovery).
    pub fn poll_released(&mut self) -> Option<(u16, Released)> {
        self.released.pop_front()
    }

    /// Under which name a ticket was signed by a member here.
    pub fn handle_of(&self, ticket: &Ticket) -> Option<TicketHandle> {
        self.members.values().find_map(|it| it.handle_of(ticket))
    }

    /// The first authority's seed of a ticket's slot, if it was issued here. Tell it to nobody before
    /// the ledger orders it.
    pub fn first_seed(
        &mut self,
        handle: TicketHandle,
        facts: &Facts,
        now: Now,
    ) -> Option<(Slot, LinkageSeed)> {
        let mut authorities = self.enrolment.values_mut();
        authorities.find_map(|it| {
            let (_, slot, seed) = it.seed_of(handle, facts, now.timestamp)?;
            Some((slot, seed))
        })
    }

    /// The second authority's seed of a ticket's slot, if it was named here. Tell it to nobody before the
    /// ledger orders it.
    pub fn second_seed(
        &mut self,
        handle: TicketHandle,
        facts: &Facts,
        now: Now,
    ) -> Option<(Slot, LinkageSeed)> {
        let mut offices = self.linkage.values_mut();
        offices.find_map(|it| it.seed_of(handle, facts, now.timestamp))
    }

    /// Forgets what is over, and gives all that is left, to write down anew in place of all records.
    pub fn compact(&mut self, facts: &Facts, now: Now) -> Vec<Record> {
        let time = now.timestamp;
        let mut records = Vec::new();
        for authority in self.enrolment.values_mut() {
            records.extend(authority.compact(facts, time));
        }
        for office in self.linkage.values_mut() {
            records.extend(office.compact(facts, time));
        }
        for member in self.members.values_mut() {
            records.extend(member.compact(facts, time));
        }
        records.extend(self.escrow.compact(facts, time));
        records
    }

    fn answer(
        &mut self,
        from: Seat,
        body: &Body,
        facts: &Facts,
        now: Now,
    ) -> Result<Staged<Body>, OperatorRefusal> {
        let time = (facts, now.timestamp);
        let keys = self.mailbox.keys();
        match body {
            Body::Link(request) => {
                let office = role(&mut self.linkage, request.group)?;
                let staged = office.handle_request(from, request, keys, time)?;
                Ok(staged.map(Body::Linked))
            }
            Body::Deposit(deposit) => {
                let staged = self.escrow.handle_deposit(from, deposit, keys, time)?;
                Ok(staged.map(Body::Deposited))
            }
            Body::Batch(batch) => {
                let member = role(&mut self.members, batch.group)?;
                let staged = member.handle_batch(from, batch, keys, time)?;
                Ok(staged.map(Body::Taken))
            }
            Body::Mint(order) => self.coordinate(from, order, facts, now).map(Staged::ready),
            Body::Minted(minted) => Ok(self.take_minted(from, minted, facts, now)),
            Body::Prepare(prepare) => {
                let member = role(&mut self.members, prepare.group)?;
                member.check_peer(from, prepare.batch)?;
                let prepared = member.handle_prepare(prepare)?;
                Ok(Staged::ready(Body::Prepared(prepared)))
            }
            Body::Sign(order) => {
                let member = role(&mut self.members, order.group)?;
                member.check_peer(from, order.batch)?;
                let signed = member.handle_sign(order)?;
                Ok(Staged::ready(Body::Signed(signed)))
            }
            Body::Approve(order) => {
                let member = role(&mut self.members, order.group)?;
                member.check_peer(from, order.batch)?;
                let approval = member.handle_approve(order, facts.chain, keys)?;
                Ok(Staged::ready(Body::Approved(approval)))
            }
            Body::Release(order) => {
                let is_ordered = self.ordered.contains(order);
                let released = self.escrow.release(*order, is_ordered)?;
                Ok(Staged::ready(Body::Released(released)))
            }
            Body::Linked(_)
            | Body::Deposited(_)
            | Body::Taken(_)
            | Body::Minting(_)
            | Body::Received(_)
            | Body::Prepared(_)
            | Body::Signed(_)
            | Body::Approved(_)
            | Body::Released(_)
            | Body::Refused(_) => Err(OperatorRefusal::Unexpected),
        }
    }

    /// Begins to sign a batch; one that is signed already is told again.
    fn coordinate(
        &mut self,
        from: Seat,
        order: &MintOrder,
        facts: &Facts,
        now: Now,
    ) -> Result<Body, OperatorRefusal> {
        let group = facts.groups.get(&order.group);
        if group.is_none_or(|group| group.enrolment != from.operator) {
            return Err(OperatorRefusal::NotForYou);
        }
        if let Some(known) = self.coordinated.get_mut(&order.batch)
            && known.ordered_by == from
        {
            if known.minted.is_some() {
                known.tell = Some(now.instant);
            }
            return Ok(Body::Minting(order.batch));
        }
        let mut signing = Signing {
            member: role(&mut self.members, order.group)?,
            keys: self.mailbox.keys(),
            facts,
            now,
        };
        let coordinator = TicketCoordinator::begin(order, &mut signing)?;
        if self.coordinated_order.len() >= COORDINATED_MAX
            && let Some(oldest) = self.coordinated_order.pop_front()
        {
            self.coordinated.remove(&oldest);
        }
        self.coordinated_order.push_back(order.batch);
        let coordinated = Coordinated {
            group: order.group,
            ordered_by: from,
            coordinator,
            minted: None,
            tell: None,
        };
        self.coordinated.insert(order.batch, coordinated);
        self.settle(order.batch, now.instant);
        Ok(Body::Minting(order.batch))
    }

    fn take_minted(
        &mut self,
        from: Seat,
        minted: &Minted,
        facts: &Facts,
        now: Now,
    ) -> Staged<Body> {
        let body = Body::Minted(minted.clone());
        let mut records = Vec::new();
        for authority in self.enrolment.values_mut() {
            records.extend(
                authority
                    .handle_answer(from, &body, facts, now)
                    .into_records(),
            );
        }
        Staged::new(records, Body::Received(minted.batch))
    }

    /// Takes in what a coordinator has come to.
    fn settle(&mut self, batch: BatchId, now: Instant) {
        let Some(coordinated) = self.coordinated.get_mut(&batch) else {
            return;
        };
        match coordinated.coordinator.result() {
            None => {}
            Some(Ok(done)) if coordinated.minted.is_none() => {
                coordinated.minted = Some(done.minted.clone());
                coordinated.tell = Some(now);
                let commitment = done.commitment.clone();
                self.commitments
                    .push_back((commitment, done.culprits.clone()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) => {
                // Its enrolment authority asks another member once it has waited long enough.
                self.coordinated.remove(&batch);
                self.coordinated_order.retain(|it| *it != batch);
            }
        }
    }

    /// What some role wants to be told to another now.
    fn next(&mut self, facts: &Facts, now: Now) -> Option<(Dispatch, Topic)> {
        if let Some(next) = self.outbox.pop_front() {
            return Some(next);
        }
        for (group, authority) in &mut self.enrolment {
            if let Some(dispatch) = authority.poll_dispatch(facts, now) {
                return Some((dispatch, Topic::Enrolment(*group)));
            }
        }
        let batches: Vec<_> = self.coordinated.keys().copied().collect();
        for batch in batches {
            if let Some((it, mut signing)) = self.coordination(batch, facts, now) {
                it.handle_timeout(&mut signing);
                if let Some(dispatch) = it.poll_dispatch() {
                    return Some((dispatch, Topic::Coordination(batch)));
                }
            }
            self.settle(batch, now.instant);
            let Some(it) = self.coordinated.get_mut(&batch) else {
                continue;
            };
            if let (Some(minted), Some(at)) = (&it.minted, it.tell)
                && at <= now.instant
            {
                it.tell = Some(now.instant + TELL_AGAIN);
                let (to, body) = (it.ordered_by, Body::Minted(minted.clone()));
                return Some((Dispatch { to, body }, Topic::Delivery(batch)));
            }
        }
        None
    }

    /// A batch's coordinator, and what it works with.
    fn coordination<'a>(
        &'a mut self,
        batch: BatchId,
        facts: &'a Facts,
        now: Now,
    ) -> Option<(&'a mut TicketCoordinator, Signing<'a>)> {
        let coordinated = self.coordinated.get_mut(&batch)?;
        let signing = Signing {
            member: self.members.get_mut(&coordinated.group)?,
            keys: self.mailbox.keys(),
            facts,
            now,
        };
        Some((&mut coordinated.coordinator, signing))
    }

    /// Takes in that a question reached nobody.
    fn fail(&mut self, asked: &Asked, facts: &Facts, now: Now) {
        match asked.topic {
            Topic::Enrolment(group) => {
                let authority = self.enrolment.get_mut(&group);
                if let (Some(authority), Some(question)) = (authority, asked.question) {
                    authority.handle_failure(asked.to, question, now.instant);
                }
            }
            Topic::Coordination(batch) => {
                if let Some((it, mut signing)) = self.coordination(batch, facts, now) {
                    it.handle_failure(asked.to.operator, &mut signing);
                }
                self.settle(batch, now.instant);
            }
            Topic::Delivery(_) | Topic::Release => {}
        }
    }
}

fn role<T>(roles: &mut BTreeMap<GroupId, T>, group: GroupId) -> Result<&mut T, OperatorRefusal> {
    roles.get_mut(&group).ok_or(OperatorRefusal::NotInRole)
}

/// How many batches are remembered, to tell of them again; the oldest makes room.
const COORDINATED_MAX: usize = 64;
/// How long after an enrolment authority did not answer its tickets are told again.
const TELL_AGAIN: Duration = Duration::from_secs(5);
