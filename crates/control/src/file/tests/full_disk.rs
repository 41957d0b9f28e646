//! A full disk refuses writes whole, and they go on when there is room.

use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use penstock_conformance::servers::skip;

use super::*;

/// Names the disk to the half of the test that runs on it.
const DISK: &str = "PENSTOCK_TEST_FULL_DISK";
/// How a script says that it may not do what it would have to.
const NOT_HERE: i32 = 77;

#[test]
fn a_full_disk_refuses_writes_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().display();
    // in a name space of its own, so that the disk goes away with it
    let script = format!(
        r#"unshare --mount true 2>/dev/null && own="unshare --mount" || own="unshare --user --map-root-user --mount"
        $own sh -c 'mount -t tmpfs -o size=2m none {mount} || exit {NOT_HERE}; exec "$@"' sh "$@" || exit $?"#
    );
    let output = Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "file::tests::full_disk::on_a_full_disk", "--nocapture"])
        .env(DISK, folder.path())
        .output()
        .unwrap();
    if output.status.code() == Some(NOT_HERE) {
        return skip("tmpfs", "a disk of its own cannot be mounted here");
    }
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(output.status.success() && said[0].contains("1 passed"), "{said:?}");
}

#[tokio::test]
#[ignore = "the test above runs it, on a small disk"]
async fn on_a_full_disk() {
    let disk = PathBuf::from(std::env::var_os(DISK).unwrap());
    let folder = disk.join("control");
    let backend = FileBackend::paced(folder.clone(), LAZY);
    for number in 0..20 {
        write(&backend, number).await.unwrap();
    }
    let ballast = disk.join("ballast");
    let mut file = File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    // open, it would keep its room
    drop(file);
    // into what is left of the last block of the log, and then no more
    let mut there = 20;
    let refused = loop {
        match write(&backend, there).await {
            Ok(_) => there += 1,
            Err(refused) => break refused.to_string(),
        }
        assert!(there < 2_000, "the disk is not full");
    };
    assert!(refused.contains("not available") && refused.contains("No space left"), "{refused}");
    assert!(refused.contains(&folder.display().to_string()), "{refused}");
    let expected: Vec<_> = (0..there).collect();
    assert_eq!(pairs(&backend).await, expected, "what was refused is not there");
    write(&backend, 2_000).await.unwrap_err();
    // the tables have no room either: the log keeps it all
    backend.scrub(&[]).await.unwrap_err();
    assert_eq!(pairs(&backend).await, expected);
    drop(backend);
    let backend = FileBackend::paced(folder.clone(), LAZY);
    assert_eq!(pairs(&backend).await, expected, "nor when it is opened again");
    write(&backend, 2_000).await.unwrap_err();

    std::fs::remove_file(ballast).unwrap();
    write(&backend, 2_000).await.unwrap();
    backend.scrub(&[]).await.unwrap();
    backend.close().await.unwrap();
    let again = FileBackend::new(folder);
    assert_eq!(pairs(&again).await, [expected, vec![2_000]].concat());
}
