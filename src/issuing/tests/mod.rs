mod path;
mod sybil;
mod town;
