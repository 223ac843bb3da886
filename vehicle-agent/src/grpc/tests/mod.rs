mod allowance;
mod gate;
mod page;
mod repeats;
mod roles;
