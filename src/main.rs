//! Parses arguments, runs the command, maps the result to the exit code.

use std::process::ExitCode;

use clap::Parser as _;
use housestyle::{cli, telemetry};

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(outcome) => outcome.exit_code().into(),
        Err(error) => {
            eprintln!("error: {}", telemetry::clean_lines(&error.chain()));
            if let Some(hint) = error.advice() {
                eprintln!("hint: {}", telemetry::clean_lines(hint));
            }
            error.exit_code().into()
        }
    }
}
