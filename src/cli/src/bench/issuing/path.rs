use anyhow::{Context as _, ensure};
use wayside::{
    crypto::SigningKey,
    issuing::{
        CarAnswer, DraftedRequest, Enrolment, EnrolmentStatus, SealedRequest, draft_requests,
    },
    security::Slot,
};

use super::town::{DAY_SLOTS, ENROLMENT, GROUP, LINKAGE, TICKET, Town, stored};
use crate::bench::{
    meter::micros,
    report::{Report, Row},
};

/// Has vehicles get an hour of tickets each from five operators, and adds what it cost each part.
pub(super) fn run(report: &mut Report) -> anyhow::Result<()> {
    let mut town = Town::new(BATCH)?;
    let cars: Vec<_> = (0..VEHICLES).map(Car::new).collect();
    let mut asked = Vec::new();
    for car in &cars {
        for drafted in car.ask(&mut town)? {
            asked.push(drafted);
        }
    }
    town.settle()?;
    let mut tickets = 0;
    for drafted in &asked {
        tickets += collect(&mut town, drafted)?;
    }
    ensure!(
        tickets == usize::from(VEHICLES) * SLOTS as usize,
        "only {tickets} tickets were issued"
    );
    for (role, case, note) in ROLES {
        let (cpu, bytes, stored) = town.spent.of(role);
        let each = |figure: f64| figure / tickets as f64;
        let day = f64::from(DAY_SLOTS);
        let cpu_us = each(micros(cpu));
        let (sent, kept) = (each(bytes as f64), each(stored as f64));
        report.rows.push(Row {
            case,
            note,
            figures: [
                ("cpu_us_per_ticket", cpu_us),
                ("sent_bytes_per_ticket", sent),
                ("stored_bytes_per_ticket", kept),
                ("cpu_ms_per_car_day", cpu_us * day / 1e3),
                ("sent_kb_per_car_day", sent * day / 1e3),
                ("cores_for_10m_cars", cpu_us * day * CARS / 1e6 / 86_400.0),
                (
                    "sent_mb_per_s_for_10m_cars",
                    sent * day * CARS / 86_400.0 / 1e6,
                ),
                ("stored_gb_for_10m_cars_a_day", kept * day * CARS / 1e9),
            ]
            .into(),
        });
    }
    Ok(())
}

/// A vehicle that asks for tickets.
struct Car {
    number: u16,
    key: SigningKey,
}

impl Car {
    fn new(number: u16) -> Self {
        Self {
            number,
            key: SigningKey::generate(),
        }
    }

    /// Hands in its requests.
    fn ask(&self, town: &mut Town) -> anyhow::Result<Vec<DraftedRequest>> {
        let vehicle = Town::vehicle(self.number);
        let (facts, now) = (&town.facts, town.now);
        let first = facts.slots.slot_at(now.timestamp).number();
        let slots: Vec<_> = (first..first + SLOTS).map(Slot::from_number).collect();
        let drafted = town.spent.on(CAR, || {
            draft_requests((GROUP, vehicle), &self.key, &slots, facts, now.timestamp)
        })?;
        let enrolment = Enrolment {
            key: self.key.verifying_key(),
            group: GROUP,
            status: EnrolmentStatus::Active,
            first_slot: Slot::from_number(0),
            generation: 0,
        };
        for it in &drafted {
            town.spent.sent(CAR, it.sealed.len());
            let desk = town.desks.first_mut().context("the enrolment authority")?;
            let staged = town.spent.on(ENROLMENT, || {
                let opened = SealedRequest::from_bytes(&it.sealed)?;
                let opened = opened.open(facts.chain, desk.keys())?;
                let authority = desk.enrolment(GROUP).context("the enrolment authority")?;
                let answer = authority.handle_request(&opened, Some(&enrolment), facts, now);
                answer.context("no answer to a request")
            })?;
            town.spent.stored(ENROLMENT, stored(staged.records()));
            let answer = staged.recorded().to_bytes();
            town.spent.sent(ENROLMENT, answer.len());
            let read = town
                .spent
                .on(CAR, || it.secrets.open(facts.chain, it.token, &answer))?;
            ensure!(
                matches!(read, CarAnswer::Accepted { .. }),
                "a request was refused"
            );
        }
        Ok(drafted)
    }
}

/// Collects the tickets of a request; returns how many the trust domain believes.
fn collect(town: &mut Town, drafted: &DraftedRequest) -> anyhow::Result<usize> {
    let desk = town.desks.first_mut().context("the enrolment authority")?;
    let facts = &town.facts;
    let answer = town.spent.on(ENROLMENT, || {
        let authority = desk.enrolment(GROUP)?;
        let staged = authority.handle_collect(drafted.token, facts)?;
        Some(staged.recorded().to_bytes())
    });
    let answer = answer.context("the request is not known")?;
    town.spent.sent(ENROLMENT, answer.len());
    let domain = &town.domain;
    town.spent.on(CAR, || {
        let read = drafted.secrets.open(facts.chain, drafted.token, &answer)?;
        let CarAnswer::Collected { credentials, .. } = read else {
            return Ok(0);
        };
        let believed = credentials
            .iter()
            .filter(|it| domain.admit(it.ticket()).is_ok());
        Ok(believed.count())
    })
}

const BATCH: u32 = 64;
const CAR: &str = "car";
const CARS: f64 = 1e7;
const ROLES: [(&str, &str, &str); 4] = [
    (
        CAR,
        "path_car",
        "a car that asks for tickets and opens them",
    ),
    (
        ENROLMENT,
        "path_enrolment",
        "the enrolment authority, which is the first linkage authority",
    ),
    (LINKAGE, "path_linkage", "the second linkage authority"),
    (
        TICKET,
        "path_ticket",
        "three members of the ticket authority together, of whom two sign",
    ),
];
/// An hour.
const SLOTS: u32 = 12;
const VEHICLES: u16 = 64;
