mod bench;
mod crashes;
mod need;
mod preloader;
mod store;
mod turn;
