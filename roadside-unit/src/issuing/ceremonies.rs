use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tracing::{debug, info, warn};
use wayside::{
    crypto::{KeySeed, SigningKey},
    id::{GroupId, ShardId},
    issuing::{CeremonyError, CeremonyOf, KeyCeremony, TicketKey},
    ledger::{
        AccountKey, Action, ConfirmTicketKey, Group, IssuerEntry, IssuingKey, KeyBoard,
        PostKeyPart, StateView as _,
    },
};
use zeroize::Zeroizing;

use super::{
    offices::Offices,
    out::{About, View},
    stuck::Stuck,
};

/// Has the keys made by which this operator's groups sign tickets, before there is need of them.
///
/// All that a member says follows from a seed, which is durable before it says anything, and from the
/// ledger; so a restart loses nothing, and a member that lost its seed begins anew. So does one to whom
/// somebody posted what cannot be, after a while; who that was it says in its log, since it is for a
/// quorum to have the group go on without them: all members of a group have to confirm its key.
pub(super) struct Ceremonies {
    lifetime: Duration,
    seeds: BTreeMap<(GroupId, u32), KeySeed>,
    keys: BTreeMap<(GroupId, u32), TicketKey>,
    /// Which issuers the members have been given the keys of.
    given: BTreeSet<u16>,
    stuck: Stuck,
}

/// A group's next key, as far as it has come.
struct Making<'a> {
    id: GroupId,
    group: &'a Group,
    own: u16,
    board: KeyBoard,
}

/// A secret that is kept for good, with its name.
pub(super) type Secret = (Vec<u8>, Zeroizing<Vec<u8>>);

impl Ceremonies {
    /// Goes on with the secrets that were kept.
    pub(super) fn new(lifetime: Duration, kept: Vec<Secret>) -> Self {
        let mut ceremonies = Self {
            lifetime,
            seeds: BTreeMap::new(),
            keys: BTreeMap::new(),
            given: BTreeSet::new(),
            stuck: Stuck::default(),
        };
        for (name, bytes) in kept {
            if !ceremonies.remember(&name, &bytes) {
                warn!("a secret that was kept for issuing is of no kind that is known");
            }
        }
        ceremonies
    }

    /// For how long the next key signs.
    pub(super) fn set_lifetime(&mut self, lifetime: Duration) {
        self.lifetime = lifetime;
    }

    /// Lets the parts of a process that was put together anew be given all keys.
    pub(super) fn give_again(&mut self) {
        self.given.clear();
    }

    /// Goes on with every group of the operator, and gives its members the keys that are done.
    pub(super) fn poll(&mut self, offices: &mut Offices, view: &View<'_>) {
        self.give(offices, view);
        self.forget(offices, view);
        if offices.seat.replica != 0 {
            return;
        }
        let own = offices.seat.operator;
        for (id, group) in &view.issuing.groups {
            if !group.has_member(own) || !self.is_needed(*id, group, view) {
                continue;
            }
            let board = view.state.key_board(*id).cloned().unwrap_or_default();
            let making = Making {
                id: *id,
                group,
                own,
                board,
            };
            let (ceremony, now) = (making.board.ceremony, view.now.instant);
            match self.next_word(&making, offices, view) {
                Ok(Some(action)) => offices.say(ShardId::GOVERNANCE, action, About::Key(id.0)),
                Ok(None) => self.stuck.clear(*id),
                // It has one after a while, or another group is formed.
                Err(reason @ (CeremonyError::NoKey(_) | CeremonyError::NotAMember)) => {
                    debug!(group = id.0, %reason, "no key for tickets can be made now");
                }
                Err(reason @ (CeremonyError::Culprits(_) | CeremonyError::Threshold(_))) => {
                    if self.stuck.note(*id, ceremony, now) {
                        warn!(group = id.0, ceremony, %reason, "no key for tickets came of a making");
                    }
                }
            }
        }
    }

    fn give(&mut self, offices: &mut Offices, view: &View<'_>) {
        for issuer in &view.issuing.issuers {
            if self.given.contains(&issuer.id) {
                continue;
            }
            let is_it = |key: &&TicketKey| AccountKey::from(key.verifying_key()) == issuer.key;
            let Some(key) = self.keys.values().find(is_it) else {
                continue;
            };
            let copy = TicketKey::from_bytes(&key.to_bytes());
            if copy.is_some_and(|key| offices.handle_ticket_key(issuer.group, issuer.id, key)) {
                info!(
                    group = issuer.group.0,
                    issuer = issuer.id,
                    "can sign tickets"
                );
                self.given.insert(issuer.id);
            }
        }
    }

    /// Whether the group's keys end too soon for all tickets that vehicles may ask for.
    fn is_needed(&self, id: GroupId, group: &Group, view: &View<'_>) -> bool {
        let policy = &view.issuing.policy;
        let horizon = policy.horizon(view.now.timestamp);
        let end = policy.slots().start(horizon);
        let needed = end.saturating_add(self.lifetime / RENEWED_OF_LIFETIME);
        newest(id, group, view).is_none_or(|issuer| issuer.until < needed)
    }

    /// What this member has to say next for a group's next key; `None` while others have to.
    fn next_word(
        &mut self,
        making: &Making<'_>,
        offices: &mut Offices,
        view: &View<'_>,
    ) -> Result<Option<Action>, CeremonyError> {
        let Making {
            id,
            group,
            own,
            board,
        } = making;
        let now = view.now.instant;
        let is_stuck = self.stuck.is_over(*id, board.ceremony, now);
        let key = self.keys.get(&(*id, board.ceremony));
        if let Some(key) = key.filter(|_| !is_stuck) {
            let key = AccountKey::from(key.verifying_key());
            return self.confirmation(making, key, view);
        }
        if group.members.len() == 1 {
            let key = TicketKey::Single {
                member: *own,
                key: Box::new(SigningKey::generate()),
            };
            self.keep((*id, board.ceremony), key, offices);
            return Ok(None);
        }
        let has_posted = |round| board.posted.contains(&(round, *own));
        let is_lost = has_posted(1) && !self.seeds.contains_key(&(*id, board.ceremony));
        let begins_anew = is_lost || is_stuck;
        let number = board.ceremony.saturating_add(begins_anew.into());
        let seed = self.seeds.entry((*id, number)).or_insert_with(|| {
            let seed = KeySeed::generate();
            let bytes = Zeroizing::new(seed.to_bytes().to_vec());
            offices.out.secrets.push((name(*id, number, SEED), bytes));
            seed
        });
        let of = CeremonyOf {
            chain: view.facts.chain,
            group: *id,
            ceremony: number,
            members: group.members.clone(),
            threshold: group.threshold,
        };
        let mut ceremony = KeyCeremony::new(of, *own, seed)?;
        if begins_anew || !has_posted(1) {
            return Ok(Some(posted(*id, number, 1, ceremony.first_part())));
        }
        for (round, member) in &board.posted {
            if let Some(part) = view.state.key_part(*id, *member, *round) {
                ceremony.handle_part(*member, *round, part)?;
            }
        }
        if !has_posted(2) {
            let part = ceremony.second_part(view.facts, view.now.timestamp)?;
            return Ok(part.map(|part| posted(*id, number, 2, part)));
        }
        if let Some(key) = ceremony.finish(offices.desk.keys())? {
            self.keep((*id, number), key, offices);
        }
        Ok(None)
    }

    /// Keeps a part of a key, durably before anything is said about it; what it was made of is of no
    /// use any more.
    fn keep(&mut self, place: (GroupId, u32), key: TicketKey, offices: &mut Offices) {
        let (group, ceremony) = place;
        let secret = (name(group, ceremony, KEY), key.to_bytes());
        offices.out.secrets.push(secret);
        offices.out.forgotten.push(name(group, ceremony, SEED));
        self.seeds.remove(&place);
        self.keys.insert(place, key);
    }

    /// Lets go of what nothing is signed with any more.
    fn forget(&mut self, offices: &mut Offices, view: &View<'_>) {
        let counting: BTreeSet<_> = view.issuing.issuers.iter().map(|it| it.key).collect();
        let current = |id| view.state.key_board(id).map_or(0, |board| board.ceremony);
        let names = self.let_go(&counting, current);
        offices.out.forgotten.extend(names);
    }

    /// Drops the seeds of all makings but the current and later ones, and the parts of keys of which
    /// that is so too and that are not among those by which tickets count. Returns their names.
    pub(super) fn let_go(
        &mut self,
        counting: &BTreeSet<AccountKey>,
        current: impl Fn(GroupId) -> u32,
    ) -> Vec<Vec<u8>> {
        let is_over = |(group, number): &(GroupId, u32)| *number < current(*group);
        let mut names = Vec::new();
        self.seeds.retain(|place, _| {
            if is_over(place) {
                names.push(name(place.0, place.1, SEED));
            }
            !is_over(place)
        });
        self.keys.retain(|place, key| {
            let counts = counting.contains(&AccountKey::from(key.verifying_key()));
            let is_kept = counts || !is_over(place);
            if !is_kept {
                names.push(name(place.0, place.1, KEY));
            }
            is_kept
        });
        names
    }

    /// Says which key was made; the first member decides from when on and until when it signs.
    fn confirmation(
        &self,
        making: &Making<'_>,
        key: AccountKey,
        view: &View<'_>,
    ) -> Result<Option<Action>, CeremonyError> {
        let Making {
            id,
            group,
            own,
            board,
        } = making;
        let first = group.members.first();
        let first = *first.ok_or(CeremonyError::NotAMember)?;
        let decided = board.confirmed.get(&first).copied();
        let made = match decided {
            Some(made) if made.key == key => made,
            // All made it of the same parts, so that one of both is lying.
            Some(_) if first != *own => return Err(CeremonyError::Culprits(vec![first])),
            None if first != *own => return Ok(None),
            Some(_) | None => self.span(making, key, view),
        };
        if board.confirmed.get(own) == Some(&made) {
            return Ok(None);
        }
        Ok(Some(Action::ConfirmTicketKey(ConfirmTicketKey {
            group: *id,
            ceremony: board.ceremony,
            key,
            from: made.from,
            until: made.until,
        })))
    }

    /// Right after the key before, or at once where there is none of these members.
    fn span(&self, making: &Making<'_>, key: AccountKey, view: &View<'_>) -> IssuingKey {
        let (slots, now) = (view.issuing.policy.slots(), view.now.timestamp);
        let begin = slots.start(slots.slot_at(now));
        let before = newest(making.id, making.group, view).map(|it| it.until);
        let after = before.map(|until| until.saturating_add(Duration::from_millis(1)));
        let from = after.unwrap_or(begin).max(begin);
        IssuingKey {
            key,
            from,
            until: from.saturating_add(self.lifetime),
        }
    }

    fn remember(&mut self, name: &[u8], bytes: &[u8]) -> bool {
        let Some(([a, b, c, d, e, f, kind], _)) = name.split_first_chunk::<7>() else {
            return false;
        };
        let group = GroupId(u16::from_be_bytes([*a, *b]));
        let place = (group, u32::from_be_bytes([*c, *d, *e, *f]));
        match *kind {
            SEED => <[u8; 32]>::try_from(bytes).is_ok_and(|seed| {
                self.seeds.insert(place, KeySeed::from_bytes(seed));
                true
            }),
            KEY => TicketKey::from_bytes(bytes).is_some_and(|key| {
                self.keys.insert(place, key);
                true
            }),
            _ => false,
        }
    }
}

/// The key of a group that signs longest, among those of its present members.
fn newest<'a>(id: GroupId, group: &Group, view: &View<'a>) -> Option<&'a IssuerEntry> {
    let issuers = view.issuing.issuers.iter();
    let is_theirs = |it: &&IssuerEntry| {
        it.group == id && it.members == group.members && it.threshold == group.threshold
    };
    issuers.filter(is_theirs).max_by_key(|it| it.until)
}

fn posted(group: GroupId, ceremony: u32, round: u8, part: Vec<u8>) -> Action {
    Action::PostKeyPart(PostKeyPart {
        group,
        ceremony,
        round,
        part,
    })
}

/// Under which name a secret of a ceremony is kept.
fn name(group: GroupId, ceremony: u32, kind: u8) -> Vec<u8> {
    let group = group.0.to_be_bytes();
    [group.as_slice(), &ceremony.to_be_bytes(), &[kind]].concat()
}

const SEED: u8 = 1;
const KEY: u8 = 2;
/// A key is followed by another when so much of its time is left beyond all tickets.
const RENEWED_OF_LIFETIME: u32 = 10;
