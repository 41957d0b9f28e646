//! The admin API of the real binary.

mod committed;
mod describe;
mod first_start;
mod life;
mod refusals;
mod sessions;
mod users;

use anyhow::{Context as _, Result, ensure};
use http::Method;
use penstock_tests::gateway::{ADMIN_KEY, Gateway};
use penstock_tests::http::{Answer, post};
use serde_json::Value;

async fn admin(gateway: &Gateway, method: Method, path: &str, body: &str) -> Result<Answer> {
    post(gateway.at(&format!("/admin/v1{path}")), body.to_owned()).method(method).key(ADMIN_KEY).send().await
}

/// Makes something, which has to work.
async fn made(gateway: &Gateway, path: &str, body: &Value) -> Result<Value> {
    let answer = admin(gateway, Method::POST, path, &body.to_string()).await?;
    ensure!(answer.status == 201, "POST {path} {body}: {} {}", answer.status, answer.text());
    answer.json()
}

/// Looks at something, which has to be there.
async fn seen(gateway: &Gateway, path: &str) -> Result<Value> {
    let answer = admin(gateway, Method::GET, path, "").await?;
    ensure!(answer.status == 200, "GET {path}: {} {}", answer.status, answer.text());
    answer.json()
}

/// All rows of a list, one page after the other.
async fn all(gateway: &Gateway, path: &str, limit: usize) -> Result<Vec<Value>> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = seen(gateway, &format!("{path}{sign}limit={limit}{cursor}")).await?;
        let data = page["data"].as_array().context("no data")?;
        ensure!(data.len() <= limit, "{path}: a page of {}", data.len());
        rows.extend(data.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(rows),
        }
        ensure!(rows.len() < 10_000, "{path}: the pages have no end");
    }
}
