//! Starts the async runtime, hands the arguments to the command line, and returns its exit code.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Builder;

/// How long work that still runs when a command has its result may go on.
const GRACE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let runtime = match Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: cannot start the async runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(housestyle::cli::main(std::env::args_os()));
    runtime.shutdown_timeout(GRACE);
    code.into()
}
