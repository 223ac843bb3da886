use std::{io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use tokio::time::Instant;
use wayside::{
    rpc::ledger::v1::{SettleSharesRequest, SettleSharesResponse},
    serve::read_key,
    transport::Clock,
    vault::{Reader, RecordName, SignedSettlement},
};

use super::{
    super::{
        genesis::GenesisArguments,
        unit::{UnitArguments, refused},
    },
    access::told,
    attach::{put_payload, put_shares},
    custodians::{CustodianArguments, patiently, proven},
    read::open,
};

/// Deals the shares of a record's key anew, to the custodians that are named, and hands the sealed bytes
/// to as many units as shall have them: after one of them left, came, or lost its disk. For the vehicle's owner, who reads the record on the way, with receipts.
///
/// Name the old custodians too, so that those who leave destroy their shares.
#[derive(Args, Debug)]
pub(in super::super) struct Reshare {
    /// The record's name, as `wayside ledger attach` and `access` print it.
    record: RecordName,
    /// The owner's key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How long to wait for custodians.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    wait: Duration,
    #[command(flatten)]
    custodians: CustodianArguments,
    #[command(flatten)]
    genesis: GenesisArguments,
}

impl Reshare {
    pub(in super::super) async fn run(self, arguments: &UnitArguments) -> anyhow::Result<ExitCode> {
        let key = read_key(&self.key)?;
        let unit = arguments.connect().await?;
        let genesis = self.genesis.of(&unit).await?;
        let access = told(unit.clone(), self.record.vehicle, &self.genesis).await?;
        let mut records = access.records.iter();
        let attached = records.find(|held| held.record == self.record.record);
        let attached = attached.context("no such record in the vehicle's history")?;
        ensure!(attached.erased.is_none(), "the record was erased");
        let keepers = self.custodians.connect(arguments).await?;
        let custodians = proven(&keepers, &unit, &genesis).await?;

        let now = Clock::system().now().timestamp;
        let reader = Reader::new(genesis.chain(), self.record, &key, now);
        let opened = open(&keepers, reader, Instant::now() + self.wait).await?;
        let dealt = opened
            .reader
            .deal_again(&opened.payload, &custodians, &key)??;
        let deadline = Instant::now() + self.wait;
        // Where a unit has lost them, another one may keep them.
        let copies = put_payload(&keepers, &attached.transaction, &opened.payload, deadline).await;
        let placed = put_shares(&keepers, &attached.transaction, &dealt, deadline).await;
        // Until all have the new share, nobody gives the old one away.
        ensure!(
            placed == custodians.len(),
            "only {placed} of {} custodians took their share: the shares from before still count; \
             try again",
            custodians.len()
        );
        let settlement = SignedSettlement::sign(&dealt.deal.deal, &key);
        let mut settled = 0;
        for keeper in keepers.iter().filter(|it| it.custodian.is_some()) {
            let request = SettleSharesRequest {
                settlement: settlement.to_bytes().into(),
            };
            let said = patiently(deadline, || {
                let mut vault = keeper.unit.vault.clone();
                let request = request.clone();
                async move { vault.settle_shares(request).await }
            });
            match said.await.map(tonic::Response::into_inner) {
                Ok(SettleSharesResponse { .. }) => settled += 1,
                Err(status) => eprintln!("{}: {:#}", keeper.address, refused(&status)),
            }
        }
        let line = json!({
            "record": self.record.to_string(),
            "deal": dealt.deal.deal.number,
            "payloads": copies,
            "custodians": custodians.len(),
            "shares_needed": dealt.deal.deal.threshold,
            "settled": settled,
        });
        writeln!(std::io::stdout(), "{line}")?;
        Ok(ExitCode::SUCCESS)
    }
}
