//! What a committee of real units makes of two who want the same, and of what was recorded before.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::timeout;
use wayside::{
    crypto::{Digest, SigningKey},
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Action, Birth, Bundle, Committees, Entry, EntryProof, Genesis, Outcome, Proof,
        Report, SignedTransaction, TagCertificate, TagKind, Transaction, Transfer, Value,
        VehicleStatus, VinTag,
    },
    rpc::ledger::v1::{
        GetHistoryRequest, GetVehicleRequest, ProveRequest, SubmitRequest, SubmitResponse,
        TransactionState, Vehicle, WatchRequest, ledger_service_client::LedgerServiceClient,
        prove_request::Subject,
    },
    serve::read_key,
    time::Timestamp,
};

use super::{
    committee::Committee,
    process::{enrol, outcome, reading},
};
use crate::agent::process::{Agent, PATIENCE};

#[tokio::test]
async fn l1_of_two_sales_through_two_members_at_once_one_counts_and_the_other_is_proven_refused() {
    let committee = Committee::start(4).await;
    let vehicle = enrol(committee.folder(), committee.unit(0).address("grpc")).await;
    let people = People::of(&committee);
    let sales = [
        people.sale(vehicle.id, "buyer", 0),
        people.sale(vehicle.id, "workshop", 1),
    ];

    let [first, second] = &sales;
    let (one, other) = tokio::join!(
        settle(committee.unit(1), first),
        settle(committee.unit(2), second)
    );

    let (sold, refused) = match (outcome(&one).applied, outcome(&other).applied) {
        (true, false) => (first, second),
        (false, true) => (second, first),
        both => panic!("not exactly one sale counts: {both:?}"),
    };
    let committees = Committees::of(&people.genesis);
    let Action::Transfer(sale) = &sold.transaction.action else {
        panic!("not a sale");
    };
    for unit in committee.units() {
        let proof = entry_proof(unit, refused).await;
        let (header, said) = proof.verify(&committees).unwrap();
        let Outcome::Refused(rule) = said else {
            panic!("both sales count");
        };
        assert_eq!(rule.name(), "owner_epoch_differs");
        assert_eq!(header.shard, vehicle.id.home);
        assert_eq!(proof.entry, Entry::Transaction(refused.clone()));

        let mut turned = proof.clone();
        turned.outcome = 0;
        assert!(turned.verify(&committees).is_err());

        let proof = entry_proof(unit, sold).await;
        assert_eq!(proof.verify(&committees).unwrap().1, Outcome::Applied);
        let seen = vehicle_where(unit, vehicle.id, |it| it.owner_epoch == 1).await;
        assert_eq!(seen.owner, sale.buyer.to_string());
    }
}

#[tokio::test]
async fn l1_one_number_born_through_two_members_and_shards_is_refused_by_the_keeper_of_its_tag() {
    let committee = Committee::start_with(4, 3).await;
    let people = People::of(&committee);
    // Kept in shard 0, so that both births depend on another shard's word.
    let numbers = (0..).map(|serial| format!("WVSTEST{serial:010}"));
    let is_kept_there = |vin: &String| {
        let tag = VinTag::issue(&people.key("tag_issuer"), vin);
        people.genesis.bucket(tag.as_bytes()) == ShardId(0)
    };
    let vin = numbers.take(1_000).find(is_kept_there).unwrap();
    let [(one, first), (other, second)] = [1, 2].map(|home| people.birth(ShardId(home), &vin));

    let settled = tokio::join!(
        settle(committee.unit(1), &first),
        settle(committee.unit(2), &second)
    );

    // Neither shard knows of the other: the keeper decides.
    assert!(outcome(&settled.0).applied && outcome(&settled.1).applied);
    let mut active = BTreeSet::new();
    for unit in committee.units() {
        let decided = |it: &Vehicle| it.status != "pending";
        let seen = [
            vehicle_where(unit, one, decided).await,
            vehicle_where(unit, other, decided).await,
        ];
        let (born, stopped) = match seen.each_ref().map(|it| it.status.as_str()) {
            ["active", "refused"] => (one, other),
            ["refused", "active"] => (other, one),
            both => panic!("not exactly one vehicle counts: {both:?}"),
        };
        active.insert(born);
        is_refused_by_the_keeper(unit, &people.genesis, stopped).await;
    }
    assert_eq!(active.len(), 1, "members disagree: {active:?}");
}

#[tokio::test]
async fn l2_recorded_transactions_change_nothing_at_any_member_nor_after_a_crash() {
    let mut committee = Committee::start(4).await;
    let vehicle = enrol(committee.folder(), committee.unit(0).address("grpc")).await;
    let genesis = committee.genesis();
    for (nonce, km) in [(0, 10), (1, 5)] {
        let reading = reading(&genesis, &vehicle, nonce, km);
        settle(committee.unit(1), &reading).await;
    }
    let recorded = recorded(&history(committee.unit(1), &genesis, vehicle.id).await);
    assert_eq!(recorded.len(), 3, "the birth and two readings");
    let mut told = Vec::new();
    for transaction in &recorded {
        told.push(settle(committee.unit(1), transaction).await.status);
    }

    committee.kill(2).await;
    for index in [0, 1, 3] {
        replay(committee.unit(index), &recorded, &told).await;
    }
    committee.restart(2).await;
    replay(committee.unit(2), &recorded, &told).await;

    let fresh = settle(committee.unit(2), &reading(&genesis, &vehicle, 2, 11)).await;
    assert!(outcome(&fresh).applied);
    for unit in committee.units() {
        let seen = vehicle_where(unit, vehicle.id, |it| it.odometer_m == Some(11_000)).await;
        let history = history(unit, &genesis, vehicle.id).await;
        let kept = self::recorded(&history);
        assert_eq!(kept.len(), recorded.len() + 1);
        assert_eq!(kept.get(..recorded.len()), Some(recorded.as_slice()));
        assert_eq!(seen.records, history.state.history.sequence);
    }
}

/// Whoever has a key, as `wayside pki init` made them.
struct People<'a> {
    committee: &'a Committee,
    genesis: Genesis,
}

impl<'a> People<'a> {
    fn of(committee: &'a Committee) -> Self {
        Self {
            committee,
            genesis: committee.genesis(),
        }
    }

    fn key(&self, name: &str) -> SigningKey {
        let file = format!("keys/{name}.key");
        read_key(&self.committee.folder().join(file)).unwrap()
    }

    /// The owner's sale of a vehicle, signed by the buyer too.
    fn sale(&self, vehicle: VehicleId, buyer: &str, nonce: u64) -> SignedTransaction {
        let buyer = self.key(buyer);
        let action = Action::Transfer(Transfer {
            vehicle,
            owner_epoch: 0,
            buyer: account(&buyer),
        });
        self.sign((vehicle.home, nonce), action, ("owner", &[&buyer]))
    }

    /// A birth by which a vehicle gets a name and a key of its own.
    fn birth(&self, home: ShardId, vin: &str) -> (VehicleId, SignedTransaction) {
        let issuer = self.key("tag_issuer");
        let (owner, enrolment) = (self.key("owner"), SigningKey::generate());
        let tag = Digest::from_bytes(*VinTag::issue(&issuer, vin).as_bytes());
        let vehicle = VehicleId::commit(home, &[7; 32], vin);
        let action = Action::Birth(Birth {
            vehicle,
            vin: TagCertificate::issue(
                self.genesis.chain(),
                TagKind::Vehicle,
                tag,
                account(&self.key("maker")),
                &issuer,
            ),
            model: "test".parse().unwrap(),
            built: Timestamp::from_unix_ms(BUILT_UNIX_MS).unwrap(),
            enrolment_key: account(&enrolment),
            attestation: Digest::from_bytes([0; 32]),
            owner: account(&owner),
        });
        let signed = self.sign((home, 0), action, ("maker", &[&owner, &enrolment]));
        (vehicle, signed)
    }

    fn sign(
        &self,
        (shard, nonce): (ShardId, u64),
        action: Action,
        (sender, approvers): (&str, &[&SigningKey]),
    ) -> SignedTransaction {
        let key = self.key(sender);
        let transaction = Transaction {
            version: Transaction::VERSION,
            chain: self.genesis.chain(),
            shard,
            sender: account(&key),
            nonce,
            expires: None,
            approvers: Vec::new(),
            action,
        }
        .with_approvers(approvers.iter().map(|key| account(key)));
        let approvals: Vec<_> = approvers
            .iter()
            .map(|key| transaction.approve(key))
            .collect();
        approvals
            .into_iter()
            .fold(transaction.sign(&key), SignedTransaction::with_approval)
    }
}

/// Hands in again what the ledger holds; every outcome is the first one.
async fn replay(
    unit: &Agent,
    recorded: &[SignedTransaction],
    told: &[Option<wayside::rpc::ledger::v1::TransactionStatus>],
) {
    for (transaction, told) in recorded.iter().zip(told) {
        assert_eq!(&settle(unit, transaction).await.status, told);
    }
}

/// The vehicle is refused by proof, and its last record is the word of the shard that keeps the tag.
async fn is_refused_by_the_keeper(unit: &Agent, genesis: &Genesis, vehicle: VehicleId) {
    let proof = prove(unit, Subject::VehicleId(vehicle.to_string())).await;
    let Proof::State(proof) = proof else {
        panic!("not a proof of the state");
    };
    proof.verify(&Committees::of(genesis)).unwrap();
    let Some(Value::Vehicle(state)) = &proof.value else {
        panic!("no vehicle: {:?}", proof.value);
    };
    assert_eq!(state.status, VehicleStatus::Refused);
    let history = history(unit, genesis, vehicle).await;
    assert_eq!(history.state.status, VehicleStatus::Refused);
    let Some(Entry::Delivery(delivery)) = history.records.last().map(|it| &it.entry) else {
        panic!("the last record is no other shard's word: {history:?}");
    };
    assert_eq!(delivery.finalized.header.shard, ShardId(0));
}

/// The transactions of a history, in its order.
fn recorded(history: &Report) -> Vec<SignedTransaction> {
    let entries = history.records.iter().map(|record| &record.entry);
    entries
        .filter_map(|entry| match entry {
            Entry::Transaction(signed) => Some(signed.clone()),
            Entry::Delivery(_) => None,
        })
        .collect()
}

/// Hands a transaction in at one unit until its outcome is final there.
async fn settle(unit: &Agent, transaction: &SignedTransaction) -> SubmitResponse {
    let channel = unit.channel().await;
    let request = SubmitRequest {
        transaction: transaction.to_bytes().into(),
        wait: Some(prost_types::Duration {
            seconds: 5,
            nanos: 0,
        }),
    };
    eventually(unit, async || {
        let mut client = LedgerServiceClient::new(channel.clone());
        let submitted = client.submit(request.clone()).await;
        let submitted = submitted.map_err(|status| status.to_string())?.into_inner();
        let state = submitted.status.as_ref().map(|status| status.state());
        if state == Some(TransactionState::Finalized) {
            return Ok(submitted);
        }
        Err("pending".to_owned())
    })
    .await
}

/// What a unit says of a vehicle, once it says what is wanted.
async fn vehicle_where(
    unit: &Agent,
    vehicle: VehicleId,
    wanted: impl Fn(&Vehicle) -> bool,
) -> Vehicle {
    let channel = unit.channel().await;
    eventually(unit, async || {
        let mut client = LedgerServiceClient::new(channel.clone());
        let request = GetVehicleRequest {
            vehicle_id: vehicle.to_string(),
        };
        let told = client.get_vehicle(request).await;
        let told = told.map_err(|status| status.to_string())?.into_inner();
        let told = told.vehicle.unwrap();
        wanted(&told).then_some(told).ok_or("not yet".to_owned())
    })
    .await
}

async fn entry_proof(unit: &Agent, transaction: &SignedTransaction) -> EntryProof {
    let subject = Subject::TransactionId(transaction.id().to_string());
    match prove(unit, subject).await {
        Proof::Entry(proof) => *proof,
        other @ (Proof::State(_) | Proof::Receipt(_)) => panic!("not of an entry: {other:?}"),
    }
}

async fn prove(unit: &Agent, subject: Subject) -> Proof {
    let channel = unit.channel().await;
    let request = ProveRequest {
        subject: Some(subject),
    };
    let proof = eventually(unit, async || {
        let mut client = LedgerServiceClient::new(channel.clone());
        let proven = client.prove(request.clone()).await;
        proven.map_err(|status| status.to_string())
    });
    Proof::from_bytes(&proof.await.into_inner().proof).unwrap()
}

/// A vehicle's history, verified.
async fn history(unit: &Agent, genesis: &Genesis, vehicle: VehicleId) -> Report {
    let channel = unit.channel().await;
    let request = GetHistoryRequest {
        vehicle_id: vehicle.to_string(),
        earlier: Vec::new(),
    };
    let bytes = eventually(unit, async || {
        let mut client = LedgerServiceClient::new(channel.clone());
        let failed = |status: tonic::Status| status.to_string();
        let pieces = client.get_history(request.clone()).await.map_err(failed)?;
        let mut pieces = pieces.into_inner();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.message().await.map_err(failed)? {
            bytes.extend_from_slice(&piece.bundle);
        }
        Ok(bytes)
    });
    let bundle = Bundle::from_bytes(&bytes.await).unwrap();
    bundle.verify(genesis, None).unwrap()
}

/// Asks again with every block of a unit, until there is an answer.
async fn eventually<T>(unit: &Agent, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let mut client = LedgerServiceClient::new(unit.channel().await);
    let request = WatchRequest::default();
    let mut blocks = client.watch(request).await.unwrap().into_inner();
    let mut last = String::new();
    let asking = async {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(reason) => last = reason,
            }
            // A block may have come before the watch began.
            if let Ok(event) = timeout(ASK_EVERY, blocks.message()).await {
                event.unwrap().unwrap();
            }
        }
    };
    match timeout(PATIENCE_OF_MANY, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("no answer in time: {last}"),
    }
}

fn account(key: &SigningKey) -> AccountKey {
    key.verifying_key().into()
}

/// Four units in debug builds share a machine with the other tests.
const PATIENCE_OF_MANY: Duration = PATIENCE.saturating_mul(4);
const ASK_EVERY: Duration = Duration::from_secs(1);
/// 2025-01-01.
const BUILT_UNIX_MS: u64 = 1_735_689_600_000;
