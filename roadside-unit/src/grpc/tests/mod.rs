mod notes;
mod roles;
