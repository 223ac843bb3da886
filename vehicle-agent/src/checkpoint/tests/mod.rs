mod file;
mod keeper;
pub(crate) mod past;
