//! The simulator's binary: reads the command line, serves until it is told to stop.

use std::process::ExitCode;

use sienge_simulator::{Options, USAGE, start};

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().any(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match start(options).await {
        Ok(running) => {
            println!("sienge-simulator listening on {}", running.base_url);
            stopped().await;
            running.stop();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Until Ctrl-C or a polite kill. Every change is already in the state file.
async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}
