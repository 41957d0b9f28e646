//! The scripted upstream as a process, for benches and for clients in other languages.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use clap::Parser;
use penstock_tests::upstream::{Options, ScriptedUpstream};

/// Answers like the LLM providers do, as the model name scripts it.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Keep request bodies in the ledger.
    #[arg(long)]
    keep_bodies: bool,
    /// Requests the ledger keeps; 0 keeps only totals, which is fastest.
    #[arg(long, default_value_t = 10_000)]
    ledger: usize,
    /// Accept only this key.
    #[arg(long)]
    require_key: Option<String>,
    /// Worker threads; by default one per core.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = arguments.threads {
        builder.worker_threads(threads.max(1));
    }
    builder.enable_all().build()?.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> Result<()> {
    let upstream = ScriptedUpstream::start_with(Options {
        listen: SocketAddr::new(arguments.host, arguments.port),
        keep_bodies: arguments.keep_bodies,
        ledger_capacity: arguments.ledger,
        require_key: arguments.require_key,
    })
    .await?;
    writeln!(std::io::stdout(), "listening on {}", upstream.addr())?;
    std::io::stdout().flush()?;
    // Whoever started it ends it
    std::future::pending().await
}
