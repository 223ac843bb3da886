use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};
use tonic::{Code, Status, transport::Channel};
use wayside::{
    crypto::{DataKey, SigningKey},
    ledger::{AccountKey, Action, RecordClass, Transaction},
    rpc::ledger::v1::{
        GetNonceRequest, GetPayloadRequest, GetVaultRequest, PutPayloadRequest, PutShareRequest,
        ReleaseShareRequest, ReleaseShareResponse, ledger_service_client::LedgerServiceClient,
        vault_service_client::VaultServiceClient,
    },
    serve::{read_key, to_hex},
    time::Timestamp,
    vault::{Reader, RecordName, SealedRecord, SignedDeal},
};

use crate::{
    agent::process::{PATIENCE, wayside},
    unit::{
        committee::Committee,
        process::{Enrolled, enrol, outcome, submit},
    },
};

/// A committee of four with a vehicle.
pub(super) struct Town {
    pub(super) committee: Committee,
    pub(super) vehicle: Enrolled,
    pub(super) files: TempDir,
}

/// A record that was sealed here, with what is secret about it.
pub(super) struct Sealed {
    pub(super) name: RecordName,
    pub(super) payload: Vec<u8>,
    pub(super) secret: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) record: SealedRecord,
}

impl Town {
    pub(super) async fn start() -> Self {
        let committee = Committee::start(4).await;
        let vehicle = enrol(committee.folder(), committee.unit(0).address("grpc")).await;
        Self {
            committee,
            vehicle,
            files: TempDir::new().unwrap(),
        }
    }

    pub(super) fn chain(&self) -> wayside::id::ChainId {
        self.committee.genesis().chain()
    }

    pub(super) fn key(&self, name: &str) -> SigningKey {
        let path = self.committee.folder().join(format!("keys/{name}.key"));
        read_key(&path).unwrap()
    }

    pub(super) fn account(&self, name: &str) -> AccountKey {
        self.key(name).verifying_key().into()
    }

    pub(super) fn folder(&self, unit: usize) -> PathBuf {
        self.committee.folder().join(format!("unit-{}", unit + 1))
    }

    pub(super) fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.files.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A command that asks the first unit, and knows all custodians.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let units = self.committee.units().iter();
        let addresses: Vec<&str> = units.map(|unit| unit.address("grpc")).collect();
        let mut command = wayside(&["ledger"]);
        command
            .args(arguments)
            .env("WAYSIDE_UNIT", self.committee.unit(0).address("grpc"))
            .env("WAYSIDE_CUSTODIANS", addresses.join(","));
        command
    }

    pub(super) async fn output(&self, command: &mut Command) -> Output {
        timeout(PATIENCE * 2, command.output())
            .await
            .unwrap()
            .unwrap()
    }

    pub(super) async fn run(&self, arguments: &[&str], key: &str) -> Output {
        let path = self.committee.folder().join(format!("keys/{key}.key"));
        let mut command = self.command(arguments);
        command.arg("--key").arg(path);
        self.output(&mut command).await
    }

    pub(super) async fn attach(&self, text: &Path) -> Value {
        let vehicle = self.vehicle.id.to_string();
        let text = text.to_str().unwrap();
        let arguments = ["attach", &vehicle, "--class", "trip", "--file", text];
        let output = self.run(&arguments, "owner").await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(super) async fn read(&self, record: &str, reader: &str) -> Result<Vec<u8>, String> {
        let output = self.run(&["read", record, "--wait", "30s"], reader).await;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(String::from_utf8(output.stderr).unwrap())
    }

    pub(super) async fn done(&self, arguments: &[&str], key: &str) -> Vec<u8> {
        let output = self.run(arguments, key).await;
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    /// The owner lets the buyer read a class; returns the transaction's id.
    pub(super) async fn grant(&self, class: &str) -> String {
        let (vehicle, buyer) = (
            self.vehicle.id.to_string(),
            self.account("buyer").to_string(),
        );
        let arguments = [
            "allow",
            &vehicle,
            &buyer,
            "--class",
            class,
            "--purpose",
            "sale",
        ];
        let told: Value = serde_json::from_slice(&self.done(&arguments, "owner").await).unwrap();
        text_of(&told, "id").to_owned()
    }

    pub(super) async fn access(&self) -> Value {
        let vehicle = self.vehicle.id.to_string();
        let output = self.output(&mut self.command(&["access", &vehicle])).await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The receipts for a reader that a unit knows of.
    pub(super) async fn reads_at(&self, unit: usize, reader: AccountKey) -> Vec<Value> {
        let vehicle = self.vehicle.id.to_string();
        let mut command = self.command(&["reads", &vehicle]);
        command.env("WAYSIDE_UNIT", self.committee.unit(unit).address("grpc"));
        let output = self.output(&mut command).await;
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let reads = text.lines().map(|line| serde_json::from_str(line).unwrap());
        reads
            .filter(|read| text_of(read, "reader") == reader.to_string())
            .collect()
    }

    /// Waits until the first unit knows of so many receipts for a reader.
    pub(super) async fn wait_for_reads(&self, reader: AccountKey, count: usize) -> Vec<Value> {
        let wait = async {
            loop {
                let reads = self.reads_at(0, reader).await;
                if reads.len() >= count {
                    return reads;
                }
            }
        };
        timeout(PATIENCE, wait).await.unwrap()
    }

    pub(super) fn reader(&self, sealed: &Sealed) -> Reader {
        let now = now();
        Reader::new(self.chain(), sealed.name, &self.key("owner"), now)
    }

    pub(super) async fn vault_client(&self, unit: usize) -> VaultServiceClient<Channel> {
        VaultServiceClient::new(self.committee.unit(unit).channel().await)
    }

    /// Asks one custodian; again while it is not ready.
    pub(super) async fn release(
        &self,
        unit: usize,
        reader: &Reader,
    ) -> Result<ReleaseShareResponse, Status> {
        let mut vault = self.vault_client(unit).await;
        let request = ReleaseShareRequest {
            reading: reader.request().to_bytes().into(),
        };
        let asked = async {
            loop {
                match vault.release_share(request.clone()).await {
                    Err(status) if status.code() == Code::Unavailable => {}
                    other => return other.map(tonic::Response::into_inner),
                }
            }
        };
        timeout(PATIENCE * 2, asked).await.unwrap()
    }

    /// The units' custodians, in the order of the units.
    pub(super) async fn custodians(&self) -> Vec<AccountKey> {
        let mut custodians = Vec::new();
        for unit in 0..4 {
            let mut vault = self.vault_client(unit).await;
            let told = vault.get_vault(GetVaultRequest {}).await.unwrap();
            custodians.push(told.into_inner().custodian.parse().unwrap());
        }
        custodians
    }

    /// Ties a record to the vehicle; returns the transaction's id.
    pub(super) async fn attach_record(&self, sealed: &Sealed) -> String {
        self.act(Action::AttachRecord(sealed.record.attached().clone()))
            .await
    }

    /// Signs and submits as the owner.
    pub(super) async fn act(&self, action: Action) -> String {
        let owner = self.key("owner");
        let mut client = LedgerServiceClient::new(self.committee.unit(0).channel().await);
        let shard = self.vehicle.id.home;
        let request = GetNonceRequest {
            key: self.account("owner").to_string(),
            shard_id: shard.0.into(),
        };
        let free = client.get_nonce(request).await.unwrap().into_inner();
        let transaction = Transaction {
            version: Transaction::VERSION,
            chain: self.chain(),
            shard,
            sender: self.account("owner"),
            nonce: free.next,
            expires: None,
            approvers: Vec::new(),
            action,
        };
        let submitted = submit(&mut client, &transaction.sign(&owner)).await;
        assert!(outcome(&submitted).applied, "{submitted:?}");
        submitted.transaction_id
    }

    pub(super) async fn erase(&self, name: RecordName) {
        let name = name.to_string();
        self.done(&["erase", &name, "--reason", "owner"], "owner")
            .await;
    }

    /// Waits until so many custodians have said that they destroyed a record.
    pub(super) async fn wait_for_destruction(&self, name: RecordName, custodians: usize) {
        let wait = async {
            loop {
                let access = self.access().await;
                let records = access.get("records").and_then(Value::as_array).unwrap();
                let held = records
                    .iter()
                    .find(|held| text_of(held, "record") == name.to_string());
                let destroyed = held.unwrap().get("destroyed_by").unwrap();
                if destroyed.as_array().unwrap().len() >= custodians {
                    return;
                }
            }
        };
        timeout(PATIENCE * 2, wait).await.unwrap();
    }

    /// Waits until a unit gives out what it keeps of a record.
    pub(super) async fn wait_until_serving(&self, unit: usize, kept: &Sealed) {
        let wait = async {
            loop {
                let reader = self.reader(kept);
                let released = self.release(unit, &reader).await.unwrap();
                let reading = reader.request().to_bytes().into();
                let mut vault = self.vault_client(unit).await;
                let payload = vault.get_payload(GetPayloadRequest { reading }).await;
                let is_kept = payload.is_ok_and(|it| it.get_ref().payload == kept.payload);
                if is_kept || !released.shares.is_empty() {
                    return;
                }
            }
        };
        timeout(PATIENCE * 2, wait).await.unwrap();
    }
}

impl Sealed {
    /// Seals a record, with the key in sight.
    pub(super) fn make(town: &Town, text: &[u8]) -> Self {
        let key = DataKey::generate();
        let secret = key.as_bytes().to_vec();
        let vehicle = town.vehicle.id;
        let record = SealedRecord::seal_with(key, vehicle, RecordClass::Trip, text).unwrap();
        Self {
            name: RecordName::of(record.attached()),
            payload: record.payload().to_vec(),
            secret,
            text: text.to_vec(),
            record,
        }
    }

    /// Seals and attaches a record, and hands it to all units but the third, and its shares to all.
    pub(super) async fn put(town: &Town, text: &[u8]) -> Self {
        let sealed = Self::make(town, text);
        let custodians = town.custodians().await;
        let dealt = sealed
            .record
            .deal(town.chain(), &custodians, &town.key("owner"));
        let dealt = dealt.unwrap();
        let transaction_id = town.attach_record(&sealed).await;
        for (unit, custodian) in custodians.iter().enumerate() {
            let mut vault = town.vault_client(unit).await;
            let (_, share) = dealt.shares.iter().find(|(it, _)| it == custodian).unwrap();
            let request = PutShareRequest {
                transaction_id: transaction_id.clone(),
                deal: dealt.deal.to_bytes().into(),
                share: share.clone().into(),
            };
            timeout(PATIENCE, vault.put_share(request))
                .await
                .unwrap()
                .unwrap();
            if unit == 2 {
                continue;
            }
            let request = PutPayloadRequest {
                transaction_id: transaction_id.clone(),
                payload: sealed.payload.clone().into(),
            };
            timeout(PATIENCE, vault.put_payload(request))
                .await
                .unwrap()
                .unwrap();
        }
        sealed
    }

    pub(super) fn path(&self, unit: &Path, ending: &str) -> PathBuf {
        let folder = unit.join("data/vault/1");
        folder.join(format!("{}.{ending}", self.name))
    }

    /// What shall be nowhere, by what it is.
    pub(super) fn canaries(&self, town: &Town, reader: &Reader) -> Vec<(String, Vec<u8>)> {
        let (key, salt) = self.secret.split_at(32);
        let mut canaries = vec![
            ("the text".to_owned(), self.text.clone()),
            ("the key".to_owned(), key.to_vec()),
            ("the salt".to_owned(), salt.to_vec()),
            (
                "the payload".to_owned(),
                self.payload.get(8..40).unwrap().to_vec(),
            ),
        ];
        for share in reader.shares() {
            let share = share.as_bytes().get(1..33).unwrap().to_vec();
            canaries.push(("a bare part of the key".to_owned(), share));
        }
        for unit in 0..4 {
            // The sealed share is what the file ends with.
            let bytes = fs::read(self.path(&town.folder(unit), "shares")).unwrap();
            let end = bytes.len();
            let sealed = bytes.get(end - 64..end - 16).unwrap().to_vec();
            canaries.push((format!("the sealed share of unit {unit}"), sealed));
        }
        let digits = canaries.iter().take(3);
        let digits: Vec<_> = digits
            .map(|(what, bytes)| (format!("{what} in digits"), to_hex(bytes).into_bytes()))
            .collect();
        canaries.extend(digits);
        canaries
    }
}

pub(super) fn take(reader: &mut Reader, released: ReleaseShareResponse) {
    let custodian = released.custodian.parse().unwrap();
    for share in released.shares {
        let deal = SignedDeal::from_bytes(&share.deal).unwrap();
        reader.take(custodian, deal, &share.share).unwrap();
    }
}

pub(super) fn text_of<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap()
}

pub(super) fn now() -> Timestamp {
    wayside::transport::Clock::system().now().timestamp
}
