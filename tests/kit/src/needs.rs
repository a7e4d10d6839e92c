//! What some tests need of the machine, and what happens where it is missing.
//!
//! `cargo test` on a bare machine skips such a test with a line on standard error. With `HOUSESTYLE_TESTS=all` in the
//! environment, as the Makefile and CI set it, a skipped test is a failed one.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use housestyle::pipeline::Runtime;

use crate::{broker, chromium};

/// The environment variable that forbids skipping when it is `all`.
pub const VARIABLE: &str = "HOUSESTYLE_TESTS";

/// Something outside this repository that a test uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// RabbitMQ's server and its tools.
    Broker,
    /// Chromium.
    Browser,
    /// The ONNX Runtime library.
    Runtime,
    /// The right to mount a file system.
    Mount,
}

impl Need {
    /// Whether this machine has it; looked for once.
    fn is_there(self) -> bool {
        static BROKER: LazyLock<bool> = LazyLock::new(broker::is_installed);
        static BROWSER: LazyLock<bool> = LazyLock::new(|| chromium::program().is_some());
        static RUNTIME: LazyLock<bool> = LazyLock::new(|| Runtime::load(None).is_ok());
        static MOUNT: LazyLock<bool> = LazyLock::new(may_mount);
        match self {
            Self::Broker => *BROKER,
            Self::Browser => *BROWSER,
            Self::Runtime => *RUNTIME,
            Self::Mount => *MOUNT,
        }
    }

    /// Whether `HOUSESTYLE_TESTS=all` asks for it: all that `make` installs. A right cannot be installed.
    fn is_installable(self) -> bool {
        self != Self::Mount
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Broker => "no RabbitMQ is installed: run `make broker`",
            Self::Browser => "no Chromium is installed: run `make browser`, or set HOUSESTYLE_CHROMIUM",
            Self::Runtime => "no ONNX Runtime library is here: run `make runtime`",
            Self::Mount => "this user may not mount a file system",
        }
    }
}

/// Whether the running test must be skipped because something is missing; says on standard error what and why.
pub fn skip(needs: &[Need]) -> bool {
    let Some(missing) = needs.iter().find(|need| !need.is_there()) else { return false };
    let strict = std::env::var(VARIABLE).is_ok_and(|value| value == "all");
    assert!(!(strict && missing.is_installable()), "{} ({VARIABLE}=all allows no skipped test)", missing.advice());
    let thread = std::thread::current();
    // Not `eprintln!`: the test harness keeps that to itself unless a test fails.
    let _ = writeln!(std::io::stderr(), "skipped: {}: {}", thread.name().unwrap_or("a test"), missing.advice());
    true
}

/// Returns from the test at hand, skipped, unless the machine has everything named: `needs!(Broker, Runtime);`.
#[macro_export]
macro_rules! needs {
    ($($need:ident),+ $(,)?) => {
        if $crate::needs::skip(&[$($crate::needs::Need::$need),+]) {
            return;
        }
    };
}

fn may_mount() -> bool {
    let Ok(folder) = tempfile::tempdir() else { return false };
    let succeeds = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let mounted = mount(folder.path(), "size=48k");
    mounted && succeeds(Command::new("umount").arg(folder.path()))
}

/// Mounts a file system in memory at `folder`; whether that was allowed.
pub fn mount(folder: &Path, options: &str) -> bool {
    let output = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).output();
    output.is_ok_and(|output| output.status.success())
}
