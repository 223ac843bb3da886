mod decoders;
mod genesis;
mod golden;
mod merkle;
mod note;
mod samples;
mod transaction;
mod vote;
