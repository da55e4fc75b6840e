//! From a webhook to the portfolio on the local stack, less the stack's own fixed cost: `tests/bench/latency.py`.

use serde::Deserialize;
use tokio::process::Command;

use crate::Options;
use crate::table::Table;

const LIMIT_MS: f64 = 1_000.0;

/// Medians in milliseconds.
#[derive(Deserialize)]
struct Latency {
    webhook: f64,
    request: f64,
    message: f64,
}

/// Measures and adds the row.
pub async fn measure(options: &Options, table: &mut Table) -> Result<(), String> {
    let output = Command::new(&options.python)
        .args(["-m", "tests.bench.latency"])
        .arg(options.binaries())
        .current_dir(&options.root)
        .output()
        .await
        .map_err(|error| format!("{}: {error}", options.python.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let latency: Latency = serde_json::from_str(last).map_err(|_| {
        format!(
            "the local stack: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let left = latency.webhook - latency.request - latency.message;
    table.row(
        "webhook to portfolio on the idle local stack, less its fixed cost",
        format!(
            "{:.0} ms with it; the stack alone: {:.0} ms for a request, {:.0} ms for a message",
            latency.webhook, latency.request, latency.message
        ),
        "under 1 s",
        left < LIMIT_MS,
    );
    Ok(())
}
