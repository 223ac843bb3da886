use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use wayside::{
    crypto::SigningKey,
    id::{ChainId, DomainId, GroupId, StationId},
    issuing::{Facts, IssuingKeys, Record, Seat, TicketKey},
    ledger::{
        AccountKey, AccusedStation, AccusedTicket, Action, BelieveWitnesses, Case, Cases,
        Enrolment, EnrolmentStatus, EnrolmentVoice, IssuingFacts, Key, OrderKind, State,
        TicketPolicy, Value, WitnessNote,
    },
    pipeline::Accusation,
    security::{Slot, TICKET_LEN},
    time::{Instant, Now, Timestamp},
};
use zeroize::Zeroizing;

use super::{
    JournalError,
    accusations::{Accusations, SEEN_MAX},
    ceremonies::Ceremonies,
    compacter::Compacter,
    journal::{Journal, Past},
    mark_restored,
    offices::Offices,
    orders::{follows, tightens},
    out::{Effect, View},
    stuck::Stuck,
};

#[test]
fn what_was_promised_is_there_again_in_order() {
    let folder = TempDir::new().unwrap();
    let path = file(folder.path());
    let mut journal = Journal::open(&path, chain()).unwrap();
    journal.append(&records(&["one", "two"]), &[], &[]).unwrap();
    let secret = (b"name".to_vec(), Zeroizing::new(b"secret".to_vec()));
    let other = (b"other".to_vec(), Zeroizing::new(b"secret".to_vec()));
    let secrets = [secret.clone(), other.clone()];
    journal.append(&[], &secrets, &[]).unwrap();
    journal.append(&records(&["three"]), &[], &[]).unwrap();
    journal.append(&[], &[], &[other.0]).unwrap();
    drop(journal);

    let journal = Journal::open(&path, chain()).unwrap();

    assert_eq!(journal.read().unwrap(), records(&["one", "two", "three"]));
    assert_eq!(journal.secrets().unwrap(), std::slice::from_ref(&secret));
}

#[test]
fn compaction_takes_effect_at_once_whenever_it_is_broken_off() {
    let folder = TempDir::new().unwrap();
    let path = file(folder.path());
    let mut journal = Journal::open(&path, chain()).unwrap();
    let many: Vec<String> = (0..600).map(|it| it.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    journal.append(&records(&many), &[], &[]).unwrap();

    // Broken off: nothing of it counts.
    journal.begin_compaction().unwrap();
    journal.compact(&records(&["lost"])).unwrap();
    journal.append(&records(&["later"]), &[], &[]).unwrap();
    drop(journal);
    let mut journal = Journal::open(&path, chain()).unwrap();
    let all: Vec<_> = many.iter().copied().chain(["later"]).collect();
    assert_eq!(journal.read().unwrap(), records(&all));

    for round in ["first", "second", "third"] {
        journal.begin_compaction().unwrap();
        journal.compact(&records(&[round])).unwrap();
        journal.append(&records(&["meanwhile"]), &[], &[]).unwrap();
        journal.compact(&records(&["last"])).unwrap();
        journal.end_compaction().unwrap();
        let expected = records(&[round, "last", "meanwhile"]);
        assert_eq!(journal.read().unwrap(), expected);
        drop(journal);
        journal = Journal::open(&path, chain()).unwrap();
        assert_eq!(journal.read().unwrap(), expected);
        let mut turns = 0;
        while journal.trim().unwrap() {
            turns += 1;
        }
        assert!(turns <= 3, "a little at a time");
        assert_eq!(journal.read().unwrap(), expected);
    }
}

#[test]
fn compaction_leaves_what_happens_meanwhile_and_takes_many_turns() {
    let folder = TempDir::new().unwrap();
    let mut journal = Journal::open(&file(folder.path()), chain()).unwrap();
    let floor = |slot| Record::floor(GroupId(1), Slot::from_number(slot));
    let bytes = |records: &[Record]| records.iter().map(Record::to_bytes).collect::<Vec<_>>();
    let kept: Vec<_> = (0..30_000).map(floor).collect();
    let mut compacter = Compacter::default();
    let mut now = Instant::from_origin(Duration::from_secs(1_000));
    assert!(!compacter.is_due(now), "not right after a start");
    now = now + Duration::from_secs(300);
    assert!(compacter.is_due(now));
    compacter.begin(kept.clone(), &mut journal).unwrap();
    let late = [floor(1_000_000)];
    journal.append(&bytes(&late), &[], &[]).unwrap();

    let mut turns = 0;
    while compacter.pause() < Duration::from_secs(1) {
        compacter.go_on(&mut journal, now).unwrap();
        now = now + compacter.pause().min(Duration::from_secs(1));
        turns += 1;
        assert!(turns < 100);
    }
    assert!(turns > 3, "{turns}");
    let expected: Vec<_> = kept.iter().chain(&late).cloned().collect();
    assert!(journal.read().unwrap() == bytes(&expected), "all, in order");
}

#[test]
fn a_making_that_comes_to_nothing_is_given_up_after_a_while() {
    let (group, other) = (GroupId(1), GroupId(2));
    let start = Instant::from_origin(Duration::from_secs(1_000));
    let later = |seconds| start + Duration::from_secs(seconds);
    let mut stuck = Stuck::default();
    assert!(stuck.note(group, 3, start), "it is news once");
    assert!(!stuck.note(group, 3, later(100)));
    assert!(!stuck.is_over(group, 3, later(119)));
    assert!(stuck.is_over(group, 3, later(120)));
    assert!(!stuck.is_over(group, 4, later(120)) && !stuck.is_over(other, 3, later(120)));

    // The next one has as long.
    assert!(stuck.note(group, 4, later(130)));
    assert!(!stuck.is_over(group, 4, later(249)));
    assert!(stuck.is_over(group, 4, later(250)));
    stuck.clear(group);
    assert!(!stuck.is_over(group, 4, later(1_000)));
}

#[test]
fn secrets_of_makings_that_are_over_are_let_go_of() {
    let seed = |number: u32| {
        let name = [&[0, 1][..], &number.to_be_bytes(), &[1]].concat();
        (name, Zeroizing::new(vec![7; 32]))
    };
    let key = |number: u32, seed: u8| {
        let name = [&[0, 1][..], &number.to_be_bytes(), &[2]].concat();
        let key = Box::new(SigningKey::from_seed(&[seed; 32]));
        let account = AccountKey::from(key.verifying_key());
        let key = TicketKey::Single { member: 0, key };
        ((name, key.to_bytes()), account)
    };
    let ((counting, account), (gone, _), (made, _)) = (key(3, 1), key(4, 2), key(6, 3));
    let kept = vec![seed(5), seed(6), counting, gone.clone(), made];
    let mut ceremonies = Ceremonies::new(Duration::from_secs(60), kept);

    let names = ceremonies.let_go(&[account].into(), |_| 6);
    assert_eq!(names, [seed(5).0, gone.0]);
    assert!(ceremonies.let_go(&[account].into(), |_| 6).is_empty());
}

#[test]
fn nobody_else_may_read_the_journal_and_no_other_ledger_uses_it() {
    let folder = TempDir::new().unwrap();
    let path = file(folder.path());
    drop(Journal::open(&path, chain()).unwrap());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let other = Journal::open(&path, ChainId::from_bytes([8; 32]));
    assert!(matches!(other.err(), Some(JournalError::ForeignChain(_))));
}

#[test]
fn a_record_that_the_disk_changed_is_named_and_not_believed() {
    let folder = TempDir::new().unwrap();
    let path = file(folder.path());
    let mut journal = Journal::open(&path, chain()).unwrap();
    let marked = "a record that is long enough to be found again";
    let both = records(&["before", marked]);
    journal.append(&both, &[], &[]).unwrap();
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    let places = bytes.windows(marked.len()).enumerate();
    let places: Vec<_> = places
        .filter(|(_, found)| *found == marked.as_bytes())
        .map(|(place, _)| u64::try_from(place).unwrap())
        .collect();
    assert!(!places.is_empty());
    let disk = OpenOptions::new().write(true).open(&path).unwrap();
    for place in places {
        disk.write_all_at(b"x", place).unwrap();
    }

    // The database may notice it first, and then refuses all of the file.
    match Journal::open(&path, chain()).map(|journal| journal.read()) {
        Ok(Err(JournalError::Damaged(1))) | Err(JournalError::Unusable { .. }) => {}
        other => panic!("{:?}", other.map(|read| read.map(|it| it.len()))),
    }
}

#[test]
fn o8_a_journal_that_began_anew_or_was_put_back_says_so_until_that_is_settled() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("issuing/journal.redb");
    mark_restored(folder.path(), chain()).unwrap();
    let mut journal = Journal::open(&path, chain()).unwrap();
    assert_eq!(journal.past().unwrap(), Past::Restored);
    journal.settle(&records(&["floor"])).unwrap();
    drop(journal);
    let journal = Journal::open(&path, chain()).unwrap();
    assert_eq!(journal.past().unwrap(), Past::Known);
    assert_eq!(journal.read().unwrap(), records(&["floor"]));

    let fresh = TempDir::new().unwrap();
    let mut journal = Journal::open(&file(fresh.path()), chain()).unwrap();
    journal.append(&records(&["early"]), &[], &[]).unwrap();
    drop(journal);
    let journal = Journal::open(&file(fresh.path()), chain()).unwrap();
    assert_eq!(journal.past().unwrap(), Past::New);
}

#[test]
fn a_stronger_order_replaces_what_a_weaker_one_left_and_none_loosens() {
    let until = |unix_s| EnrolmentStatus::Suspended { until: at(unix_s) };
    let now = at(10);
    assert!(tightens(until(20), EnrolmentStatus::Revoked, now));
    assert!(tightens(EnrolmentStatus::Active, until(20), now));
    assert!(tightens(until(20), until(30), now));
    assert!(!tightens(until(30), until(20), now));
    assert!(!tightens(EnrolmentStatus::Active, until(10), now));
    assert!(!tightens(EnrolmentStatus::Revoked, until(20), now));
    assert!(!tightens(
        EnrolmentStatus::Revoked,
        EnrolmentStatus::Revoked,
        now
    ));
}

#[test]
fn a_lifted_order_gives_back_only_what_it_took() {
    let agreed = at(1_000);
    let revoked = Enrolment {
        group: GroupId(1),
        status: EnrolmentStatus::Revoked,
        by: EnrolmentVoice::Operator,
        since: at(1_060),
        first_slot: 0,
        generation: 0,
    };
    assert!(follows(&revoked, OrderKind::Revoke, agreed));
    let before = Enrolment {
        since: at(999),
        ..revoked
    };
    assert!(!follows(&before, OrderKind::Revoke, agreed));
    let later = Enrolment {
        since: at(90_000),
        ..revoked
    };
    assert!(!follows(&later, OrderKind::Revoke, agreed));
    let owner = Enrolment {
        by: EnrolmentVoice::Owner,
        ..revoked
    };
    assert!(!follows(&owner, OrderKind::Revoke, agreed));
    let until = at(2_000);
    assert!(!follows(&revoked, OrderKind::Suspend { until }, agreed));
}

#[test]
fn m22_an_operator_believes_witnesses_only_about_whom_its_own_unit_saw_lie() {
    let (liar, other) = (station(1), station(2));
    let three = [case(liar, 3, &[OPERATOR + 1])];
    let mut accusations = Accusations::new();
    assert_eq!(believed(&mut accusations, &three, 0), []);
    see(&mut accusations, other, 0);
    assert_eq!(believed(&mut accusations, &three, 0), []);

    see(&mut accusations, liar, 0);
    assert_eq!(believed(&mut accusations, &three, 0), [liar]);
    let two = [case(liar, 2, &[OPERATOR + 1])];
    assert_eq!(believed(&mut accusations, &two, 0), []);
    let said = [case(liar, 3, &[OPERATOR])];
    assert_eq!(believed(&mut accusations, &said, 0), []);
    // As long as the ledger takes accusations, and no longer.
    assert_eq!(believed(&mut accusations, &three, 3_600), [liar]);
    assert_eq!(believed(&mut accusations, &three, 3_601), []);
}

#[test]
fn m22_of_what_an_operators_unit_saw_the_oldest_makes_room_whatever_its_name() {
    let last = u64::try_from(SEEN_MAX).unwrap();
    let cases = [0, 1, last - 1, last].map(|number| case(station(number), 3, &[]));
    for is_rising in [false, true] {
        let mut accusations = Accusations::new();
        for step in 0..=last {
            let number = if is_rising { step } else { last - step };
            see(&mut accusations, station(number), 0);
        }
        let kept = if is_rising {
            [1, last - 1, last]
        } else {
            [0, 1, last - 1]
        };
        let believed = believed(&mut accusations, &cases, 0);
        assert_eq!(believed, kept.map(station), "rising: {is_rising}");
    }
}

/// An operator's own unit finds a station to be untrue, so many seconds after the start.
fn see(accusations: &mut Accusations, station: StationId, seconds: u64) {
    accusations.handle_accusation((station, &Accusation::Seen), now(seconds).instant);
}

/// About whom the operator believes witnesses where the ledger has these cases, so many seconds after
/// the start.
fn believed(accusations: &mut Accusations, cases: &[Case], seconds: u64) -> Vec<StationId> {
    let cases = Value::Cases(Cases(cases.to_vec()));
    let state = State::new().apply(BTreeMap::from([(Key::Cases, Some(cases))]));
    let issuing = IssuingFacts {
        chain: chain(),
        development: false,
        policy: TicketPolicy {
            domain: DomainId(1),
            slot_length_s: 300,
            origin_slot: 0,
            preload_slots: 12,
            batch_vehicles_min: 1,
            batch_wait_ms: 1_000,
        },
        groups: BTreeMap::new(),
        seats: BTreeMap::new(),
        issuers: Vec::new(),
        operators: BTreeMap::new(),
        as_of: now(seconds).timestamp,
    };
    let view = View {
        facts: &Facts::of(&issuing),
        issuing: &issuing,
        state: &state,
        home: &|_| None,
        now: now(seconds),
    };
    let keys = IssuingKeys::new(SigningKey::from_seed(&[1; 32]), Vec::new());
    let mut offices = Offices::new(Seat::first(OPERATOR), keys, &view, &[]);
    accusations.poll(&mut offices, &view);
    let effects = offices.take_out().effects.into_iter();
    let accused = effects.map(|effect| {
        let Effect::Say(word) = effect else {
            panic!("it says what it believes, and nothing else");
        };
        let Action::BelieveWitnesses(BelieveWitnesses { accused }) = word.action else {
            panic!("{word:?}");
        };
        accused
    });
    let accused = accused.map(|accused| StationId::from_bytes(*accused.as_bytes()));
    accused.collect()
}

/// What so many stations testify against one, and which operators believe it.
fn case(accused: StationId, witnesses: u64, believed_by: &[u16]) -> Case {
    let named = |station: StationId| AccusedStation::from_bytes(*station.as_bytes());
    let witnesses = (10..10 + witnesses).map(|witness| WitnessNote {
        station: named(station(witness)),
        at: now(0).timestamp,
    });
    Case {
        accused: named(accused),
        ticket: AccusedTicket::from_bytes([0; TICKET_LEN]),
        slot: 0,
        reason: "duplicate_content".parse().unwrap(),
        witnesses: witnesses.collect(),
        believed_by: believed_by.to_vec(),
    }
}

fn station(number: u64) -> StationId {
    StationId::from_bytes(number.to_be_bytes())
}

fn now(seconds: u64) -> Now {
    let start = Now {
        instant: Instant::from_origin(Duration::from_secs(1_000)),
        timestamp: at(1_000_000),
    };
    start.after(Duration::from_secs(seconds))
}

fn at(unix_s: u64) -> Timestamp {
    Timestamp::from_unix_ms(unix_s * 1_000).unwrap()
}

fn records(texts: &[&str]) -> Vec<Zeroizing<Vec<u8>>> {
    let bytes = texts.iter().map(|text| text.as_bytes().to_vec());
    bytes.map(Zeroizing::new).collect()
}

fn file(folder: &Path) -> PathBuf {
    folder.join("journal.redb")
}

fn chain() -> ChainId {
    ChainId::from_bytes([7; 32])
}

/// The operator whose part is tested.
const OPERATOR: u16 = 1;
