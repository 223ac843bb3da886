mod curious;
mod dissolve;
mod doors;
mod path;
mod sybil;
mod threshold;
mod town;
