mod genesis;
mod merkle;
mod transaction;
mod vote;
