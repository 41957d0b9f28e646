use super::*;
use crate::Settlement;

fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn measured() {
    let dir = tempfile::tempdir().unwrap();
    let text = include_str!("../../../fixtures/settlement-0.1.0.json");
    let base: Settlement = serde_json::from_str(text).unwrap();
    let backend = FileBackend::paced(dir.path().to_owned(), LAZY);
    backend.prepare().await.unwrap();
    let before = rss();
    let begun = std::time::Instant::now();
    const ROWS: i64 = 200_000;
    for batch in 0..ROWS / 200 {
        let rows = (0..200).map(|n| {
            let at = penstock_core::Timestamp(1_700_000_000_000 + batch * 200 + n);
            Settlement { request_id: penstock_core::RequestId::new(at), at, ..base.clone() }.row()
        });
        backend.write(None, vec![Write::Put(Settlement::table(), rows.collect())]).await.unwrap();
    }
    let log: u64 = logs(dir.path()).iter().map(|log| std::fs::metadata(log).unwrap().len()).sum();
    eprintln!(
        "MEASURED {} B a row, {:?}, log {} B a row",
        (rss() - before) / ROWS as u64,
        begun.elapsed(),
        log / ROWS as u64
    );
    let begun = std::time::Instant::now();
    backend.scrub(&[]).await.unwrap();
    eprintln!("MEASURED tables {:?}, {} B", begun.elapsed(), tables::bytes(dir.path()));
    backend.close().await.unwrap();
    drop(backend);
    let begun = std::time::Instant::now();
    let backend = FileBackend::paced(dir.path().to_owned(), LAZY);
    backend.prepare().await.unwrap();
    eprintln!("MEASURED open {:?}", begun.elapsed());
}
