//! Every store keeps the same promises. A new implementation adds one test that calls [`conforms`].

use std::sync::Arc;

use bytes::Bytes;
use housestyle::base::error::Kind;
use housestyle::store::s3::Credentials;
use housestyle::store::{Key, Local, S3, Store};
use housestyle_testkit::s3::{self, BUCKET, Fault, SECRET, Server};

#[tokio::test(flavor = "multi_thread")]
async fn local() {
    let folder = tempfile::tempdir().unwrap();
    conforms(Arc::new(Local::new(folder.path().join("not/there/yet")))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3() {
    let server = Server::start();
    let store = bucket(&server, "some/where").await;
    store.verify().await.unwrap();
    conforms(Arc::new(store)).await;
    conforms(Arc::new(bucket(&server, "").await)).await;
}

fn credentials() -> Credentials {
    Credentials::new(s3::KEY, SECRET, None, None, "test")
}

async fn bucket(server: &Server, prefix: &str) -> S3 {
    S3::open_as(&format!("{BUCKET}/{prefix}"), &server.settings(), Some(credentials())).await.unwrap()
}

/// What the network and the server do to requests, and what must come of it.
#[tokio::test(flavor = "multi_thread")]
async fn s3_survives_what_servers_do() {
    let server = Server::start();
    let store = bucket(&server, "x").await;
    let k = key("a/b.bin");
    store.verify().await.unwrap();

    // 503 twice, then an answer.
    let mut left = 2;
    server.misbehave(move |_, _| {
        left -= 1;
        if left >= 0 { Fault::Status(503) } else { Fault::None }
    });
    store.put(&k, "first".into()).await.unwrap();

    // A conditional PUT that was done but whose answer got lost is ours; another's is not.
    let mut lose = true;
    server.misbehave(
        move |method, _| if method == "PUT" && std::mem::take(&mut lose) { Fault::LoseAnswer } else { Fault::None },
    );
    assert!(store.put_if_absent(&key("a/c"), "mine".into()).await.unwrap());
    assert!(!store.put_if_absent(&key("a/c"), "mine".into()).await.unwrap());

    // A cut upload leaves nothing behind, and is sent again.
    let (large, big) = (key("a/large"), vec![7; 4 << 20]);
    server.misbehave(|method, _| if method == "PUT" { Fault::CutUpload } else { Fault::None });
    assert!(store.put(&large, big.clone().into()).await.is_err());
    assert_eq!(store.size(&large).await.unwrap(), None);
    let mut cuts = 1;
    server.misbehave(move |method, _| {
        cuts -= i32::from(method == "PUT");
        if method == "PUT" && cuts >= 0 { Fault::CutUpload } else { Fault::None }
    });
    store.put(&large, big.clone().into()).await.unwrap();
    assert_eq!(store.get(&large).await.unwrap().unwrap(), big);

    // Half a body is no body.
    let mut cuts = 2;
    server.misbehave(move |method, _| {
        cuts -= i32::from(method == "GET");
        if method == "GET" && cuts >= 0 { Fault::CutBody } else { Fault::None }
    });
    assert_eq!(store.get(&k).await.unwrap().unwrap(), "first");
    server.misbehave(|method, _| if method == "GET" { Fault::CutBody } else { Fault::None });
    assert_eq!(store.get(&k).await.unwrap_err().kind(), Kind::Unavailable);

    // What will not pass says what helps, and no secret.
    for (status, kind) in [(403, Kind::Unavailable), (400, Kind::Unavailable), (405, Kind::Permanent)] {
        server.misbehave(move |_, _| Fault::Status(status));
        let error = store.put(&k, "x".into()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", error.chain());
        assert!(!error.chain().contains(SECRET) && !error.chain().contains("Signature"), "{}", error.chain());
    }
    server.misbehave(|_, _| Fault::None);
    assert_eq!(store.get(&k).await.unwrap().unwrap(), "first");

    let nowhere = S3::open_as("no-such-bucket", &server.settings(), Some(credentials())).await.unwrap();
    let error = nowhere.list(&k).await.unwrap_err();
    assert!(error.kind() == Kind::Unavailable && error.advice().unwrap().contains("bucket"), "{}", error.chain());
    for wrong in ["", "a", "Bad_Name", "house/../x", "house/.hidden"] {
        assert_eq!(S3::open_as(wrong, &server.settings(), None).await.unwrap_err().kind(), Kind::Invalid, "{wrong}");
    }
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

async fn conforms(store: Arc<dyn Store>) {
    what_is_put_is_got(&*store).await;
    listing_is_by_folder_and_sorted(&*store).await;
    one_of_many_wins(&store).await;
    readers_see_objects_whole(&store).await;
}

async fn what_is_put_is_got(store: &dyn Store) {
    let (k, big) = (key("one/a.bin"), vec![7u8; 3 << 20]);
    assert_eq!(store.get(&k).await.unwrap(), None);
    assert_eq!(store.size(&k).await.unwrap(), None);
    store.delete(&k).await.unwrap();
    store.put(&k, "first".into()).await.unwrap();
    store.put(&k, big.clone().into()).await.unwrap();
    assert_eq!(store.size(&k).await.unwrap(), Some(big.len() as u64));
    assert_eq!(store.get(&k).await.unwrap(), Some(big.into()));
    assert!(!store.put_if_absent(&k, "second".into()).await.unwrap());
    store.put(&k, Bytes::new()).await.unwrap();
    assert_eq!(store.get(&k).await.unwrap(), Some(Bytes::new()));
    store.delete(&k).await.unwrap();
    assert_eq!(store.get(&k).await.unwrap(), None);
    assert!(store.put_if_absent(&k, "third".into()).await.unwrap());
    assert_eq!(store.get(&k).await.unwrap(), Some("third".into()));
    assert_eq!(store.get(&key("one")).await.unwrap_or(None), None, "a folder is no object");
    assert_eq!(store.size(&key("one")).await.unwrap(), None);
    assert!(store.locate(&k).contains("a.bin"));
}

async fn listing_is_by_folder_and_sorted(store: &dyn Store) {
    for name in ["list/b", "list/a/2", "list/a/1", "listing/x"] {
        store.put(&key(name), name.into()).await.unwrap();
    }
    let names = |keys: Vec<Key>| keys.iter().map(|k| k.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(store.list(&key("list")).await.unwrap()), ["list/a/1", "list/a/2", "list/b"]);
    assert_eq!(names(store.list(&key("list/a")).await.unwrap()), ["list/a/1", "list/a/2"]);
    assert!(store.list(&key("nothing/here")).await.unwrap().is_empty());
}

async fn one_of_many_wins(store: &Arc<dyn Store>) {
    let k = key("race/winner");
    let racers: Vec<_> = (0..16u8)
        .map(|i| {
            let (store, k) = (Arc::clone(store), k.clone());
            tokio::spawn(async move { store.put_if_absent(&k, vec![i; 1000].into()).await.unwrap().then_some(i) })
        })
        .collect();
    let mut winners = Vec::new();
    for racer in racers {
        winners.extend(racer.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.get(&k).await.unwrap(), Some(vec![winners[0]; 1000].into()));
}

async fn readers_see_objects_whole(store: &Arc<dyn Store>) {
    let k = key("whole/object");
    store.put(&k, vec![0; 200_000].into()).await.unwrap();
    let (writer, target) = (Arc::clone(store), k.clone());
    let writing = tokio::spawn(async move {
        for i in 1..20u8 {
            writer.put(&target, vec![i; 200_000 + usize::from(i)].into()).await.unwrap();
        }
    });
    while !writing.is_finished() {
        let seen = store.get(&k).await.unwrap().unwrap();
        assert_eq!(seen.len(), 200_000 + usize::from(seen[0]));
        assert!(seen.iter().all(|b| *b == seen[0]));
    }
    writing.await.unwrap();
    assert_eq!(store.list(&key("whole")).await.unwrap(), [k]);
}

#[tokio::test]
async fn local_sweeps_what_a_killed_process_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path());
    store.put(&key("c/assets/a.png"), "whole".into()).await.unwrap();
    let left = folder.path().join("c/assets/.unfinished-abc");
    std::fs::write(&left, b"ha").unwrap();
    assert_eq!(store.list(&key("c")).await.unwrap(), [key("c/assets/a.png")]);
    let lock = store.lock(&key("c")).unwrap();
    let refused = store.lock(&key("c")).unwrap_err();
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
    store.sweep(&key("c")).unwrap();
    assert!(!left.exists());
    drop(lock);
    store.lock(&key("c")).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn local_neither_reads_without_end_nor_empties_what_a_link_points_to() {
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path());
    store.put(&key("c/mine"), "x".into()).await.unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("c/endless")).unwrap();
    let error = store.get(&key("c/endless")).await.unwrap_err();
    assert_eq!(error.exit_code(), 2, "{}", error.chain());
    std::fs::File::create(folder.path().join("c/huge")).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(store.get(&key("c/huge")).await.unwrap_err().exit_code(), 2);
    let precious = folder.path().join("precious");
    std::fs::write(&precious, b"do not touch").unwrap();
    std::os::unix::fs::symlink(&precious, folder.path().join("c/.lock")).unwrap();
    assert!(store.lock(&key("c")).is_err());
    assert_eq!(std::fs::read(&precious).unwrap(), b"do not touch");
}

#[cfg(unix)]
#[tokio::test]
async fn local_files_are_readable_by_others_as_the_umask_says() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = Local::new(folder.path());
    store.put(&key("a"), "x".into()).await.unwrap();
    std::fs::write(folder.path().join("b"), b"x").unwrap();
    let mode = |name| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("a"), mode("b"));
}
