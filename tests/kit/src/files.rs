//! What lies in a folder or a store, as tests compare it.

use std::collections::BTreeMap;
use std::path::Path;

use housestyle::store::{Key, Store};

/// Returns every file under a folder with its bytes, by relative name, hidden files included.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                found.insert(path.strip_prefix(folder).unwrap().display().to_string(), bytes);
            }
        }
    }
    found
}

/// Whether a name is that of an asset, or of what was rejected, or of the sidecar of either.
pub fn is_outcome(name: &str) -> bool {
    name.contains("assets/") || name.contains("rejected/")
}

/// Returns the images of all campaigns under a folder, by name.
pub fn images(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    files(folder).into_iter().filter(|(name, _)| name.ends_with(".png") && is_outcome(name)).collect()
}

/// Returns the text of a stored object.
pub async fn text(store: &dyn Store, key: Key) -> String {
    String::from_utf8(store.get(&key).await.unwrap().unwrap().into()).unwrap()
}
