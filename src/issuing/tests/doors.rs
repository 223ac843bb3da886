use std::time::Duration;

use super::town::{GROUP, Plan, Town, issuing_keys, key};
use crate::{
    crypto::{SealingKey, Signature, SigningKey},
    issuing::{
        Body, CarAnswer, EnrolmentStatus, Mailbox, MessageError, OpenedRequest, RequestSecrets,
        SealedRequest, Seat, TicketBlob, TicketRefusal,
        request::{TicketRequest, TicketWish},
    },
    security::Slot,
    time::Timestamp,
};

const PATIENCE: Duration = Duration::from_secs(60);

type Case<'a> = (&'a dyn Fn(&mut TicketRequest), TicketRefusal);

/// The points of small order, in all their forms (Chalkias, Garillot, Nikolaenko, "Taming the many
/// EdDSAs", table 1), and a point with a component of order 8.
fn weak_keys() -> Vec<[u8; 32]> {
    let hex = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // The sum of a key and a point of order 8.
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    ];
    let bytes = |hex: &str| crate::id::bytes_from_hex(hex).unwrap();
    hex.into_iter().map(bytes).collect()
}

/// The same signature with the group's order added to its second half.
fn malleated(signature: &Signature) -> Signature {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut bytes = *signature.as_bytes();
    let mut carry = 0_u16;
    for (byte, order) in bytes[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    Signature::from_bytes(bytes)
}

fn opened(town: &Town, car: usize, ahead: u32) -> (OpenedRequest, RequestSecrets) {
    let draft = town.draft(car, &[town.slot(ahead)]).remove(0);
    let sealed = SealedRequest::from_bytes(&draft.sealed).unwrap();
    let opened = sealed.open(town.facts.chain, &issuing_keys(draft.to));
    (opened.unwrap(), draft.secrets)
}

fn refusal(town: &mut Town, opened: &OpenedRequest) -> Option<TicketRefusal> {
    let enrolment = town.enrolments.get(&opened.vehicle()).copied();
    let (facts, now) = (&town.facts, town.now);
    let desk = town.desks.get_mut(&Seat::first(0)).unwrap();
    let authority = desk.enrolment(GROUP).unwrap();
    let staged = authority.accept(opened, enrolment.as_ref(), facts, now);
    match staged {
        Ok(staged) => {
            town.keep(Seat::first(0), staged);
            None
        }
        Err(refusal) => Some(refusal),
    }
}

#[test]
fn requests_are_refused_for_exact_reasons() {
    let mut town = Town::new(&Plan::default()).with_cars(2);
    let with = |town: &Town, change: &dyn Fn(&mut TicketRequest), key: &SigningKey| {
        let (opened, _) = opened(town, 0, 1);
        let mut request = opened.request;
        change(&mut request);
        OpenedRequest::signed(request, key)
    };
    let own = key("car", 0);
    let cases: [Case<'_>; 6] = [
        (&|it| it.time = Timestamp::EPOCH, TicketRefusal::Stale),
        (&|it| it.wanted[0].slot += 400, TicketRefusal::OutOfWindow),
        (&|it| it.wanted[0].slot -= 2, TicketRefusal::OutOfWindow),
        (&|it| it.members = vec![2, 3], TicketRefusal::OtherMembers),
        (&|it| it.to.replica = 1, TicketRefusal::NotEnrolled),
        (&|it| it.group.0 = 1, TicketRefusal::NotEnrolled),
    ];
    for (change, expected) in cases {
        let request = with(&town, change, &own);
        assert_eq!(refusal(&mut town, &request), Some(expected));
    }
    let stolen = with(&town, &|_| {}, &key("car", 1));
    assert_eq!(
        refusal(&mut town, &stolen),
        Some(TicketRefusal::NotEnrolled)
    );

    let vehicle = town.cars[0].vehicle;
    for (status, expected) in [
        (EnrolmentStatus::Suspended, Some(TicketRefusal::Suspended)),
        (EnrolmentStatus::Revoked, Some(TicketRefusal::Revoked)),
        (EnrolmentStatus::Active, None),
    ] {
        town.enrolments.get_mut(&vehicle).unwrap().status = status;
        let request = with(&town, &|_| {}, &own);
        assert_eq!(refusal(&mut town, &request), expected);
    }
    let request = with(&town, &|_| {}, &own);
    assert_eq!(refusal(&mut town, &request), Some(TicketRefusal::Used));
    town.enrolments.remove(&vehicle);
    assert_eq!(
        refusal(&mut town, &request),
        Some(TicketRefusal::NotEnrolled)
    );
}

#[test]
fn a_request_that_was_accepted_is_answered_again_when_it_is_old() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    let (known, _) = opened(&town, 0, 1);
    let (unknown, _) = opened(&town, 0, 2);
    assert_eq!(refusal(&mut town, &known), None);

    town.now = town.now.after(Duration::from_secs(301));

    assert_eq!(refusal(&mut town, &known), None);
    assert_eq!(refusal(&mut town, &unknown), Some(TicketRefusal::Stale));
}

#[test]
fn a_request_that_comes_twice_is_answered_alike_and_another_under_its_token_is_refused() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    let (first, _) = opened(&town, 0, 1);
    assert_eq!(refusal(&mut town, &first), None);
    assert_eq!(refusal(&mut town, &first), None);
    assert_eq!(town.records(Seat::first(0)).len(), 1, "one request is kept");
    let mut other = first.request.clone();
    other.wanted[0].slot += 1;
    let other = OpenedRequest::signed(other, &key("car", 0));
    assert_eq!(
        refusal(&mut town, &other),
        Some(TicketRefusal::UnknownToken)
    );
}

#[test]
fn m13_malleated_signatures_are_refused_at_every_door() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    let (mut request, _) = opened(&town, 0, 1);
    request.map_signature(malleated);
    assert_eq!(
        refusal(&mut town, &request),
        Some(TicketRefusal::NotEnrolled)
    );

    // Between operators the signature is the last of a message.
    let (from, to) = (Seat::first(0), Seat::first(2));
    let writer = Mailbox::new(town.facts.chain, from, issuing_keys(from));
    let mut reader = Mailbox::new(town.facts.chain, to, issuing_keys(to));
    let time = (&town.facts, town.now.timestamp);
    let body = Body::Deposited(crate::issuing::BatchId::from_bytes([1; 16]));
    let (bytes, _) = writer.write(to, None, &body, time).unwrap();
    let (rest, signature) = bytes.split_last_chunk::<64>().unwrap();
    let signature = malleated(&Signature::from_bytes(*signature));
    let changed = [rest, signature.as_bytes()].concat();
    let read = reader.read(&changed, &town.facts, town.now.timestamp);
    assert_eq!(read.err(), Some(MessageError::BadSignature));
    assert!(reader.read(&bytes, &town.facts, town.now.timestamp).is_ok());

    // A wish, whose possession is its last.
    let key = SigningKey::generate();
    let response = SealingKey::of(&key.verifying_key());
    let of = (town.facts.chain, GROUP);
    let mut wish = TicketWish::sign(of, town.slot(1), &key, &response);
    assert!(wish.verified_key(of.0, of.1).is_some());
    wish.possession = malleated(&wish.possession);
    assert!(wish.verified_key(of.0, of.1).is_none());
}

#[test]
fn m14_weak_keys_in_wishes_get_no_ticket_and_do_not_disturb_others() {
    let mut town = Town::new(&Plan::default()).with_cars(2);
    let slots: Vec<Slot> = (1..=15).map(|ahead| town.slot(ahead)).collect();
    let draft = town.draft(0, &slots).remove(0);
    let sealed = SealedRequest::from_bytes(&draft.sealed).unwrap();
    let opened = sealed
        .open(town.facts.chain, &issuing_keys(draft.to))
        .unwrap();
    let mut request = opened.request;
    let weak = weak_keys();
    assert_eq!(weak.len(), request.wanted.len());
    for (wanted, weak) in request.wanted.iter_mut().zip(weak) {
        let key = SigningKey::generate();
        let response = SealingKey::of(&key.verifying_key());
        let of = (town.facts.chain, GROUP);
        let slot = Slot::from_number(wanted.slot);
        let mut wish = TicketWish::sign(of, slot, &key, &response);
        wish.key = weak;
        reseal(&town, &mut wanted.blobs, &wish);
    }
    let request = OpenedRequest::signed(request, &key("car", 0));
    assert_eq!(
        refusal(&mut town, &request),
        None,
        "sealed, so nobody sees it yet"
    );
    town.ask(1, &slots);

    town.run(PATIENCE);
    town.cars[0].pending.push((
        Seat::first(0),
        request.request.token,
        draft.secrets.to_bytes().to_vec(),
    ));
    town.collect();

    assert_eq!(
        (town.cars[0].tickets.len(), town.cars[0].failed.len()),
        (0, 15)
    );
    assert_eq!(
        (town.cars[1].tickets.len(), town.cars[1].failed.len()),
        (15, 0)
    );
}

#[test]
fn a_wish_that_only_some_members_can_open_is_signed_by_the_others() {
    for (bad, expected) in [(&[4_usize][..], 1), (&[3, 4], 0)] {
        let mut town = Town::new(&Plan::default()).with_cars(2);
        let (opened, secrets) = opened(&town, 0, 1);
        let mut request = opened.request;
        for member in bad {
            let garbage = TicketBlob::seal(
                &TicketWish::sign(
                    (town.facts.chain, GROUP),
                    town.slot(9),
                    &key("car", 0),
                    &SealingKey::from_bytes([9; 32]),
                ),
                town.facts.chain,
                GROUP,
                (0, &SealingKey::of(&key("car", 0).verifying_key())),
            );
            request.wanted[0].blobs[member - 2] = garbage.unwrap();
        }
        let request = OpenedRequest::signed(request, &key("car", 0));
        assert_eq!(refusal(&mut town, &request), None);
        let token = request.request.token;
        let secrets = secrets.to_bytes().to_vec();
        town.cars[0].pending.push((Seat::first(0), token, secrets));
        town.ask(1, &[town.slot(1)]);

        town.run(PATIENCE);
        town.collect();

        assert_eq!(town.cars[0].tickets.len(), expected, "{bad:?} cannot open");
        assert_eq!(
            town.cars[1].tickets.len(),
            1,
            "the other car has its ticket"
        );
    }
}

#[test]
fn m9_a_car_that_asks_each_member_for_something_else_gets_nothing_and_harms_nobody() {
    let mut town = Town::new(&Plan::default()).with_cars(2);
    let (opened, secrets) = opened(&town, 0, 1);
    let mut request = opened.request;
    let slot = town.slot(1);
    let others: Vec<_> = (0..3)
        .map(|number| {
            let key = key("other", number);
            let response = SealingKey::of(&key.verifying_key());
            let wish = TicketWish::sign((town.facts.chain, GROUP), slot, &key, &response);
            let mut blobs = request.wanted[0].blobs.clone();
            reseal(&town, &mut blobs, &wish);
            blobs[usize::from(number)]
        })
        .collect();
    request.wanted[0].blobs = others;
    let request = OpenedRequest::signed(request, &key("car", 0));
    assert_eq!(refusal(&mut town, &request), None);
    let token = request.request.token;
    let secrets = secrets.to_bytes().to_vec();
    town.cars[0].pending.push((Seat::first(0), token, secrets));
    town.ask(1, &[slot]);

    town.run(PATIENCE);
    town.collect();

    assert_eq!(town.cars[0].failed, [slot]);
    assert_eq!(town.cars[1].tickets.len(), 1);
}

#[test]
fn messages_that_do_not_count_are_refused_for_exact_reasons() {
    let town = Town::new(&Plan::default());
    let (from, to) = (Seat::first(0), Seat::first(2));
    let writer = Mailbox::new(town.facts.chain, from, issuing_keys(from));
    let mut reader = Mailbox::new(town.facts.chain, to, issuing_keys(to));
    let now = town.now.timestamp;
    let body = Body::Deposited(crate::issuing::BatchId::from_bytes([1; 16]));
    let (bytes, _) = writer.write(to, None, &body, (&town.facts, now)).unwrap();

    let late = now.saturating_add(Duration::from_secs(61));
    let read = reader.read(&bytes, &town.facts, late).err();
    assert_eq!(read, Some(MessageError::Stale(Duration::from_secs(61))));
    let mut other = Mailbox::new(town.facts.chain, Seat::first(3), issuing_keys(to));
    let read = other.read(&bytes, &town.facts, now).err();
    assert_eq!(read, Some(MessageError::NotForUs(to)));
    let mut gone = town.facts.clone();
    gone.seats.remove(&from);
    let read = reader.read(&bytes, &gone, now).err();
    assert_eq!(read, Some(MessageError::UnknownSender(from)));
    assert!(reader.read(&bytes, &town.facts, now).is_ok());
    let read = reader.read(&bytes, &town.facts, now).err();
    assert_eq!(read, Some(MessageError::Replayed));
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(
            reader.read(&changed, &town.facts, now).is_err(),
            "byte {place}"
        );
    }
    let forger = Mailbox::new(town.facts.chain, from, issuing_keys(Seat::first(3)));
    let (forged, _) = forger.write(to, None, &body, (&town.facts, now)).unwrap();
    let read = reader.read(&forged, &town.facts, now).err();
    assert_eq!(read, Some(MessageError::BadSignature));
}

#[test]
fn a_car_is_told_to_wait_only_where_others_are_waited_for() {
    for (batch_vehicles_min, expected_s) in [(1, 1), (2, 31)] {
        let plan = Plan {
            batch_vehicles_min,
            batch_wait: Duration::from_secs(30),
            ..Plan::default()
        };
        let mut town = Town::new(&plan).with_cars(1);
        let draft = town.draft(0, &[town.slot(1)]).remove(0);
        let answer = town.request(draft.to, &draft.sealed).unwrap();
        let answer = draft.secrets.open(town.facts.chain, draft.token, &answer);
        let Ok(CarAnswer::Accepted { ready_in, .. }) = answer else {
            panic!("the request is accepted");
        };
        assert_eq!(ready_in, Duration::from_secs(expected_s));
    }
}

#[test]
fn what_was_answered_opens_for_its_car_alone() {
    let mut town = Town::new(&Plan::default()).with_cars(2);
    let [own, other] = [0, 1].map(|car| town.draft(car, &[town.slot(1)]).remove(0));
    let answer = town.request(own.to, &own.sealed).unwrap();
    let chain = town.facts.chain;
    let opened = own.secrets.open(chain, own.token, &answer);
    assert!(matches!(opened, Ok(CarAnswer::Accepted { .. })));
    assert!(own.secrets.open(chain, other.token, &answer).is_err());
    assert!(other.secrets.open(chain, own.token, &answer).is_err());
    for place in 0..answer.len() {
        let mut changed = answer.clone();
        changed[place] ^= 1;
        assert!(
            own.secrets.open(chain, own.token, &changed).is_err(),
            "byte {place}"
        );
    }
}

#[test]
fn what_is_over_is_forgotten() {
    let mut town = Town::new(&Plan::default()).with_cars(1);
    town.facts.preload_slots = 10;
    let seats: Vec<Seat> = town.desks.keys().copied().collect();
    let mut sizes = Vec::new();
    for _ in 0..40 {
        town.ask(0, &[town.slot(0)]);
        town.run(Duration::from_millis(100));
        town.collect();
        let mut size = 0;
        for seat in &seats {
            let (facts, now) = (&town.facts, town.now);
            let records = town.desks.get_mut(seat).unwrap().compact(facts, now);
            let bytes: Vec<_> = records.iter().map(|it| it.to_bytes().to_vec()).collect();
            size += bytes.iter().map(Vec::len).sum::<usize>();
            town.journals.insert(*seat, bytes);
            town.restart(*seat);
        }
        sizes.push(size);
        town.now = town.now.after(Duration::from_secs(300));
    }
    assert_eq!(town.cars[0].tickets.len(), 40);
    let (early, late) = (sizes[15], sizes[39]);
    assert!(late <= early, "{early} bytes, then {late}");
}

fn reseal(town: &Town, blobs: &mut [TicketBlob], wish: &TicketWish) {
    for (member, blob) in (2..).zip(blobs) {
        let key = town
            .facts
            .sealing_key(Seat::first(member), town.now.timestamp);
        let sealed = TicketBlob::seal(wish, town.facts.chain, GROUP, (member, &key.unwrap()));
        *blob = sealed.unwrap();
    }
}
