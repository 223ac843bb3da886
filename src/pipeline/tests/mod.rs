mod generation;
mod relaying;
mod street;
mod units;
