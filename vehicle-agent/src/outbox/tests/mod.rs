mod crashes;
mod file;
mod machine;
mod proven;
mod road;
