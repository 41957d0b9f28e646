//! The bare reverse proxy as a process; see `penstock_bench::floor`.

use std::io::Write as _;
use std::net::SocketAddr;

use anyhow::Result;
use clap::Parser;
use http::uri::Authority;
use tokio::net::TcpListener;

// as in the gateway
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Forwards every request to one upstream.
#[derive(Parser)]
struct Arguments {
    /// Where to forward to: host and port.
    #[arg(long)]
    upstream: Authority,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> Result<()> {
    let listener = TcpListener::bind(arguments.listen).await?;
    writeln!(std::io::stdout(), "listening on {}", listener.local_addr()?)?;
    penstock_bench::floor::serve(listener, arguments.upstream).await
}
