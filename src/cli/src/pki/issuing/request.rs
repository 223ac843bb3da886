use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use tokio::time::{Instant, sleep};
use vehicle_agent::identity::write_credential;
use wayside::{
    issuing::{CarAnswer, DraftedRequest, Facts, draft_requests},
    rpc::issuing::v1::{CollectTicketsRequest, RequestTicketsRequest},
    security::{Credential, Slot, TrustDomain},
    serve::read_key,
};

use super::{
    desk::{Desk, DomainArguments, now},
    offices::GROUP,
};
use crate::{
    ledger::{Secret, refused},
    pki::{Period, files::TICKETS},
};

/// Asks the operators for a vehicle's tickets of a period, and keeps them in its folder; returns how many
/// there are. Slots that the vehicle has tickets for are passed over.
pub(in super::super) async fn request(
    domain: &DomainArguments,
    folder: &Path,
    period: Period,
) -> anyhow::Result<usize> {
    let desk = Desk::open(domain).await?;
    let facts = desk.facts().await?.context("nobody issues tickets yet")?;
    let domain = facts.trust_domain()?;
    let facts = Facts::of(&facts);
    let vehicle = Secret::read(&folder.join("vehicle.toml"))?.vehicle;
    let key = read_key(&folder.join("enrolment.key"))?;
    let first = facts.slots.slot_at(period.start()).number();
    let slots: Vec<_> = (first..)
        .take(period.slots as usize)
        .map(Slot::from_number)
        .collect();
    let drafted = draft_requests((GROUP, vehicle), &key, &slots, &facts, now())?;
    let mut count = 0;
    for draft in &drafted {
        hand_in(&desk, draft).await?;
        for credential in collect(&desk, draft).await? {
            keep(&domain, &folder.join(TICKETS), &credential)?;
            count += 1;
        }
    }
    Ok(count)
}

async fn hand_in(desk: &Desk, draft: &DraftedRequest) -> anyhow::Result<()> {
    let request = RequestTicketsRequest {
        operator: draft.to.operator.into(),
        replica: draft.to.replica.into(),
        request: Bytes::from(draft.sealed.clone()),
        handed_on: false,
    };
    let answer = desk.unit().issuing.request_tickets(request).await;
    let answer = answer.map_err(|status| refused(&status))?.into_inner();
    match read(desk, draft, &answer.answer)? {
        CarAnswer::Refused(reason) => bail!("the operator refuses: {}", reason.name()),
        CarAnswer::Accepted { .. } | CarAnswer::Collected { .. } => Ok(()),
    }
}

async fn collect(desk: &Desk, draft: &DraftedRequest) -> anyhow::Result<Vec<Credential>> {
    let end = Instant::now() + WAIT;
    loop {
        let request = CollectTicketsRequest {
            operator: draft.to.operator.into(),
            replica: draft.to.replica.into(),
            token: Bytes::copy_from_slice(draft.token.as_bytes()),
            handed_on: false,
        };
        let answer = desk.unit().issuing.collect_tickets(request).await;
        let answer = answer.map_err(|status| refused(&status))?.into_inner();
        match read(desk, draft, &answer.answer)? {
            CarAnswer::Collected {
                credentials,
                waiting: 0,
                ..
            } => return Ok(credentials),
            CarAnswer::Refused(reason) => bail!("the operator refuses: {}", reason.name()),
            CarAnswer::Accepted { .. } | CarAnswer::Collected { .. } => {}
        }
        anyhow::ensure!(Instant::now() < end, "the tickets take too long");
        sleep(ASK_EVERY).await;
    }
}

fn read(desk: &Desk, draft: &DraftedRequest, answer: &[u8]) -> anyhow::Result<CarAnswer> {
    let chain = desk.genesis().chain();
    Ok(draft.secrets.open(chain, draft.token, answer)?)
}

fn keep(domain: &TrustDomain, folder: &Path, credential: &Credential) -> anyhow::Result<()> {
    domain
        .admit(credential.ticket())
        .context("a ticket that the ledger does not believe")?;
    write_credential(folder, credential)?;
    Ok(())
}

const ASK_EVERY: Duration = Duration::from_millis(200);
const WAIT: Duration = Duration::from_secs(120);
