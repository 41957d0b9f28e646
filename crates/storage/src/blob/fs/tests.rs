//! What holds of files and of nothing else: links, what a crash leaves, a full disk.

use std::os::unix::fs::symlink;
use std::process::Command;

use penstock_conformance::servers;
use tempfile::TempDir;

use super::*;

fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

async fn put(store: &FsBlob, name: &str, content: &str) -> Result<()> {
    store.put(&key(name), content.to_owned().into()).await
}

async fn list(store: &FsBlob) -> Vec<String> {
    store.list(&Prefix::default()).await.unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// A store, and beside it a folder that is none of its business.
async fn beside() -> (TempDir, FsBlob, PathBuf, PathBuf) {
    let folder = TempDir::new().unwrap();
    let [root, outside] = ["root", "outside"].map(|name| folder.path().join(name));
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "secret").unwrap();
    let store = FsBlob::open(&root).await.unwrap();
    (folder, store, root, outside)
}

#[tokio::test]
async fn a_link_to_a_folder_leads_nowhere() {
    let (_folder, store, root, outside) = beside().await;
    put(&store, "real/a", "a").await.unwrap();
    symlink(&outside, root.join("link%")).unwrap();
    symlink(&outside, root.join("real%/deep%")).unwrap();
    symlink("real%", root.join("alias%")).unwrap();
    for name in ["link/secret", "real/deep/secret", "alias/a"] {
        assert_eq!(store.get(&key(name)).await.unwrap(), None, "{name}");
        store.delete(&key(name)).await.unwrap();
        let error = put(&store, name, "x").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict, "{name}: {error}");
        let prefix = Prefix::new(name).unwrap();
        assert!(store.list(&prefix).await.unwrap().is_empty(), "{name}");
    }
    assert_eq!(list(&store).await, ["real/a"]);
    assert_eq!(names(&outside), ["secret"]);
    assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"secret");
    assert!(names(&root.join("%tmp")).is_empty());
}

#[tokio::test]
async fn a_link_to_a_file_is_no_blob() {
    let (_folder, store, root, outside) = beside().await;
    for (name, target) in
        [("a", outside.join("secret")), ("b", outside.join("new")), ("c", "/etc/passwd".into())]
    {
        symlink(&target, root.join(name)).unwrap();
        assert_eq!(store.get(&key(name)).await.unwrap(), None, "{name}");
        store.delete(&key(name)).await.unwrap();
        assert!(root.join(name).is_symlink(), "{name} is not the store's to delete");
        put(&store, name, "own").await.unwrap();
        assert!(!root.join(name).is_symlink(), "{name}");
        assert_eq!(store.get(&key(name)).await.unwrap().unwrap(), "own", "{name}");
    }
    assert_eq!(list(&store).await, ["a", "b", "c"]);
    assert_eq!(names(&outside), ["secret"]);
    assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"secret");
}

#[tokio::test]
async fn a_link_in_place_of_the_temporary_folder_is_refused() {
    let (_folder, store, root, outside) = beside().await;
    std::fs::remove_dir(root.join("%tmp")).unwrap();
    symlink(&outside, root.join("%tmp")).unwrap();
    assert_eq!(put(&store, "a", "a").await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(FsBlob::open(&root).await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(names(&outside), ["secret"]);
}

#[tokio::test]
async fn what_is_no_file_is_no_blob() {
    let (_folder, store, root, _) = beside().await;
    std::fs::create_dir(root.join("folder")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    // not written as keys are: nobody could read it by its name
    std::fs::write(root.join("Upper"), "x").unwrap();
    std::fs::write(root.join("with space"), "x").unwrap();
    for name in ["folder", "pipe", "socket", "Upper"] {
        assert_eq!(store.get(&key(name)).await.unwrap(), None, "{name}");
        store.delete(&key(name)).await.unwrap();
    }
    assert!(list(&store).await.is_empty());
    assert_eq!(names(&root), ["%tmp", "Upper", "folder", "pipe", "socket", "with space"]);
}

#[tokio::test]
async fn what_a_crash_has_left_is_invisible_and_goes_when_the_store_opens() {
    let (_folder, store, root, _) = beside().await;
    put(&store, "a", "a").await.unwrap();
    let left = root.join("%tmp/999-0");
    std::fs::write(&left, "half").unwrap();
    assert_eq!(list(&store).await, ["a"]);

    let being_written = Temporary::new(&folder::root(&root).unwrap()).unwrap();
    let store = FsBlob::open(&root).await.unwrap();
    assert!(!left.exists());
    assert_eq!(
        names(&root.join("%tmp")),
        std::slice::from_ref(&being_written.name),
        "another writer's is left alone"
    );
    drop(being_written);
    assert!(names(&root.join("%tmp")).is_empty());
    assert_eq!(list(&store).await, ["a"]);
}

#[tokio::test]
async fn empty_folders_go_with_their_last_blob() {
    let (_folder, store, root, _) = beside().await;
    for name in ["a/b/c/d", "a/b/e", "a/f"] {
        put(&store, name, "x").await.unwrap();
    }
    for (name, left) in [("a/b/c/d", "a%/b%"), ("a/b/e", "a%"), ("a/f", "")] {
        store.delete(&key(name)).await.unwrap();
        assert!(root.join(left).is_dir(), "{left} still holds something after {name}");
    }
    assert_eq!(names(&root), ["%tmp"]);
}

#[tokio::test]
async fn a_folder_that_comes_back_works_again() {
    let (_folder, store, root, _) = beside().await;
    let away = root.with_extension("away");
    put(&store, "a", "a").await.unwrap();
    std::fs::rename(&root, &away).unwrap();
    for error in [store.health().await.unwrap_err(), put(&store, "a", "b").await.unwrap_err()] {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    }
    assert!(!root.exists(), "what is not there is not made: a disk may be missing");
    std::fs::rename(&away, &root).unwrap();
    store.health().await.unwrap();
    assert_eq!(store.get(&key("a")).await.unwrap().unwrap(), "a");
}

/// Where the tests below run their other half, whose disk is full.
const FULL: &str = "PENSTOCK_TEST_FULL_DISK";

/// More than fits.
const TOO_LARGE: usize = 4 << 20;

/// The half that runs where a file cannot have that size.
#[tokio::test]
#[ignore = "the tests below run it, on a full disk"]
async fn on_a_full_disk() {
    let root = PathBuf::from(std::env::var_os(FULL).unwrap());
    let store = FsBlob::open(&root).await.unwrap();
    put(&store, "old", "old").await.unwrap();
    for name in ["old", "new/folder/blob"] {
        let error = store.put(&key(name), vec![1; TOO_LARGE].into()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Full, "{name}: {error}");
        assert!(names(&root.join("%tmp")).is_empty(), "{name}");
    }
    assert_eq!(store.get(&key("old")).await.unwrap().unwrap(), "old");
    assert_eq!(store.get(&key("new/folder/blob")).await.unwrap(), None);
    assert_eq!(list(&store).await, ["old"]);
    assert_eq!(names(&root), ["%tmp", "old"]);
    put(&store, "small", "small").await.unwrap();
    assert_eq!(list(&store).await, ["old", "small"]);
    println!("refused");
}

/// Runs that half by a shell `script`, in which `"$@"` runs it. False if the script could not get so far.
fn run(script: &str, root: &Path) -> bool {
    let this = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(this)
        .args(["--ignored", "--exact", "blob::fs::tests::on_a_full_disk", "--nocapture"])
        .env(FULL, root)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.code() == Some(NOT_HERE) {
        return false;
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("refused"), "{said}\n{errors}");
    true
}

/// How a script says that it may not do what it would have to.
const NOT_HERE: i32 = 77;

#[test]
fn a_blob_past_the_limit_of_a_file_is_refused_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let ran = run(r#"trap "" XFSZ; ulimit -f 64 || exit 1; exec "$@""#, &folder.path().join("root"));
    assert!(ran, "every system has this limit");
}

#[test]
fn a_blob_past_the_end_of_the_disk_is_refused_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let mount = folder.path().display();
    // in a name space of its own, so that the disk goes away with it
    let script = format!(
        r#"unshare --mount true 2>/dev/null && own="unshare --mount" || own="unshare --user --map-root-user --mount"
        $own sh -c 'mount -t tmpfs -o size=1m none {mount} || exit {NOT_HERE}; exec "$@"' sh "$@" || exit $?"#
    );
    if !run(&script, &folder.path().join("root")) {
        servers::skip("tmpfs", "a disk of its own cannot be mounted here");
    }
}
