mod genesis;
mod merkle;
mod vote;
