mod file;
mod keeper;
mod past;
