//! The page with the results: the machine, the day, the table, the notes, the plots.

use std::fmt::Write as _;
use std::path::Path;

use ponte::calendar::{Timestamp, business_date};

use crate::plot::Plot;
use crate::table::Table;

const BEGIN: &str = "<!-- results: begin -->\n";
const END: &str = "<!-- results: end -->\n";

/// Puts the results between the marks of the page, and the plots beside it.
pub fn write(root: &Path, table: &Table, plots: &[Plot], command: &str) -> Result<(), String> {
    let file = root.join("docs/bench.md");
    let page =
        std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let wrong = "docs/bench.md has no marks for the results";
    let (before, rest) = page.split_once(BEGIN).ok_or(wrong)?;
    let (_, after) = rest.split_once(END).ok_or(wrong)?;
    let mut results = format!("{}\n\n    bench {command}\n\n{}", machine(), table.page());
    for plot in plots {
        let name = plot.file_name();
        save(&root.join("docs/bench").join(&name), &plot.svg())?;
        let _ = write!(results, "\n![{}](bench/{name})\n", plot.title());
    }
    save(&file, &format!("{before}{BEGIN}{results}{END}{after}"))
}

/// Writes a file, its folder too.
pub fn save(file: &Path, text: &str) -> Result<(), String> {
    let folder = file.parent().ok_or("a file without a folder")?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(file, text))
        .map_err(|error| format!("{}: {error}", file.display()))
}

/// What it ran on, and how busy that was.
fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = read("/proc/meminfo");
    let kilobytes = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .unwrap_or_default();
    let kilobytes: f64 = kilobytes
        .trim()
        .trim_end_matches("kB")
        .trim()
        .parse()
        .unwrap_or(0.0);
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().nth(2).unwrap_or("?").to_owned();
    format!(
        "Measured on {}: {cores} cores ({model}), {:.0} GB of memory, {}; load average of the last quarter of an hour at the end: {load}.",
        business_date(Timestamp::now()),
        kilobytes * 1024.0 / 1e9,
        std::env::consts::ARCH,
    )
}
