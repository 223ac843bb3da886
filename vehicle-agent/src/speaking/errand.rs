use wayside::{
    issuing::{
        AnswerError, CarAnswer, Facts, RequestSecrets, TicketRefusal, Token as Name, draft_requests,
    },
    rpc::issuing::v1::{
        CollectTicketsRequest, CollectTicketsResponse, RequestTicketsRequest,
        RequestTicketsResponse,
    },
    security::Slot,
    transport::door::{CallError, Client, DoorRefusal},
};

use super::Speaking;
use crate::{
    ledger::ask,
    tickets::{Answer, Errand, Refused, Seat, TicketRequest, Token},
};

/// How an errand ended.
pub(super) enum Ended {
    /// With an answer.
    Answered(Token, Answer),
    /// With the connection.
    Lost(String),
}

/// Makes requests for tickets of some slots; takes a while.
pub(super) fn draft(speaking: &Speaking, slots: &[Slot]) -> Result<Vec<TicketRequest>, String> {
    let vehicle = speaking.records().identity().vehicle;
    let (facts, group) = speaking.with_trust(|trust| {
        let facts = trust.facts().map(Facts::of);
        (facts, trust.group())
    });
    let facts = facts.ok_or("it is not known who issues tickets")?;
    let group = group.ok_or("the vehicle is not known to be enrolled")?;
    let now = speaking.now().timestamp;
    let drafted = draft_requests((group, vehicle), speaking.key(), slots, &facts, now);
    let drafted = drafted.map_err(|error| error.to_string())?.into_iter();
    let requests = drafted.map(|draft| {
        let seat = Seat {
            operator: draft.to.operator,
            replica: draft.to.replica,
        };
        let slots: Vec<Slot> = draft.wanted.iter().map(|(slot, _)| *slot).collect();
        let name = (Token(*draft.token.as_bytes()), seat);
        let secrets = draft.secrets.to_bytes();
        TicketRequest::new(name, now, &slots, draft.sealed, &secrets)
    });
    Ok(requests.collect())
}

/// Asks a unit, and opens what it brings.
pub(super) async fn run(speaking: &Speaking, client: &Client, errand: &Errand) -> Ended {
    let (request, answered) = match errand {
        Errand::Send(request) => {
            let body = RequestTicketsRequest {
                operator: request.seat.operator.into(),
                replica: request.seat.replica.into(),
                request: request.sealed.clone().into(),
                ..RequestTicketsRequest::default()
            };
            let answer = ask(client, "RequestTickets", &body).await;
            let answer = answer.map(|answer: RequestTicketsResponse| answer.answer);
            (request, answer)
        }
        Errand::Collect(request) => {
            let body = CollectTicketsRequest {
                operator: request.seat.operator.into(),
                replica: request.seat.replica.into(),
                token: request.token.0.to_vec().into(),
                ..CollectTicketsRequest::default()
            };
            let answer = ask(client, "CollectTickets", &body).await;
            let answer = answer.map(|answer: CollectTicketsResponse| answer.answer);
            (request, answer)
        }
    };
    let token = request.token;
    match answered {
        Ok(answer) => Ended::Answered(token, open(speaking, request, &answer)),
        Err(CallError::Refused(refusal)) => {
            Ended::Answered(token, refused(&refusal, client.operator()))
        }
        Err(error @ (CallError::TooLong | CallError::Malformed)) => {
            Ended::Answered(token, Answer::Unreadable(error.to_string()))
        }
        Err(error @ (CallError::Lost(_) | CallError::Late)) => Ended::Lost(error.to_string()),
    }
}

fn open(speaking: &Speaking, request: &TicketRequest, answer: &[u8]) -> Answer {
    let chain = speaking.records().identity().genesis.chain();
    let Some(secrets) = RequestSecrets::from_bytes(request.secrets()) else {
        return Answer::Unreadable("the request's secrets are of another version".to_owned());
    };
    match secrets.open(chain, Name::from_bytes(request.token.0), answer) {
        Ok(CarAnswer::Accepted { ready_in, used }) => Answer::Accepted { ready_in, used },
        Ok(CarAnswer::Collected {
            credentials,
            waiting: _,
            failed,
        }) => Answer::Collected {
            tickets: credentials,
            failed,
        },
        Ok(CarAnswer::Refused(refusal)) => meaning(refusal, request.seat),
        Err(AnswerError::BadTicket(slot)) => Answer::BadTicket(
            Slot::from_number(slot),
            "it does not open, or is for another key".to_owned(),
        ),
        Err(error @ (AnswerError::Malformed | AnswerError::Sealed)) => {
            Answer::Unreadable(error.to_string())
        }
    }
}

/// What an operator's refusal means.
fn meaning(refusal: TicketRefusal, seat: Seat) -> Answer {
    let refused = match refusal {
        TicketRefusal::UnknownToken => return Answer::Unknown(seat.operator.into()),
        TicketRefusal::NotEnrolled => Refused::NotEnrolled,
        TicketRefusal::Suspended => Refused::Suspended,
        TicketRefusal::Revoked => Refused::Revoked,
        TicketRefusal::Stale => Refused::Clock,
        TicketRefusal::OtherWriter | TicketRefusal::OtherMembers | TicketRefusal::OutOfWindow => {
            Refused::Outdated
        }
        TicketRefusal::Used => Refused::Used,
        TicketRefusal::NoIssuer => Refused::NoIssuer,
        TicketRefusal::Busy => Refused::Busy,
    };
    Answer::Refused(refused)
}

/// What the refusal of an operator's unit means, which nobody signed.
fn refused(refusal: &DoorRefusal, said_by: usize) -> Answer {
    match refusal.reason.as_str() {
        "TOKEN_UNKNOWN" => Answer::Unknown(said_by),
        "NOT_OPENED" | "SEAT_UNKNOWN" => Answer::Stale(said_by),
        _ => Answer::Failed(refusal.to_string()),
    }
}
