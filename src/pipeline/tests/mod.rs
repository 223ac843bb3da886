mod generation;
mod relaying;
mod restored;
mod street;
mod units;
