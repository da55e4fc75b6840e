//! Whether `webhook` has shaken hands with AWS before its first event: behind a TLS stand-in that counts.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use crate::Options;
use crate::aws::{StandIn, TOKEN};
use crate::process::Process;
use crate::table::Table;
use crate::warm::event;

const TIME: Duration = Duration::from_secs(5);
/// What was printed by then is there.
const SETTLED: Duration = Duration::from_millis(300);

/// Measures and adds the row.
pub async fn measure(options: &Options, table: &mut Table) -> Result<(), String> {
    let mut server = Command::new(&options.python)
        .arg(options.root.join("tests/bench/tls.py"))
        .arg(TOKEN)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{}: {error}", options.python.display()))?;
    let mut told = BufReader::new(server.stdout.take().ok_or("no output")?).lines();
    let first = told
        .next_line()
        .await
        .ok()
        .flatten()
        .ok_or("the TLS stand-in needs openssl")?;
    let (port, certificate) = first
        .split_once(' ')
        .ok_or("the TLS stand-in told no port")?;
    let stand_in = StandIn::start().await.map_err(|error| error.to_string())?;
    let mut environment = stand_in.environment(None);
    for (_, value) in &mut environment {
        *value = value.replace(
            &format!("http://{}", stand_in.address),
            &format!("https://127.0.0.1:{port}"),
        );
    }
    environment.push(("SSL_CERT_FILE".to_owned(), certificate.to_owned()));
    let process = Process::start(&options.function("webhook"), &[], &environment).await?;
    let before = handshakes(&mut told).await;
    let mut millis = Vec::new();
    for number in 0..2 {
        let began = Instant::now();
        let answer = process
            .runtime
            .invoke(event(&format!("tls-{number}")), TIME)
            .await?;
        millis.push(began.elapsed().as_secs_f64() * 1e3);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        if !answer.contains("\"statusCode\":200") {
            return Err(format!("behind TLS a webhook was answered {answer}"));
        }
    }
    let after = handshakes(&mut told).await;
    process.stop().await;
    table.row(
        "`webhook` behind TLS: handshakes left for the first event",
        format!(
            "{after} ({before} made before it; first event {:.1} ms, second {:.1} ms)",
            millis[0], millis[1]
        ),
        "0",
        after == 0 && before > 0,
    );
    Ok(())
}

/// Handshakes told since the last time this was asked.
async fn handshakes(told: &mut Lines<BufReader<ChildStdout>>) -> usize {
    let mut count = 0;
    while let Ok(Ok(Some(line))) = tokio::time::timeout(SETTLED, told.next_line()).await {
        count += usize::from(line == "handshake");
    }
    count
}
