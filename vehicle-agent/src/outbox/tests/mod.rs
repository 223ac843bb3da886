mod crashes;
mod file;
mod machine;
mod road;
