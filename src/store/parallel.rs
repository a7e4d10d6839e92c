//! Runs requests to a store in parallel, because latency dominates the time of a request to a bucket.

use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::base::error::{Error, Result};
use crate::store::key::Key;
use crate::store::object_store::Store;

/// Number of objects that are read, written or deleted in parallel.
pub(crate) const AT_ONCE: usize = 32;

/// Runs `work` for each item, [`AT_ONCE`] at a time, each in its own task, and streams the results in the items' order.
///
/// # Errors
///
/// An item of the stream fails as its `work` does, or if its task panicked.
pub(crate) fn in_parallel<I, F, T>(items: Vec<I>, mut work: impl FnMut(I) -> F) -> impl Stream<Item = Result<T>>
where
    F: Future<Output = Result<T>> + Send + 'static,
    T: Send + 'static,
{
    stream::iter(items)
        .map(move |item| AbortOnDropHandle::new(tokio::spawn(work(item).in_current_span())))
        .buffered(AT_ONCE)
        .map(|joined| joined.map_err(|e| Error::internal("a task of the store ended unexpectedly").caused_by(e))?)
}

/// Deletes objects, [`AT_ONCE`] at a time.
///
/// # Errors
///
/// Fails if the store cannot be written to.
pub(crate) async fn delete_all(store: &Arc<dyn Store>, keys: Vec<Key>) -> Result<()> {
    let store = Arc::clone(store);
    let delete = move |key: Key| {
        let store = Arc::clone(&store);
        async move { store.delete(&key).await }
    };
    in_parallel(keys, delete).try_collect().await
}
