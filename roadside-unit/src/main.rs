//! The daemon at the road.

use std::process::ExitCode;

fn main() -> ExitCode {
    match roadside_unit::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
