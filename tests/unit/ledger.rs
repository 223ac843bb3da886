use rustix::process::Signal;
use tokio::time::timeout;
use wayside::{
    ledger::{Bundle, Checkpoint, Committees, Proof},
    rpc::ledger::v1::{
        GetCheckpointRequest, GetHistoryRequest, GetNonceRequest, GetTransactionRequest,
        GetVehicleRequest, ListRecordsRequest, Position, ProveRequest, SubmitManyRequest,
        TransactionState, WatchRequest, prove_request::Subject,
        submit_many_response::Result as Submitted, watch_response::Event,
    },
};

use super::process::{Alone, outcome, reading, run, submit};
use crate::agent::process::{PATIENCE, wayside};

#[tokio::test]
async fn a_repeated_transaction_has_the_first_ones_id_and_outcome() {
    let mut unit = Alone::start().await;
    let vehicle = unit.enrol().await;
    let genesis = unit.genesis();
    let mut client = unit.client().await;
    let once = reading(&genesis, &vehicle, 0, 10);
    let lower = reading(&genesis, &vehicle, 1, 9);

    let first = submit(&mut client, &once).await;
    let refused = submit(&mut client, &lower).await;

    assert!(outcome(&first).applied);
    assert_eq!(first.transaction_id, once.id().to_string());
    assert_eq!(outcome(&refused).rule, "odometer_decreased");
    for (transaction, answer) in [(&once, &first), (&lower, &refused)] {
        let again = submit(&mut client, transaction).await;
        assert!(again.repeated_request);
        assert_eq!(again.status, answer.status);
    }

    // A crash forgets nothing that was answered, nor what becomes of it.
    unit.process.signal(Signal::KILL);
    unit.process.end().await;
    unit.restart().await;
    let mut client = unit.client().await;
    for (transaction, answer) in [(&once, &first), (&lower, &refused)] {
        let again = submit(&mut client, transaction).await;
        assert!(again.repeated_request);
        assert_eq!(again.status, answer.status);
    }
    let request = GetTransactionRequest {
        transaction_id: first.transaction_id.clone(),
    };
    let found = client.get_transaction(request).await.unwrap().into_inner();
    assert_eq!(found.status, first.status);
    assert_eq!(found.transaction, once.to_bytes());
    let nonces = GetNonceRequest {
        key: once.transaction.sender.to_string(),
        shard_id: 1,
    };
    assert_eq!(client.get_nonce(nonces).await.unwrap().into_inner().next, 2);
}

#[tokio::test]
async fn many_transactions_are_answered_in_order_each_for_itself() {
    let unit = Alone::start().await;
    let vehicle = unit.enrol().await;
    let genesis = unit.genesis();
    let mut client = unit.client().await;
    let (first, second) = (
        reading(&genesis, &vehicle, 0, 10),
        reading(&genesis, &vehicle, 1, 20),
    );
    let request = |sequence, transaction: Vec<u8>| SubmitManyRequest {
        sequence,
        transaction: transaction.into(),
    };
    let requests = [
        request(1, first.to_bytes()),
        request(2, first.to_bytes()[..9].to_vec()),
        request(7, second.to_bytes()),
        request(8, first.to_bytes()),
        // Not above the one before.
        request(8, second.to_bytes()),
    ];

    let requests = tokio_stream::iter(requests);
    let mut answers = client.submit_many(requests).await.unwrap().into_inner();
    let mut told = Vec::new();
    let end = loop {
        match timeout(PATIENCE, answers.message()).await.unwrap() {
            Ok(answer) => told.push(answer.expect("the stream ends with why")),
            Err(status) => break status,
        }
    };

    assert_eq!(end.code(), tonic::Code::InvalidArgument);
    let sequences: Vec<u64> = told.iter().map(|answer| answer.sequence).collect();
    assert_eq!(sequences, [1, 2, 7, 8]);
    let results: Vec<_> = told.into_iter().map(|it| it.result.unwrap()).collect();
    let [
        Submitted::Accepted(one),
        Submitted::Rejected(cut),
        Submitted::Accepted(two),
        Submitted::Accepted(again),
    ] = &results[..]
    else {
        panic!("{results:?}");
    };
    assert_eq!(one.transaction_id, first.id().to_string());
    assert_eq!(cut.reason, "TRANSACTION_MALFORMED");
    assert_eq!(two.transaction_id, second.id().to_string());
    assert_eq!(again.transaction_id, one.transaction_id);
    assert!(again.repeated_request && !one.repeated_request);
    for transaction in [first, second] {
        assert!(outcome(&submit(&mut client, &transaction).await).applied);
    }
}

#[tokio::test]
async fn what_is_handed_out_proves_itself() {
    let unit = Alone::start().await;
    let vehicle = unit.enrol().await;
    let genesis = unit.genesis();
    let committees = Committees::of(&genesis);
    let mut client = unit.client().await;
    let once = reading(&genesis, &vehicle, 0, 10);
    let submitted = submit(&mut client, &once).await;

    for subject in [
        Subject::TransactionId(submitted.transaction_id),
        Subject::VehicleId(vehicle.id.to_string()),
    ] {
        let request = ProveRequest {
            subject: Some(subject),
        };
        let proof = client.prove(request).await.unwrap().into_inner().proof;
        Proof::from_bytes(&proof)
            .unwrap()
            .verify(&committees)
            .unwrap();
    }

    let request = GetCheckpointRequest::default();
    let answer = client.get_checkpoint(request).await.unwrap().into_inner();
    let checkpoint = Checkpoint::from_bytes(&answer.checkpoint).unwrap();
    let tips = answer.tips.iter();
    let request = GetHistoryRequest {
        vehicle_id: vehicle.id.to_string(),
        earlier: tips
            .map(|tip| Position {
                shard_id: tip.shard_id,
                height: tip.height,
            })
            .collect(),
    };
    let mut pieces = client.get_history(request).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        bytes.extend_from_slice(&piece.bundle);
    }
    let bundle = Bundle::from_bytes(&bytes).unwrap();
    let report = bundle.verify(&genesis, Some(&checkpoint)).unwrap();
    assert!(report.is_anchored());
    assert!(report.development);
    let vehicle_now = client
        .get_vehicle(GetVehicleRequest {
            vehicle_id: vehicle.id.to_string(),
        })
        .await
        .unwrap()
        .into_inner()
        .vehicle
        .unwrap();
    assert_eq!(vehicle_now.odometer_m, Some(10_000));
    let records = u64::try_from(report.records.len()).unwrap();
    assert_eq!(vehicle_now.records, records);
}

#[tokio::test]
async fn records_are_listed_in_pages_and_watched_from_any_height() {
    let unit = Alone::start().await;
    let vehicle = unit.enrol().await;
    let genesis = unit.genesis();
    let mut client = unit.client().await;
    let once = reading(&genesis, &vehicle, 0, 10);
    let submitted = submit(&mut client, &once).await;

    let mut actions = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListRecordsRequest {
            vehicle_id: vehicle.id.to_string(),
            page_size: 1,
            page_token,
            newest_first: false,
        };
        let page = client.list_records(request).await.unwrap().into_inner();
        assert!(page.records.len() <= 1);
        actions.extend(page.records.into_iter().map(|record| record.action));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(actions.first().map(String::as_str), Some("birth"));
    assert_eq!(actions.last().map(String::as_str), Some("record_odometer"));

    let request = WatchRequest {
        shard_ids: vec![1],
        senders: vec![once.transaction.sender.to_string()],
        from: vec![Position {
            shard_id: 1,
            height: 0,
        }],
        with_bytes: true,
        ..WatchRequest::default()
    };
    let mut events = client.watch(request).await.unwrap().into_inner();
    let watched = async {
        loop {
            let event = events.message().await.unwrap().unwrap().event;
            if let Some(Event::Transaction(found)) = event {
                return found;
            }
        }
    };
    let found = timeout(PATIENCE, watched).await.unwrap();
    assert_eq!(found.transaction_id, submitted.transaction_id);
    assert_eq!(found.transaction, once.to_bytes());
    let records: Vec<&str> = found
        .records
        .iter()
        .map(|it| it.vehicle_id.as_str())
        .collect();
    assert_eq!(records, [vehicle.id.to_string()]);
}

#[tokio::test]
async fn the_state_is_made_again_from_the_blocks() {
    let mut unit = Alone::start().await;
    let vehicle = unit.enrol().await;
    let mut client = unit.client().await;
    let once = reading(&unit.genesis(), &vehicle, 0, 10);
    let submitted = submit(&mut client, &once).await;
    unit.process.signal(Signal::TERM);
    assert_eq!(unit.process.end().await, Some(0));

    run(
        wayside(&["unit", "rebuild-state", "--from-genesis", "--storage"])
            .arg(unit.folder.path().join("data")),
    )
    .await;
    assert!(!unit.folder.path().join("data/index.redb").exists());

    unit.restart().await;
    let mut client = unit.client().await;
    let again = submit(&mut client, &once).await;
    assert_eq!(again.status, submitted.status);
    let state = again.status.unwrap().state;
    assert_eq!(state, i32::from(TransactionState::Finalized));
}
