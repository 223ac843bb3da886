mod crashes;
mod file;
mod hostile;
mod machine;
mod proven;
mod road;
