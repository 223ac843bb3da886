//! `wayside ledger` and `wayside verify` against a real roadside unit: what a maker, a workshop, an
//! owner and a buyer do.

mod draft;
mod history;
mod records;
mod unit;
