//! Start-up, size and memory of the release binaries beside the floor program: repetitions of both, one after the other.

use std::io::Write;
use std::path::Path;

use crate::Options;
use crate::aws::StandIn;
use crate::process::Process;
use crate::table::{Table, median};

const FUNCTIONS: [&str; 6] = ["webhook", "apply", "payments", "import", "reconcile", "api"];
const REPETITIONS: usize = 40;
const FLOOR_RATIO: f64 = 1.2;
const ZIP_LIMIT_MB: f64 = 2.4;

/// Measures and adds the rows.
pub async fn measure(options: &Options, table: &mut Table) -> Result<(), String> {
    let stand_in = StandIn::start().await.map_err(|error| error.to_string())?;
    let environment = stand_in.environment(None);
    let (webhook, floor) = (options.function("webhook"), options.floor());
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for repetition in 0..=REPETITIONS {
        for (program, times) in [(&webhook, &mut ours), (&floor, &mut floors)] {
            let process = Process::start(program, &[], &environment).await?;
            // The first of each reads its file from the disk.
            if repetition > 0 {
                times.push((
                    process.start_up.as_secs_f64() * 1e3,
                    process.peak_memory_mb(),
                ));
            }
            process.stop().await;
        }
    }
    let middle = |times: &[(f64, f64)]| {
        (
            median(&times.iter().map(|t| t.0).collect::<Vec<_>>()),
            median(&times.iter().map(|t| t.1).collect::<Vec<_>>()),
        )
    };
    let ((our_ms, our_mb), (floor_ms, floor_mb)) = (middle(&ours), middle(&floors));
    table.row(
        "`webhook`: spawn to first runtime poll",
        format!(
            "{our_ms:.1} ms, {:.2}x the floor's {floor_ms:.1} ms",
            our_ms / floor_ms
        ),
        "at most 1.2x the floor",
        our_ms / floor_ms <= FLOOR_RATIO,
    );
    table.row(
        "`webhook`: peak memory when it polls",
        format!(
            "{our_mb:.1} MB, {:.2}x the floor's {floor_mb:.1} MB",
            our_mb / floor_mb
        ),
        "at most 1.2x the floor",
        our_mb / floor_mb <= FLOOR_RATIO,
    );
    let floor_zip = zipped_mb(&floor)?;
    for name in FUNCTIONS {
        let zip = zipped_mb(&options.function(name))?;
        let value = format!(
            "{zip:.2} MB, {:.2}x the floor's {floor_zip:.2} MB",
            zip / floor_zip
        );
        if name == "webhook" {
            table.row(
                "`webhook`: zip",
                value,
                "at most 2.4 MB",
                zip <= ZIP_LIMIT_MB,
            );
        } else {
            table.report(&format!("`{name}`: zip"), value);
        }
    }
    Ok(())
}

/// The size of a zip with this one file, in megabytes (10^6 bytes).
fn zipped_mb(file: &Path) -> Result<f64, String> {
    const ZIP_FRAME_BYTES: usize = 150;
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packed
        .write_all(&bytes)
        .map_err(|error| error.to_string())?;
    let packed = packed.finish().map_err(|error| error.to_string())?;
    #[expect(clippy::cast_precision_loss, reason = "shown with two places")]
    Ok((packed.len() + ZIP_FRAME_BYTES) as f64 / 1e6)
}
