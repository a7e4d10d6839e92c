//! A small house: a broker's virtual host, a place for assets, and real workers on the tiny bundle.
//!
//! Takes campaigns. Returns what the place holds afterwards. Invariant: workers end with the test.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};

use crate::files::{files, images, is_outcome};
use crate::program::{self, housestyle, output};
use crate::s3::{BUCKET, Server};
use crate::wait::within_patience;

/// Sixteen jobs of which some are rejected, with steps enough that there is something to break.
pub const CAMPAIGN: &str = "\
apiVersion: housestyle/v1
kind: Campaign
metadata: {name: house}
spec:
  bundle: tiny
  styles: [flat, line]
  assets:
    - {categories: [fox, rocket], count: 4}
  sampler: {name: euler-a, steps: 120}
  gate: {style: 0.34, category: 0.0, attempts: 2}
  seed: 7
";
/// Jobs of [`CAMPAIGN`].
pub const JOBS: usize = 16;
/// Seconds until what failed is delivered again: the first time, the second, …
const RETRY_DELAYS: &str = "0.1,0.3,0.5,1";

/// What an undisturbed run of a campaign makes, by file name; each campaign is run once.
fn reference(campaign: &str) -> Arc<BTreeMap<String, Vec<u8>>> {
    type Made = HashMap<String, Arc<BTreeMap<String, Vec<u8>>>>;
    static KNOWN: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap();
    let run = || {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("c.yaml"), campaign).unwrap();
        let (code, _, stderr) = output(housestyle(folder.path(), &["run", "c.yaml"]));
        assert!(code == 0 || code == 3, "{stderr}");
        Arc::new(images(&folder.path().join("out")))
    };
    Arc::clone(known.entry(campaign.to_owned()).or_insert_with(run))
}

/// A house.
pub struct House {
    /// Where commands run; the campaign file `c.yaml` lies there.
    pub folder: tempfile::TempDir,
    broker: String,
    /// The bucket's server; without one, a folder is the place.
    pub server: Option<Server>,
}

/// A worker's process; killed when dropped.
pub struct Worker(pub Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Worker {
    /// Kills it as nothing can be caught.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to stop, and waits; returns its exit code.
    pub fn terminate(self) -> Option<i32> {
        program::terminate(&self.0);
        self.end()
    }

    /// Waits for its end; returns its exit code.
    pub fn end(mut self) -> Option<i32> {
        program::end("the worker", &mut self.0).code()
    }
}

impl House {
    /// A house at `broker` whose assets go to a folder.
    pub fn new(broker: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("c.yaml"), CAMPAIGN).unwrap();
        Self { folder, broker, server: None }
    }

    /// A house at `broker` whose assets go to a bucket.
    pub fn with_bucket(broker: String) -> Self {
        Self { server: Some(Server::start()), ..Self::new(broker) }
    }

    /// The broker's address.
    pub fn broker(&self) -> String {
        self.broker.clone()
    }

    /// The one campaign's id.
    pub fn campaign(&self) -> String {
        let plan = files(&self.place()).into_keys().find(|name| name.ends_with("plan.json")).unwrap();
        plan.split('/').nth(1).unwrap().to_owned()
    }

    /// Where the assets lie, as files.
    pub fn place(&self) -> PathBuf {
        self.server.as_ref().map_or_else(|| self.folder.path().join("out"), Server::objects)
    }

    /// The binary with everything set.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = housestyle(self.folder.path(), args);
        command.env("HOUSESTYLE_BROKER", &self.broker).env("HOUSESTYLE_RETRY_DELAYS", RETRY_DELAYS);
        command.env("HOUSESTYLE_MAX_BATCH", "2");
        if let Some(server) = &self.server {
            server.serve(&mut command);
            command.env("HOUSESTYLE_OUT", format!("s3://{BUCKET}"));
        }
        command
    }

    /// Runs to the end and reads the document.
    pub fn ask(&self, args: &[&str]) -> (i32, serde_json::Value) {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let (code, stdout, stderr) = output(self.command(&args));
        let document = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{args:?}: {e}: {stdout}\n{stderr}"));
        (code, document)
    }

    /// Starts a worker; its log lies in the folder.
    pub fn worker(&self, args: &[&str]) -> Worker {
        let args: Vec<&str> = ["worker", "-v"].into_iter().chain(args.iter().copied()).collect();
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        Worker(self.command(&args).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    /// What the workers logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Submits the campaign in the background of a test: handed over, whether or not a worker runs.
    pub fn submit(&self) -> Worker {
        Worker(self.command(&["submit", "c.yaml"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Counts the place's files with this ending among the campaigns' outcomes.
    pub fn outcomes(&self, ending: &str) -> usize {
        files(&self.place()).keys().filter(|name| name.ends_with(ending) && is_outcome(name)).count()
    }

    /// Waits until so many such files are there.
    pub fn reach(&self, ending: &str, count: usize) {
        self.wait_for(&format!("{count} of {ending}"), || self.outcomes(ending) >= count);
    }

    /// Lets workers go on until exactly so many such files are there; they are held at work then. Needs a bucket.
    pub fn advance(&self, ending: &str, count: usize) {
        self.bucket().advance(ending, count);
        self.reach(ending, count);
    }

    /// The server that everything goes to.
    pub fn bucket(&self) -> &Server {
        self.server.as_ref().expect("this house has a bucket")
    }

    /// Waits until the workers' log says this more often than so many times.
    pub fn logged(&self, text: &str, times: usize) {
        self.wait_for(&format!("{text:?} in the log"), || self.log().matches(text).count() > times);
    }

    fn wait_for(&self, what: &str, condition: impl Fn() -> bool) {
        let met = within_patience(|| condition().then_some(()));
        met.unwrap_or_else(|| panic!("waited in vain for {what}; the log:\n{}", self.log()));
    }

    /// Waits until the campaign is complete, and checks that each job has exactly one outcome, and the right one.
    pub fn assert_complete(&self) {
        let place = self.place();
        let complete = || files(&place).keys().any(|name| name.ends_with("manifest.jsonl"));
        self.wait_for("the campaign to be complete", complete);
        let campaign = std::fs::read_to_string(self.folder.path().join("c.yaml")).unwrap();
        assert_one_outcome_a_job(&place, &reference(&campaign));
    }
}

fn assert_one_outcome_a_job(place: &Path, reference: &BTreeMap<String, Vec<u8>>) {
    let made = images(place);
    assert_eq!(made.keys().collect::<Vec<_>>(), reference.keys().collect::<Vec<_>>(), "one image a job, on one shelf");
    assert!(made == *reference, "another image than an undisturbed run makes");
    let all = files(place);
    let sidecars = all.keys().filter(|name| name.ends_with(".json") && is_outcome(name));
    let stems: Vec<&str> = sidecars.filter_map(|name| name.rsplit('/').next()).collect();
    let distinct: BTreeSet<&&str> = stems.iter().collect();
    assert_eq!((stems.len(), distinct.len()), (JOBS, JOBS), "each job has exactly one outcome");
    let manifest = all.iter().find(|(name, _)| name.ends_with("manifest.jsonl")).unwrap().1;
    assert_eq!(manifest.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count(), JOBS);
}
