mod areas;
mod frozen;
mod names;
mod records;
mod states;
