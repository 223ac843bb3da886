mod allowance;
mod page;
mod repeats;
mod roles;
