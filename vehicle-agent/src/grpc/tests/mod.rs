mod repeats;
mod roles;
