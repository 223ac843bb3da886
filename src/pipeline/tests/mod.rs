mod generation;
mod units;
