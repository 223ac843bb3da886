use std::{path::Path, time::Duration};

use bytes::Bytes;
use prost::Message;
use tokio::time::{Instant, sleep, timeout};
use wayside::{
    crypto::SigningKey,
    id::{GroupId, VehicleId},
    issuing::{CarAnswer, DraftedRequest, Facts, TicketRefusal, draft_requests},
    ledger::{Committees, IssuingFacts, IssuingProof},
    rpc::issuing::v1::{
        CollectTicketsRequest, CollectTicketsResponse, GetIssuingRequest, GetIssuingResponse,
        GetRevocationsRequest, GetRevocationsResponse, RequestTicketsRequest,
        RequestTicketsResponse,
    },
    security::{Credential, Slot},
    serve::read_key,
    time::Timestamp,
    transport::{
        Clock,
        door::{CallError, Client, ClientConfig, UnitTrust},
    },
};

use super::{committee::Committee, process::run};
use crate::agent::process::{PATIENCE, wayside};

#[tokio::test]
async fn four_operators_issue_tickets_together_through_any_unit() {
    let mut committee = Committee::start_with(4, 1).await;
    let folder = committee.folder().to_owned();
    run(wayside(&["pki", "issuing", "--domain"])
        .arg(&folder)
        .args(["--slot-length", "3600s", "--preload", "36000s"])
        .args(["--batch-wait", "0s"]))
    .await;
    let car = enrol(&folder).await;
    let genesis = committee.genesis();
    let committees = Committees::of(&genesis);

    let mut tickets = Vec::new();
    for unit in 0..4 {
        let door = door_of(&committee, unit).await;
        let issuing = facts(&door, &committees).await;
        let now = now();
        let first = Facts::of(&issuing).window(now).0.number();
        let slot = Slot::from_number(first + 2 * u32::try_from(unit).unwrap());
        let slots = [slot, Slot::from_number(slot.number() + 1)];
        let request = draft(&car, &slots, &issuing, now);
        let answer = ask(&door, &request, &issuing).await;
        assert!(matches!(answer, CarAnswer::Accepted { used, .. } if used.is_empty()));
        let credentials = collect(&door, &request, &issuing).await;
        assert_eq!(credentials.len(), 2);
        tickets.extend(credentials);
        // Whoever carries it: a slot has one ticket, and the same request the same answer.
        let again = ask(&door, &request, &issuing).await;
        assert!(matches!(again, CarAnswer::Accepted { .. }));
        let other = draft(&car, &slots, &issuing, now);
        let refused = ask(&door, &other, &issuing).await;
        assert!(matches!(refused, CarAnswer::Refused(TicketRefusal::Used)));
    }
    let door = door_of(&committee, 3).await;
    let issuing = facts(&door, &committees).await;
    let domain = issuing.trust_domain().unwrap();
    for credential in &tickets {
        assert!(domain.admit(credential.ticket()).is_ok());
    }

    // An enrolment authority that was restarted still knows whom it gave what.
    let slot = tickets.first().unwrap().ticket().slot();
    for unit in 0..4 {
        committee.kill(unit).await;
    }
    for unit in 0..4 {
        committee.restart(unit).await;
    }
    let door = door_of(&committee, 0).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = draft(&car, &[slot], &issuing, now());
        match try_ask(&door_of(&committee, 1).await, &request, &issuing).await {
            Some(CarAnswer::Refused(TicketRefusal::Used)) => break,
            Some(other) => panic!("{}", name(&other)),
            // Not caught up yet.
            None => assert!(Instant::now() < deadline),
        }
        sleep(Duration::from_millis(200)).await;
    }
    let list: GetRevocationsResponse = call(
        &door,
        "GetRevocations",
        &GetRevocationsRequest {
            have_next: None,
            wait: None,
        },
    )
    .await
    .unwrap();
    assert!(!list.update.is_empty());
}

/// A vehicle that the operators issue tickets to.
struct Car {
    id: VehicleId,
    key: SigningKey,
}

async fn enrol(domain: &Path) -> Car {
    run(wayside(&["pki", "enrol", "car", "--domain"]).arg(domain)).await;
    run(wayside(&["pki", "enrol", "car", "--on-ledger", "--domain"]).arg(domain)).await;
    let folder = domain.join("car");
    let text = std::fs::read_to_string(folder.join("vehicle.toml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("vehicle"));
    Car {
        id: line.unwrap().split('"').nth(1).unwrap().parse().unwrap(),
        key: read_key(&folder.join("enrolment.key")).unwrap(),
    }
}

async fn door_of(committee: &Committee, unit: usize) -> Client {
    let genesis = committee.genesis();
    let operators = (0..).zip(&genesis.operators);
    let trust = UnitTrust {
        chain: genesis.chain(),
        operators: operators
            .map(|(index, operator)| (index, operator.cold_key.admit().unwrap()))
            .collect(),
    };
    let address = committee.unit(unit).address("ledger").parse().unwrap();
    let connecting = Client::connect(address, &trust, ClientConfig::default(), now());
    timeout(PATIENCE, connecting).await.unwrap().unwrap()
}

async fn facts(door: &Client, committees: &Committees) -> IssuingFacts {
    let answer: GetIssuingResponse = call(door, "GetIssuing", &GetIssuingRequest {})
        .await
        .unwrap();
    let proof = IssuingProof::from_bytes(&answer.proof).unwrap();
    proof.verify(committees).unwrap()
}

fn draft(car: &Car, slots: &[Slot], facts: &IssuingFacts, now: Timestamp) -> DraftedRequest {
    let of = (GroupId(0), car.id);
    let drafted = draft_requests(of, &car.key, slots, &Facts::of(facts), now);
    let mut drafted = drafted.unwrap();
    assert_eq!(drafted.len(), 1);
    drafted.remove(0)
}

/// Waits until the request can be answered.
async fn ask(door: &Client, request: &DraftedRequest, facts: &IssuingFacts) -> CarAnswer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = try_ask(door, request, facts).await {
            return answer;
        }
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(200)).await;
    }
}

async fn try_ask(
    door: &Client,
    request: &DraftedRequest,
    facts: &IssuingFacts,
) -> Option<CarAnswer> {
    let asked = RequestTicketsRequest {
        operator: request.to.operator.into(),
        replica: request.to.replica.into(),
        request: request.sealed.clone().into(),
        handed_on: false,
    };
    let answer: Result<RequestTicketsResponse, _> = call(door, "RequestTickets", &asked).await;
    let answer = answer.ok()?.answer;
    let opened = request.secrets.open(facts.chain, request.token, &answer);
    Some(opened.unwrap())
}

/// Waits for all tickets of a request.
async fn collect(door: &Client, request: &DraftedRequest, facts: &IssuingFacts) -> Vec<Credential> {
    let asked = CollectTicketsRequest {
        operator: request.to.operator.into(),
        replica: request.to.replica.into(),
        token: Bytes::copy_from_slice(request.token.as_bytes()),
        handed_on: false,
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer: CollectTicketsResponse = call(door, "CollectTickets", &asked).await.unwrap();
        let answer = answer.answer;
        let opened = request.secrets.open(facts.chain, request.token, &answer);
        let CarAnswer::Collected {
            credentials,
            waiting,
            failed,
        } = opened.unwrap()
        else {
            panic!("not what came of it");
        };
        assert_eq!(failed, []);
        if waiting == 0 {
            return credentials;
        }
        assert!(Instant::now() < deadline);
        sleep(Duration::from_millis(100)).await;
    }
}

async fn call<A: Message + Default>(
    door: &Client,
    method: &str,
    request: &impl Message,
) -> Result<A, CallError> {
    let body = Bytes::from(request.encode_to_vec());
    let answer = door.call(method, body).await?;
    Ok(A::decode(answer).unwrap())
}

fn name(answer: &CarAnswer) -> &'static str {
    match answer {
        CarAnswer::Accepted { .. } => "accepted",
        CarAnswer::Refused(_) => "refused for another reason",
        CarAnswer::Collected { .. } => "collected",
    }
}

fn now() -> Timestamp {
    Clock::system().now().timestamp
}
