//! Hands the arguments over and the exit code back.

use std::process::ExitCode;

fn main() -> ExitCode {
    housestyle::cli::main(std::env::args_os()).into()
}
