//! A function as its own process, and what the kernel says of it.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};

use crate::runtime::Runtime;

/// A running function.
pub struct Process {
    /// Its Runtime API.
    pub runtime: Runtime,
    /// From the start of the process to its first poll.
    pub start_up: Duration,
    child: Child,
    log_bytes: Arc<AtomicU64>,
}

impl Process {
    /// Starts a program with an environment and nothing else, and waits until it polls. What it prints is counted, and
    /// shown when `BENCH_LOGS` is set.
    pub async fn start(
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
    ) -> Result<Self, String> {
        let runtime = Runtime::start().await.map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        let quiet = std::env::var_os("BENCH_LOGS").is_none();
        command
            .args(arguments)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let log_bytes = Arc::new(AtomicU64::new(0));
        if let Some(output) = child.stdout.take() {
            tokio::spawn(count(output, Arc::clone(&log_bytes), quiet));
        }
        let polled = tokio::time::timeout(Duration::from_secs(30), runtime.first_poll()).await;
        let polled = polled.map_err(|_| format!("{} never polled", program.display()))?;
        Ok(Self {
            runtime,
            start_up: polled - started,
            child,
            log_bytes,
        })
    }

    /// CPU used so far, in seconds, by user and system: what the scheduler counted for each thread.
    pub fn cpu_seconds(&self) -> f64 {
        let threads =
            std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("the process runs");
        let nanoseconds = threads.flatten().map(|thread| {
            // A thread may end meanwhile.
            let stat = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            stat.split_whitespace()
                .next()
                .and_then(|text| text.parse::<f64>().ok())
                .unwrap_or_default()
        });
        nanoseconds.sum::<f64>() / 1e9
    }

    /// Most memory resident at any time, in megabytes (10^6 bytes).
    pub fn peak_memory_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("the process runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<f64>()
            .unwrap()
            * 1024.0
            / 1e6
    }

    /// What it wrote to standard output so far, in bytes: the log, and the metrics in it.
    pub fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub async fn stop(mut self) {
        // It may have ended by itself.
        let _ = self.child.kill().await;
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("the process runs")
    }
}

async fn count(mut output: ChildStdout, bytes: Arc<AtomicU64>, quiet: bool) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = output.read(&mut buffer).await {
        bytes.fetch_add(read as u64, Ordering::Relaxed);
        if !quiet {
            eprint!("{}", String::from_utf8_lossy(&buffer[..read]));
        }
    }
}
