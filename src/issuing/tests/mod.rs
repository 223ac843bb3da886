mod curious;
mod doors;
mod path;
mod sybil;
mod threshold;
mod town;
