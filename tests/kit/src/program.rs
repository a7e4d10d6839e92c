//! The real program, as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};

use crate::wait::wait_for;

/// Returns the top folder of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// Returns the program that Cargo built along with the running test or tool: it lies in the same folder or in the one
/// above.
pub fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let name = format!("housestyle{}", std::env::consts::EXE_SUFFIX);
    let found = own.ancestors().skip(1).take(2).map(|folder| folder.join(&name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("no {name} beside {}: run `cargo build`", own.display()))
}

/// Returns a command that runs the program on the tiny bundle, in `folder`, with no settings but those given here.
pub fn housestyle(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(args).current_dir(folder);
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("HOUSESTYLE_")) {
        if key != "HOUSESTYLE_RUNTIME_LIBRARY" {
            command.env_remove(key);
        }
    }
    command.env("HOUSESTYLE_BUNDLES", repository().join("tests/fixtures")).env("HOUSESTYLE_THREADS", "1");
    command
}

/// Runs a command to its end; returns its exit code, standard output and standard error.
pub fn output(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap_or(-1), text(&stdout), text(&stderr))
}

/// Asks a process to stop, as a service manager does.
pub fn terminate(child: &Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
}

/// Waits for a process to end by itself.
pub fn end(what: &str, child: &mut Child) -> ExitStatus {
    wait_for(&format!("{what} to end"), || child.try_wait().unwrap())
}
