use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tonic::Code;

use crate::serve::{
    Limits,
    allowance::{Allowance, Allowances, CALLERS_MAX},
};

#[test]
fn allowance_runs_out_and_drips_back() {
    let limits = Limits {
        requests_per_s: 10.try_into().unwrap(),
        ..Limits::default()
    };
    let start = Instant::now();
    let allowance = Allowance::new(&limits, start);
    for _ in 0..20 {
        assert_eq!(allowance.try_take(start), Ok(()));
    }
    assert_eq!(
        allowance.try_take(start),
        Err(Duration::from_millis(100)),
        "one token takes a tenth of a second"
    );
    let later = start + Duration::from_millis(100);
    assert_eq!(allowance.try_take(later), Ok(()));
    assert!(allowance.try_take(later).is_err());
}

#[test]
fn streams_are_bounded_and_given_back() {
    let limits = Limits {
        streams_per_caller_max: 1.try_into().unwrap(),
        ..Limits::default()
    };
    let allowance = Arc::new(Allowance::new(&limits, Instant::now()));
    let place = allowance.open_stream().unwrap();
    let refused = allowance.open_stream().unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop(place);
    assert!(allowance.open_stream().is_ok());
}

#[test]
fn callers_beyond_the_bound_share_one_allowance() {
    let allowances = Allowances::new(&Limits::default());
    let now = Instant::now();
    let held: Vec<_> = (0..CALLERS_MAX)
        .map(|number| allowances.of(&format!("caller {number}"), now))
        .collect();
    let late = allowances.of("late", now);
    let later = allowances.of("later", now);
    assert!(Arc::ptr_eq(&late, &later));
    assert!(!Arc::ptr_eq(&late, &held[0]));
}
