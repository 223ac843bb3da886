mod decoders;
mod genesis;
mod golden;
mod merkle;
mod samples;
mod transaction;
mod vote;
