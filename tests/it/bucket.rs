//! The real binary on a bucket instead of a folder: killed, gone on with, two at once; the same images, nothing made
//! twice.

use std::path::Path;
use std::process::{Command, Stdio};

use housestyle_testkit::files::{files, images};
use housestyle_testkit::needs;
use housestyle_testkit::program::{housestyle, output};
use housestyle_testkit::s3::{BUCKET, Fault, SECRET, Server};
use housestyle_testkit::wait::wait_for;

const CAMPAIGN: &str = "apiVersion: housestyle/v1
kind: Campaign
metadata: {name: bucket}
spec:
  bundle: tiny
  styles: [flat, line]
  assets:
    - {categories: [fox, rocket], count: 2}
  sampler: {name: euler-a, steps: 12}
  gate: {style: 0.34, category: 0.0, attempts: 2}
  seed: 7
";
const JOBS: u64 = 8;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.yaml"), CAMPAIGN).unwrap();
    folder
}

fn run(folder: &Path, server: &Server, place: &str) -> Command {
    let mut command = housestyle(folder, &["run", "c.yaml", "--json", "--out", place]);
    server.serve(&mut command);
    command.env("HOUSESTYLE_MAX_BATCH", "2");
    command
}

fn report(command: Command) -> serde_json::Value {
    let (code, stdout, stderr) = output(command);
    assert!(code == 0 || code == 3, "exit code {code}\n{stderr}");
    let report: serde_json::Value = serde_json::from_str(&stdout).expect("JSON and nothing else");
    assert_eq!((report["complete"].as_bool(), report["jobs"].as_u64()), (Some(true), Some(JOBS)));
    report
}

#[test]
fn a_campaign_in_a_bucket_is_the_one_of_a_folder_and_goes_on_where_it_was_killed() {
    needs!(Runtime);
    let (folder, server) = (folder(), Server::start());
    report(run(folder.path(), &server, "out"));
    let reference = images(&folder.path().join("out"));
    assert_eq!(reference.len() as u64, JOBS);
    assert!(files(&server.objects()).is_empty(), "a folder was named, and no bucket");

    let place = format!("s3://{BUCKET}/some/where");
    server.advance(".png", 3);
    let mut child = run(folder.path(), &server, &place).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the first images", || (images(&server.objects()).len() == 3).then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
    server.release();
    let made = images(&server.objects()).len() as u64;
    assert!((3..JOBS).contains(&made), "{made} are there");

    let finished = report(run(folder.path(), &server, &place));
    let found = finished["found"].as_u64().unwrap();
    assert!(found <= made && finished["made_now"].as_u64() == Some(JOBS - found), "{finished:#}");
    let there = server.objects().join("some/where");
    assert_eq!(images(&there), reference, "another image than in a folder");
    for ending in ["manifest.jsonl", "manifest.parquet", "contact-sheet.png", "plan.json"] {
        assert!(files(&there).keys().any(|name| name.ends_with(ending)), "{ending}");
    }
    assert!(
        files(folder.path()).keys().all(|name| name == "c.yaml" || name.starts_with("out/")),
        "something went astray"
    );

    // The same place, named by a setting.
    let mut command = housestyle(folder.path(), &["run", "c.yaml", "--json"]);
    server.serve(&mut command);
    command.env("HOUSESTYLE_OUT", &place);
    assert_eq!(report(command)["made_now"].as_u64(), Some(0));
    assert_eq!(images(&there), reference);
}

#[test]
fn two_at_once_in_a_bucket_come_to_one_outcome_a_job() {
    needs!(Runtime);
    let (folder, server) = (folder(), Server::start());
    let place = format!("s3://{BUCKET}");
    let start = || run(folder.path(), &server, &place).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    for child in [start(), start()] {
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(matches!(done.status.code(), Some(0 | 3)), "{:?}: {said}", done.status);
    }
    assert_eq!(images(&server.objects()).len() as u64, JOBS);
    assert_eq!(report(run(folder.path(), &server, &place))["made_now"].as_u64(), Some(0));
}

#[test]
fn a_bucket_that_will_not_be_written_to_stops_the_run_with_a_hint_and_no_secret() {
    needs!(Runtime);
    let (folder, server) = (folder(), Server::start());
    server.misbehave(|_, _| Fault::Status(403));
    let (code, _, stderr) = output(run(folder.path(), &server, &format!("s3://{BUCKET}/x")));
    assert!(code == 4 && stderr.contains("hint: ") && !stderr.contains(SECRET), "exit code {code}: {stderr}");
    let mut doctor = housestyle(folder.path(), &["doctor", "--out", &format!("s3://{BUCKET}/x")]);
    server.serve(&mut doctor);
    let (code, stdout, _) = output(doctor);
    assert!(code == 4 && stdout.contains("not ok  output bucket s3://house/x"), "exit code {code}: {stdout}");
    let mut plain = run(folder.path(), &server, &format!("s3://{BUCKET}/x"));
    plain.env("HOUSESTYLE_S3_ENDPOINT", "http://bucket.example.com");
    let (code, _, stderr) = output(plain);
    assert!(code == 2 && stderr.contains("not encrypted"), "exit code {code}: {stderr}");
}
