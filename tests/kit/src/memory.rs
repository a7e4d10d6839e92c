//! The peak memory of a process, as Linux counts it.

use std::io;
use std::process::{Child, ExitStatus};
use std::time::Duration;

/// Waits for a process; returns how it ended and its peak memory in bytes (0 where the system does not tell).
pub fn peak(mut child: Child) -> io::Result<(ExitStatus, u64)> {
    let file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let status = std::fs::read_to_string(&file).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = line.and_then(|kilobytes| kilobytes.parse().ok()).map_or(peak, |kilobytes: u64| 1024 * kilobytes);
        match child.try_wait()? {
            Some(ended) => return Ok((ended, peak)),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}
