//! The batimento against portfolio size: the real `reconcile` in its own process, the embedded DynamoDB and the simulator in
//! this one. The first batimento fills the portfolio; the second, in a fresh process, finds it unchanged.

use std::time::{Duration, Instant};

use crate::Options;
use crate::plot::{Plot, Series};
use crate::stack::{Stack, Used};
use crate::table::{Table, grouped};

/// Lambda's longest invocation.
const INVOCATION: Duration = Duration::from_mins(15);
/// The first batimento only fills the embedded database, whose writes are slow: it may take as long as it likes.
const FILLING: Duration = Duration::from_hours(3);
const MEMORY_LIMIT_MB: f64 = 256.0;
/// Of all generated installments about so many are open.
const OPEN_SHARE: f64 = 0.68;

/// One run.
struct Measured {
    open: f64,
    cpu_seconds: f64,
    wall_seconds: f64,
    memory_mb: f64,
    invocations: usize,
    used: Used,
    bulk: u64,
    rest: u64,
}

/// Measures and adds the rows.
pub async fn measure(options: &Options, table: &mut Table) -> Result<Vec<Plot>, String> {
    let (mut first, mut unchanged) = (Vec::new(), Vec::new());
    for size in &options.sizes {
        let stack = world(*size).await?;
        first.push(one(&stack, options, FILLING).await?);
        let again = one(&stack, options, INVOCATION).await?;
        row(table, &again);
        if again.used.portfolio_writes > 0 {
            return Err(format!(
                "an unchanged batimento wrote {} times",
                again.used.portfolio_writes
            ));
        }
        if again.memory_mb >= MEMORY_LIMIT_MB {
            return Err(format!("a batimento took {:.0} MB", again.memory_mb));
        }
        unchanged.push(again);
    }
    let linear = unchanged.iter().map(|run| run.cpu_seconds / run.open * 1e6);
    let linear: Vec<String> = linear.map(|micros| format!("{micros:.0}")).collect();
    table.report(
        "unchanged batimento: CPU per open installment, by size",
        format!("{} µs", linear.join(", ")),
    );
    table.note("Batimento, by size", details(&first, &unchanged));
    let mut time =
        Plot::new("Batimento: CPU time", "open installments", "CPU seconds").logarithmic();
    let mut memory = Plot::new("Batimento: peak memory", "open installments", "MB").logarithmic();
    for (name, runs) in [("first", &first), ("unchanged", &unchanged)] {
        time.series(Series::new(
            name,
            runs.iter().map(|run| (run.open, run.cpu_seconds)).collect(),
        ));
        memory.series(Series::new(
            name,
            runs.iter().map(|run| (run.open, run.memory_mb)).collect(),
        ));
    }
    Ok(vec![time, memory])
}

/// A world with about so many open installments.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most two million"
)]
async fn world(open: u32) -> Result<Stack, String> {
    Stack::start((f64::from(open) / OPEN_SHARE) as u32, None).await
}

#[expect(clippy::cast_precision_loss, reason = "millions")]
async fn one(stack: &Stack, options: &Options, time: Duration) -> Result<Measured, String> {
    let reconcile = stack.function(options, "reconcile").await?;
    stack.used();
    stack.sienge_calls().await?;
    let began = Instant::now();
    let (_, invocations) = stack.run(&reconcile, time).await?;
    let calls = stack.sienge_calls().await?;
    let measured = Measured {
        open: stack.open() as f64,
        cpu_seconds: reconcile.cpu_seconds(),
        wall_seconds: began.elapsed().as_secs_f64(),
        memory_mb: reconcile.peak_memory_mb(),
        invocations,
        used: stack.used(),
        bulk: calls.bulk,
        rest: calls.rest,
    };
    reconcile.stop().await;
    Ok(measured)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count"
)]
fn row(table: &mut Table, run: &Measured) {
    let name = format!(
        "unchanged batimento of {} open installments",
        grouped(run.open as u64)
    );
    table.row(
        &format!("{name}: peak memory"),
        format!("{:.0} MB", run.memory_mb),
        "under 256 MB",
        run.memory_mb < MEMORY_LIMIT_MB,
    );
    table.report(
        &format!("{name}: CPU, DynamoDB reads"),
        format!(
            "{:.1} s ({:.1} s in all); {:.1} read units per 1,000 installments",
            run.cpu_seconds,
            run.wall_seconds,
            run.used.read_units / run.open * 1000.0
        ),
    );
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count"
)]
fn details(first: &[Measured], unchanged: &[Measured]) -> String {
    let mut text = "| run | open installments | CPU s | wall s | peak MB | invocations | bulk | REST | read units | write units |\n|---|---|---|---|---|---|---|---|---|---|".to_owned();
    for (name, runs) in [("first", first), ("unchanged", unchanged)] {
        for run in runs {
            text += &format!(
                "\n| {name} | {} | {:.1} | {:.1} | {:.0} | {} | {} | {} | {:.0} | {:.0} |",
                grouped(run.open as u64),
                run.cpu_seconds,
                run.wall_seconds,
                run.memory_mb,
                run.invocations,
                run.bulk,
                run.rest,
                run.used.read_units,
                run.used.write_units
            );
        }
    }
    text
}
