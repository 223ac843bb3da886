use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use wayside::{
    crypto::SigningKey,
    id::DomainId,
    security::{
        Config, IssuerKey, LinkageAuthority, LinkageSeed, RevocationNews, RevokedSeries, Slot,
        SlotClock, TrustDomain, Verifier,
    },
    time::{Instant, Now, Timestamp},
};

use crate::bench::{
    meter::{micros, rss_peak_mib, thread_cpu},
    report::{Report, Row},
};

/// Has a receiver take in a long list of revoked tickets, and time move on for a while.
pub(super) fn run(report: &mut Report) -> anyhow::Result<()> {
    let start = Now {
        instant: Instant::from_origin(Duration::from_secs(1_000)),
        timestamp: Timestamp::from_unix_ms(START_UNIX_MS).context("a moment in range")?,
    };
    let slots = SlotClock::from_length_s(SLOT_S).context("slots have a length")?;
    let issuer = IssuerKey {
        id: 1,
        key: SigningKey::from_seed(&[1; 32]).verifying_key(),
        from: Timestamp::EPOCH,
        until: start.timestamp.saturating_add(Duration::from_secs(86_400)),
    };
    let domain = TrustDomain::new(DomainId(1), slots, vec![issuer], true)?;
    let mut verifier = Verifier::new(Config::default(), Arc::new(domain));
    let first = slots.slot_at(start.timestamp);
    let news = RevocationNews {
        next: ENTRIES,
        as_of: start.timestamp,
        entries: (0..ENTRIES)
            .map(|number| (number, Some(series(number, first))))
            .collect(),
    };
    let before = thread_cpu();
    verifier.handle_revocations(&news, &[], start);
    let taken = thread_cpu().saturating_sub(before);
    anyhow::ensure!(
        verifier.revocations_len() as u64 == ENTRIES,
        "the receiver lost entries"
    );
    let mut now = start;
    let mut steps = Vec::new();
    for _ in 0..STEPS {
        now = now.after(slots.length());
        let before = thread_cpu();
        verifier.handle_timeout(now);
        steps.push(micros(thread_cpu().saturating_sub(before)));
    }
    let longest = steps.iter().copied().fold(0.0, f64::max);
    let figures = [
        ("entries", ENTRIES as f64),
        ("take_in_ms", micros(taken) / 1e3),
        (
            "slot_ms_mean",
            steps.iter().sum::<f64>() / steps.len() as f64 / 1e3,
        ),
        ("slot_ms_max", longest / 1e3),
        ("rss_mib", rss_peak_mib()),
    ];
    report.rows.push(Row {
        case: "list",
        note: "a receiver that knows ten thousand revoked vehicles, slot after slot",
        figures: figures.into(),
    });
    Ok(())
}

/// A revoked vehicle's series, for a day.
fn series(number: u64, first: Slot) -> RevokedSeries {
    let seed = |authority| {
        let seed = LinkageSeed::derive(authority, &[9; 32], &number.to_be_bytes());
        *seed.to_bytes()
    };
    RevokedSeries {
        slot_from: first,
        slot_until: Slot::from_number(first.number() + DAY_SLOTS),
        seeds: LinkageAuthority::BOTH.map(seed),
    }
}

const DAY_SLOTS: u32 = 288;
const ENTRIES: u64 = 10_000;
const SLOT_S: u32 = 300;
const START_UNIX_MS: u64 = 1_790_000_000_000;
const STEPS: usize = 24;
