//! Evidence of large campaigns: what it takes does not grow with them. Linux tells how much memory a process had.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Stdio;

use crate::evaluation::{CAMPAIGN, many, shop};
use housestyle_testkit::memory;
use housestyle_testkit::needs;
use housestyle_testkit::program::{housestyle, output};

/// Thousands of images more, beside as many bought ones, and evaluating and reporting take hardly more memory.
#[test]
fn memory_does_not_grow_with_the_images() {
    needs!(Runtime);
    // Both are beyond the 500 of a set that distances are taken of.
    let (small, large) = (peak(100), peak(400));
    let grown = large.saturating_sub(small) as f64 / (2.0 * 6.0 * 300.0);
    assert!(grown < 1_000.0, "{grown:.0} bytes an image: {small} bytes at 1,200 images, {large} at 4,800");
}

/// The most memory that evaluating and reporting take at once, in bytes, of a campaign with so many images a brief.
fn peak(count: usize) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = shop(path);
    fs::write(path.join("shop.yaml"), CAMPAIGN.replace("count: 2", &format!("count: {count}"))).unwrap();
    many(&path.join("delivery"), &rows, 6 * count);
    for args in [
        &["run", "shop.yaml"][..],
        &["baseline", "import", "delivery", "--name", "studio", "--campaign", "shop", "--json"],
    ] {
        let (code, _, stderr) = output(housestyle(path, args));
        assert_eq!(code, 0, "{stderr}");
    }
    let mut report = housestyle(path, &["report", "shop", "--baseline", "studio", "--json"]);
    let report = report.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (ended, peak) = memory::peak(report).unwrap();
    assert!(ended.success() && peak > 0, "{ended}, {peak} bytes");
    peak
}
