mod roadworks;
mod store;
