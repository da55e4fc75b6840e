//! Calls to Sienge for a creditor's first import (installments, then all records), against the number of contracts; and what an
//! import and a batimento of an unchanged Sienge write.

use std::time::Duration;

use crate::Options;
use crate::plot::{Plot, Series};
use crate::stack::{SiengeCalls, Stack};
use crate::table::{Table, grouped};

const TIME: Duration = Duration::from_mins(15);
const INSTALLMENTS_OF_A_CONTRACT: u32 = 120;
const REST_PER_1000: f64 = 20.0;
const BULK_PER_1000: f64 = 5.0;
/// "A fixed handful" on top.
const HANDFUL: f64 = 10.0;

/// Measures and adds the rows.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
pub async fn measure(options: &Options, table: &mut Table) -> Result<Vec<Plot>, String> {
    let mut first = Vec::new();
    let mut daily = Vec::new();
    for contracts in &options.contracts {
        // The simulator adds a twentieth of installments in bills entered by hand.
        let stack = Stack::start(
            contracts * INSTALLMENTS_OF_A_CONTRACT * 20 / 19,
            Some(*contracts),
        )
        .await?;
        stack.only_contracts();
        let import = stack.function(options, "import").await?;
        stack.sienge_calls().await?;
        stack.run(&import, TIME).await?;
        first.push((*contracts, stack.sienge_calls().await?));
        // The first daily load after it learns what a batimento does not ask for: who is in the credit bureau.
        stack.run(&import, TIME).await?;
        stack.sienge_calls().await?;
        stack.used();
        stack.run(&import, TIME).await?;
        daily.push((*contracts, stack.sienge_calls().await?));
        let by_import = stack.used().portfolio_writes;
        import.stop().await;
        let reconcile = stack.function(options, "reconcile").await?;
        stack.run(&reconcile, TIME).await?;
        let by_reconcile = stack.used().portfolio_writes;
        reconcile.stop().await;
        if options.contracts.last() == Some(contracts) {
            let contracts = grouped(u64::from(*contracts));
            table.row(
                &format!("unchanged daily load, {contracts} contracts: portfolio writes"),
                by_import.to_string(),
                "0",
                by_import == 0,
            );
            table.row(
                &format!("unchanged batimento, {contracts} contracts: portfolio writes"),
                by_reconcile.to_string(),
                "0",
                by_reconcile == 0,
            );
        }
        if by_import + by_reconcile > 0 {
            return Err(format!(
                "an unchanged Sienge caused {by_import} and {by_reconcile} writes to the portfolio"
            ));
        }
    }
    let mut plot = Plot::new(
        "Calls to Sienge for a first import",
        "contracts of 120 installments",
        "calls",
    );
    let lanes: [(&str, fn(&SiengeCalls) -> u64, f64); 2] = [
        ("REST", |calls| calls.rest, REST_PER_1000),
        ("bulk", |calls| calls.bulk, BULK_PER_1000),
    ];
    for (name, count, limit) in lanes {
        let points: Vec<(f64, f64)> = first
            .iter()
            .map(|(contracts, calls)| (f64::from(*contracts), count(calls) as f64))
            .collect();
        let (fixed, per_contract) = line(&points);
        let counted: Vec<String> = first
            .iter()
            .map(|(contracts, calls)| {
                format!("{} for {}", count(calls), grouped(u64::from(*contracts)))
            })
            .collect();
        let within = per_contract * 1000.0 <= limit + 0.05 && fixed <= HANDFUL;
        table.row(
            &format!("first import: {name} calls per 1,000 contracts"),
            format!(
                "{:.1} and {fixed:.1} fixed ({} contracts)",
                per_contract * 1000.0,
                counted.join(", ")
            ),
            &format!("at most {limit} and a handful"),
            within,
        );
        if !within {
            return Err(format!(
                "too many {name} calls for a first import: {per_contract:.4} a contract and {fixed:.1}"
            ));
        }
        plot.series(Series::new(name, points));
    }
    let mut text = by_route(&first);
    if let Some((contracts, calls)) = daily.last() {
        text += &format!(
            "\n\nAn unchanged daily load of {} contracts: {} REST and {} bulk calls.",
            grouped(u64::from(*contracts)),
            calls.rest,
            calls.bulk
        );
    }
    table.note("Calls to Sienge in a first import, by route", text);
    Ok(vec![plot])
}

/// A table of the calls, a line for each route.
fn by_route(first: &[(u32, SiengeCalls)]) -> String {
    let mut text = String::from("| route | ");
    text += &first
        .iter()
        .map(|(contracts, _)| format!("{contracts} contracts"))
        .collect::<Vec<_>>()
        .join(" | ");
    text += " |\n|---|";
    text += &"---|".repeat(first.len());
    if let Some((_, last)) = first.last() {
        for (route, _) in &last.routes {
            let counts = first.iter().map(|(_, calls)| {
                let found = calls.routes.iter().find(|(name, _)| name == route);
                found.map_or(0, |(_, count)| *count).to_string()
            });
            text += &format!(
                "\n| `{route}` | {} |",
                counts.collect::<Vec<_>>().join(" | ")
            );
        }
    }
    text
}

/// The straight line nearest to the points: what is fixed, and what each contract adds.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    #[expect(clippy::cast_precision_loss, reason = "a few points")]
    let count = points.len() as f64;
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let slope = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum::<f64>()
        / points
            .iter()
            .map(|point| (point.0 - x).powi(2))
            .sum::<f64>();
    let slope = if slope.is_finite() { slope } else { 0.0 };
    (y - slope * x, slope)
}
