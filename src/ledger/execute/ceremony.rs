use std::time::Duration;

use super::step::Step;
use crate::{
    id::GroupId,
    ledger::{
        CommitTickets, ConfirmTicketKey, Group, Issued, IssuerEntry, IssuingKey, KEY_ROUNDS_MAX,
        Key, KeyBoard, PostKeyPart, Rule, StateView, TicketPolicy, Value, WithdrawTicketKey,
    },
};

/// The keys that sign tickets, and what they signed.
impl Step<'_, '_> {
    pub(super) fn post_key_part(&mut self, posted: &PostKeyPart) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        self.require_governance()?;
        let group = self.group(posted.group)?;
        let member = self.speaker_among(&group.members)?;
        let begins = self.board(posted.group).ceremony.checked_add(1);
        if begins == Some(posted.ceremony) && posted.round == 1 {
            self.abandon_ceremony(posted.group);
        }
        let mut board = self.board(posted.group);
        if board.ceremony != posted.ceremony {
            return Err(Rule::CeremonyDiffers);
        }
        let before = posted.round.checked_sub(1).ok_or(Rule::KeyPartEarly)?;
        let is_ready = |member: &u16| before == 0 || board.posted.contains(&(before, *member));
        if posted.round > KEY_ROUNDS_MAX || !group.members.iter().all(is_ready) {
            return Err(Rule::KeyPartEarly);
        }
        if !board.posted.insert((posted.round, member)) {
            return Err(Rule::KeyPartPosted);
        }
        let place = Key::KeyPart(posted.group, member, posted.round);
        self.put(place, Value::KeyPart(posted.part.clone()));
        self.put(Key::KeyBoard(posted.group), Value::KeyBoard(board));
        Ok(())
    }

    pub(super) fn confirm_ticket_key(&mut self, confirmed: &ConfirmTicketKey) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        self.require_governance()?;
        let group = self.group(confirmed.group)?;
        let member = self.speaker_among(&group.members)?;
        let mut board = self.board(confirmed.group);
        if board.ceremony != confirmed.ceremony {
            return Err(Rule::CeremonyDiffers);
        }
        let made = IssuingKey {
            key: confirmed.key,
            from: confirmed.from,
            until: confirmed.until,
        };
        self.require_span(&made, TICKET_KEY_MAX)?;
        board.confirmed.insert(member, made);
        let agrees = |member: &u16| board.confirmed.get(member) == Some(&made);
        if group.members.iter().all(agrees) {
            self.add_issuer(confirmed.group, group, made)?;
            self.abandon_ceremony(confirmed.group);
        } else {
            self.put(Key::KeyBoard(confirmed.group), Value::KeyBoard(board));
        }
        Ok(())
    }

    pub(super) fn withdraw_ticket_key(&mut self, asked: &WithdrawTicketKey) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        self.require_governance()?;
        self.require_operators()?;
        let mut issuers = self.overlay.issuers().cloned().unwrap_or_default();
        let known = issuers.entries.len();
        issuers.entries.retain(|issuer| issuer.id != asked.id);
        if issuers.entries.len() == known {
            return Err(Rule::TicketKeyUnknown);
        }
        self.put(Key::Issuers, Value::Issuers(issuers));
        Ok(())
    }

    pub(super) fn commit_tickets(&mut self, batch: &CommitTickets) -> Result<(), Rule> {
        self.require_issuing_rules()?;
        self.require_governance()?;
        let policy = self.ticket_policy()?;
        let group = self.group(batch.group)?;
        // Whoever was a member has a share of a key that may still sign.
        let issuers = self.overlay.issuers().map(|issuers| &issuers.entries);
        let issuers = issuers.into_iter().flatten();
        let of_group = issuers.filter(|issuer| issuer.group == batch.group);
        let members = of_group.flat_map(|issuer| &issuer.members);
        let members: Vec<_> = members.chain(&group.members).copied().collect();
        self.speaker_among(&members)?;
        let oldest = policy.slot_at(self.time()).number();
        let oldest = oldest.saturating_sub(COMMIT_SLOTS_LATE);
        let newest = policy.horizon(self.time()).number().saturating_add(1);
        let are_valid = !batch.slots.is_empty()
            && batch.slots.is_sorted_by(|a, b| a.slot < b.slot)
            && batch
                .slots
                .iter()
                .all(|it| it.tickets > 0 && (oldest..=newest).contains(&it.slot));
        are_valid.then_some(()).ok_or(Rule::SlotsInvalid)?;
        let mut issued = self.issued(batch);
        issued.slots = issued.slots.split_off(&oldest);
        for it in &batch.slots {
            let count = issued.slots.entry(it.slot).or_insert(0);
            *count = count.saturating_add(it.tickets);
            issued.tickets = issued.tickets.saturating_add(it.tickets.into());
        }
        issued.batches = issued.batches.saturating_add(1);
        issued.root = batch.root;
        self.put(Key::Issued(batch.group), Value::Issued(issued));
        Ok(())
    }

    /// Forgets what was posted for the key that is being made, and begins with the next one.
    pub(super) fn abandon_ceremony(&mut self, group: GroupId) {
        let board = self.board(group);
        for (round, member) in board.posted {
            self.remove(Key::KeyPart(group, member, round));
        }
        let next = KeyBoard {
            ceremony: board.ceremony.saturating_add(1),
            ..KeyBoard::default()
        };
        self.put(Key::KeyBoard(group), Value::KeyBoard(next));
    }

    fn board(&self, group: GroupId) -> KeyBoard {
        self.overlay.key_board(group).cloned().unwrap_or_default()
    }

    fn issued(&self, batch: &CommitTickets) -> Issued {
        let issued = self.overlay.issued(batch.group).cloned();
        issued.unwrap_or_else(|| Issued {
            batches: 0,
            tickets: 0,
            root: batch.root,
            slots: Default::default(),
        })
    }

    fn add_issuer(&mut self, id: GroupId, group: Group, made: IssuingKey) -> Result<(), Rule> {
        let policy = self.ticket_policy()?;
        let mut issuers = self.overlay.issuers().cloned().unwrap_or_default();
        issuers
            .entries
            .retain(|issuer| !self.is_over(issuer, &policy));
        if issuers.entries.len() >= TICKET_KEYS_MAX || issuers.next == u16::MAX {
            return Err(Rule::TicketKeysFull);
        }
        issuers.entries.push(IssuerEntry {
            id: issuers.next,
            group: id,
            key: made.key,
            from: made.from,
            until: made.until,
            members: group.members,
            threshold: group.threshold,
        });
        issuers.next += 1;
        self.put(Key::Issuers, Value::Issuers(issuers));
        Ok(())
    }

    /// Whether no ticket of an issuer counts any more, and none can be accused.
    fn is_over(&self, issuer: &IssuerEntry, policy: &TicketPolicy) -> bool {
        let last = policy.horizon(issuer.until).number().saturating_add(1);
        last < policy.slot_at(self.time()).number()
    }
}

/// The longest that a key signs tickets.
const TICKET_KEY_MAX: Duration = Duration::from_secs(366 * 86_400);
/// As many as a trust domain may have.
const TICKET_KEYS_MAX: usize = 256;
/// How many slots after its own a ticket may be committed to.
const COMMIT_SLOTS_LATE: u32 = 2;
