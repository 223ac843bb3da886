mod genesis;
mod merkle;
