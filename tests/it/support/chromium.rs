//! Chromium without a window.
//!
//! In: a page and flags. Out: what it printed. Always holds: it has a profile of its own, gone with it.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};

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

/// Opens a file as the flags say.
pub fn open(file: &Path, flags: &[&str]) -> Output {
    let profile = tempfile::tempdir().unwrap();
    let named = std::env::var_os("HOUSESTYLE_CHROMIUM");
    for name in named.into_iter().chain(NAMES.map(Into::into)) {
        let mut command = Command::new(name);
        command.args(USUAL).arg(format!("--user-data-dir={}", profile.path().display())).args(flags);
        match command.arg(format!("file://{}", file.display())).output() {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            output => return output.unwrap(),
        }
    }
    panic!("no Chromium here: run deploy/fetch-chromium.sh, or set HOUSESTYLE_CHROMIUM");
}
