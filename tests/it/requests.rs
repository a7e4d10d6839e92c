//! How many requests finishing a campaign costs, counted by a store that passes everything on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use bytes::Bytes;
use housestyle::base::digest::Digest;
use housestyle::base::error::Result;
use housestyle::campaign::commit::{Asset, ChosenImage, GeneratorInfo, JobResult};
use housestyle::campaign::layout::Layout;
use housestyle::campaign::sidecar::Attempt;
use housestyle::campaign::{Outcomes, Verify, finish};
use housestyle::plan::Plan;
use housestyle::store::{Key, Local, Store};
use housestyle_testkit::plans::small_plan;
use image::RgbImage;

const ASSETS: usize = 200;
/// Images that the contact sheet of two categories and two styles shows: four in a cell.
const SHOWN: usize = 16;

/// A store that counts the requests made to another one.
#[derive(Debug)]
struct CountingStore {
    inner: Local,
    gets: AtomicUsize,
    puts: AtomicUsize,
    others: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl CountingStore {
    fn over(inner: Local) -> Self {
        let zero = AtomicUsize::default;
        Self { inner, gets: zero(), puts: zero(), others: zero(), in_flight: zero(), most_in_flight: zero() }
    }

    /// Counts a request and holds it until every task that is ready has made its own.
    async fn count<T>(&self, kind: &AtomicUsize, request: impl Future<Output = T>) -> T {
        kind.fetch_add(1, SeqCst);
        self.most_in_flight.fetch_max(self.in_flight.fetch_add(1, SeqCst) + 1, SeqCst);
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        let answer = request.await;
        self.in_flight.fetch_sub(1, SeqCst);
        answer
    }

    /// Returns the requests since the last call: reads, writes, all others.
    fn take(&self) -> [usize; 3] {
        [&self.gets, &self.puts, &self.others].map(|kind| kind.swap(0, SeqCst))
    }
}

#[async_trait]
impl Store for CountingStore {
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<()> {
        self.count(&self.puts, self.inner.put(key, bytes)).await
    }

    async fn put_if_absent(&self, key: &Key, bytes: Bytes) -> Result<bool> {
        self.count(&self.puts, self.inner.put_if_absent(key, bytes)).await
    }

    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        self.count(&self.gets, self.inner.get(key)).await
    }

    async fn size(&self, key: &Key) -> Result<Option<u64>> {
        self.count(&self.others, self.inner.size(key)).await
    }

    async fn list(&self, prefix: &Key) -> Result<Vec<Key>> {
        self.count(&self.others, self.inner.list(prefix)).await
    }

    async fn delete(&self, key: &Key) -> Result<()> {
        self.count(&self.others, self.inner.delete(key)).await
    }

    async fn verify(&self) -> Result<()> {
        self.count(&self.others, self.inner.verify()).await
    }

    fn locate(&self, key: &Key) -> String {
        self.inner.locate(key)
    }
}

/// Commits an accepted asset for every job of the plan.
async fn commit_all(store: &dyn Store, plan: &Plan) {
    let by = GeneratorInfo { bundle: "stub".parse().unwrap(), digest: Digest::of("stub"), provider: "none".into() };
    for job in &plan.jobs {
        let attempt = Attempt { number: 1, scores: None, passed: true, reasons: Vec::new() };
        let chosen = ChosenImage { attempt: 1, image: RgbImage::new(job.size, job.size) };
        let result = JobResult {
            job: Arc::new(job.clone()),
            attempts: vec![attempt],
            chosen: Some(chosen),
            timings: BTreeMap::new(),
        };
        Asset::encode(&by, result).await.unwrap().commit(store).await.unwrap();
    }
}

#[tokio::test]
async fn finishing_reads_each_sidecar_once_and_only_the_images_of_the_contact_sheet() {
    let (folder, plan) = (tempfile::tempdir().unwrap(), small_plan(50, ""));
    assert_eq!(plan.jobs.len(), ASSETS);
    let counting = Arc::new(CountingStore::over(Local::new(folder.path())));
    let (store, layout) = (Arc::clone(&counting) as Arc<dyn Store>, Layout::of(&plan.campaign));

    let none = Outcomes::read(&store, &layout, &plan.jobs, Verify::Images).await.unwrap();
    assert_eq!((none.sidecars.len(), counting.take()), (0, [0, 0, 1]), "nothing is there, and one listing says so");

    commit_all(&*store, &plan).await;
    let [_, puts, _] = counting.take();
    assert_eq!(puts, 2 * ASSETS, "an image and a sidecar each");

    let outcomes = Outcomes::read(&store, &layout, &plan.jobs, Verify::Sidecars).await.unwrap();
    assert_eq!(outcomes.sidecars.len(), ASSETS);
    assert_eq!(counting.take(), [ASSETS, 0, 1]);
    assert_eq!(counting.most_in_flight.load(SeqCst), 32, "many at once, and no more than are allowed");
    finish::finish(&store, &layout, "small", Arc::new(outcomes)).await.unwrap();
    assert_eq!(counting.take(), [SHOWN, 3, 0], "the sheet's images are read; sheet, table and manifest are written");

    let verified = Outcomes::read(&store, &layout, &plan.jobs, Verify::Images).await.unwrap();
    assert_eq!((verified.sidecars.len(), counting.take()), (ASSETS, [2 * ASSETS, 0, 1]), "each image is read once");
}
