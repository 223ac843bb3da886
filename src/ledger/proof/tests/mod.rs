mod anchor;
mod bundle;
mod committees;
mod single;
mod witness;
