//! Chromium without a window.
//!
//! Takes a page and flags. Returns what it printed. Invariant: it has a profile of its own, gone with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const USUAL: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
    "--window-size=1000,1400",
];

/// Returns the browser's program: the one that `HOUSESTYLE_CHROMIUM` names, or one of the usual names on the path.
pub fn program() -> Option<PathBuf> {
    let named = std::env::var_os("HOUSESTYLE_CHROMIUM").map(PathBuf::from);
    let starts =
        |name: &PathBuf| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    named.into_iter().chain(NAMES.map(PathBuf::from)).find(starts)
}

/// Opens a file with these flags.
pub fn open(file: &Path, flags: &[&str]) -> Output {
    static PROGRAM: LazyLock<Option<PathBuf>> = LazyLock::new(program);
    let program = PROGRAM.as_ref().unwrap_or_else(|| panic!("no Chromium here: run `make browser`"));
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.args(USUAL).arg(format!("--user-data-dir={}", profile.path().display())).args(flags);
    command.arg(format!("file://{}", file.display())).output().unwrap()
}
