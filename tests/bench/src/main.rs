//! `make bench`: measures scale, speed and cost of the real binaries, side by side with what they are compared with, and
//! prints one table. Nothing here asserts a time; what must be true whatever the machine (nothing lost, nothing written
//! twice) ends the run when it is not.

#![recursion_limit = "256"]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal; a failure is to be seen where it happens"
)]
#![allow(
    clippy::format_push_string,
    clippy::type_complexity,
    clippy::struct_field_names,
    reason = "texts and tables are put together once"
)]

mod aws;
mod batimento;
mod calls;
mod cost;
mod flood;
mod hostile;
mod http;
mod keys;
mod local;
mod options;
mod plot;
mod process;
mod quota;
mod report;
mod runtime;
mod stack;
mod startup;
mod table;
mod throughput;
mod tls;
mod warm;

pub use options::Options;
use table::Table;

fn main() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let mut words = std::env::args().skip(1).peekable();
    if words.next_if(|word| word == quota::CALLER).is_some() {
        return runtime.block_on(quota::call(&words.next().unwrap_or_default()));
    }
    runtime.block_on(run(&Options::read(words)?))
}

async fn run(options: &Options) -> Result<(), String> {
    let mut table = Table::default();
    if options.wants("startup") {
        startup::measure(options, &mut table).await?;
        tls::measure(options, &mut table).await?;
    }
    if options.wants("warm") {
        warm::measure(options, &mut table).await?;
    }
    if options.wants("throughput") {
        throughput::measure(options, &mut table).await?;
    }
    let mut plots = Vec::new();
    if options.wants("calls") {
        plots.extend(calls::measure(options, &mut table).await?);
    }
    if options.wants("quota") {
        quota::measure(&mut table).await?;
    }
    if options.wants("cost") {
        let page = cost::measure(options, &mut table).await?;
        if options.write {
            report::save(&options.root.join("docs/cost.md"), &page)?;
        }
    }
    if options.wants("local") {
        local::measure(options, &mut table).await?;
    }
    if options.wants("keys") {
        keys::measure(&mut table)?;
    }
    if options.wants("hostile") {
        hostile::measure(options, &mut table).await?;
    }
    // The long ones last.
    if options.wants("flood") {
        flood::measure(options, &mut table).await?;
    }
    if options.wants("batimento") {
        plots.extend(batimento::measure(options, &mut table).await?);
    }
    println!("{}", table.page());
    if options.write {
        report::write(&options.root, &table, &plots, &options.command)?;
    }
    Ok(())
}
