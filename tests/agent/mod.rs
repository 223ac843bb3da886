//! Real `wayside agent` processes: how they start, refuse to, talk, and end.

mod doors;
mod life;
mod pki;
mod process;
mod records;
mod start;
