mod cast;
mod metrics;
mod picture;
mod steps;
