//! Parses arguments, runs the command, maps the result to the exit code.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use housestyle::{cli, telemetry};

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(outcome) => outcome.exit_code().into(),
        Err(error) => {
            // Not eprintln!: where standard error is full or closed, the exit code must still come out.
            let mut stderr = std::io::stderr().lock();
            let _ = writeln!(stderr, "error: {}", telemetry::clean_lines(&error.chain()));
            if let Some(hint) = error.advice() {
                let _ = writeln!(stderr, "hint: {}", telemetry::clean_lines(hint));
            }
            error.exit_code().into()
        }
    }
}
