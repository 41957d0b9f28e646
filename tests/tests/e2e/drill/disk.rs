//! A disk of its own for a test, small enough to be filled.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use penstock_conformance::servers::skip;

/// Names the disk to the half of a test that runs on it.
const DISK: &str = "PENSTOCK_TEST_FULL_DISK";
/// How a script says that it may not do what it would have to.
const NOT_HERE: i32 = 77;
/// What the half on the disk says if it has nothing to do.
const SKIPPED: &str = "SKIPPED ";

/// Runs the ignored test `name` with a disk of so many megabytes.
pub(super) fn with_a_disk(name: &str, megabytes: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mount = folder.path().display();
    // in a name space of its own, so that the disk goes away with it
    let script = format!(
        r#"unshare --mount true 2>/dev/null && own="unshare --mount" || own="unshare --user --map-root-user --mount"
        $own sh -c 'mount -t tmpfs -o size={megabytes}m none {mount} || exit {NOT_HERE}; exec "$@"' sh "$@" || exit $?"#
    );
    let output = Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(std::env::current_exe()?)
        .args(["--ignored", "--exact", name, "--nocapture"])
        .env(DISK, folder.path())
        .output()?;
    if output.status.code() == Some(NOT_HERE) {
        skip("tmpfs", "a disk of its own cannot be mounted here");
        return Ok(());
    }
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    ensure!(output.status.success() && said[0].contains("1 passed"), "{}\n{}", said[0], said[1]);
    if let Some((_, skipped)) = said[1].split_once(SKIPPED) {
        let (leg, why) =
            skipped.lines().next().and_then(|line| line.split_once(": ")).unwrap_or((skipped, ""));
        skip(leg, why);
    }
    Ok(())
}

/// Where the disk is.
pub(super) fn mounted() -> Result<PathBuf> {
    Ok(std::env::var_os(DISK).context("this runs on a disk of its own")?.into())
}

/// What takes all the room that is left, until it is removed.
pub(super) struct Ballast(PathBuf);

impl Ballast {
    pub(super) fn fill(disk: &Path) -> Result<Self> {
        let path = disk.join("ballast");
        let mut file = File::create(&path)?;
        for size in [1 << 20, 4096] {
            let piece = vec![0; size];
            while file.write_all(&piece).is_ok() {}
        }
        Ok(Self(path))
    }

    pub(super) fn remove(self) -> Result<()> {
        Ok(std::fs::remove_file(self.0)?)
    }
}
