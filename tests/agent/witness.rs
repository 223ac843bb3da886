//! What a car remembers of the ledger, by the word of several operators.

use std::fs;

use wayside::rpc::record::v1::{GetHistoryRequest, GetOutboxResponse};

use super::town::{Town, client, everything_is_applied, kill, outbox_where, submit};

#[tokio::test]
async fn l8_a_car_remembers_the_past_that_operators_showed_it_across_restarts() {
    let town = Town::new(4).await;
    let [a, b, c, d] = [1, 2, 3, 4].map(|number| town.start_unit(number));
    let units: [_; 4] = tokio::join!(a, b, c, d).into();
    town.enrol(&units[0]).await;
    let car = town.start_agent(&[]).await;
    let mut records = client(&car).await;

    let told = outbox_where(&mut records, |it| vouchers(it).len() >= 2).await;
    assert_eq!(told.checkpoint_problem, "");
    submit(&mut records, 10).await;
    everything_is_applied(&mut records).await;
    let history = records.get_history(GetHistoryRequest::default()).await;
    let history = history.unwrap().into_inner();
    assert!(history.anchored, "{}", history.unanchored);
    assert_eq!(history.unanchored, "");
    let checkpoint = history.checkpoint.unwrap();
    assert!(!checkpoint.vouchers.is_empty() && !checkpoint.given);
    let shards: Vec<u32> = checkpoint.places.iter().map(|it| it.shard).collect();
    assert_eq!(shards, [0, 1]);

    // Without any unit, what was remembered is still there.
    for unit in units {
        kill(unit).await;
    }
    let remembered = outbox_where(&mut records, |it| vouchers(it).len() >= 2).await;
    kill(car).await;
    let car = town.start_agent(&[]).await;
    let mut records = client(&car).await;
    let told = outbox_where(&mut records, |_| true).await;
    assert_eq!(told.checkpoint, remembered.checkpoint);
    kill(car).await;

    // Damaged, it is put aside, and the car starts all the same.
    let kept = town.path("vehicle-2/state/checkpoint");
    let mut bytes = fs::read(&kept).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&kept, bytes).unwrap();
    let car = town.start_agent(&[]).await;
    let told = outbox_where(&mut client(&car).await, |_| true).await;
    assert_eq!(told.checkpoint, None);
    assert!(kept.with_extension("refused").exists());
}

fn vouchers(outbox: &GetOutboxResponse) -> Vec<&str> {
    let checkpoint = outbox.checkpoint.iter();
    checkpoint
        .flat_map(|it| &it.vouchers)
        .map(|it| it.operator.as_str())
        .collect()
}
