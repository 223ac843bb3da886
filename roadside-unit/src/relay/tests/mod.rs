mod roadworks;
mod sequences;
mod sink;
mod store;
