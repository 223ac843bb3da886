mod areas;
mod frozen;
mod names;
mod states;
