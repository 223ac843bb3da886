//! Real `wayside agent` processes: how they start, refuse to, talk, and end.

mod doors;
mod life;
mod process;
mod start;
