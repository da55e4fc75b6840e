//! The command line.

use std::path::{Path, PathBuf};

/// What `--help` prints.
const USAGE: &str =
    "bench [--only startup,warm,throughput,calls,batimento,flood,quota,hostile,cost,local,keys] [--binaries DIR] [--floor FILE] [--python FILE]
    [--events 7000] [--webhooks 4000] [--contracts 100,300,1000] [--sizes 10000,100000] [--write]";

/// What to measure, with which binaries.
#[derive(Debug, Clone)]
pub struct Options {
    only: Vec<String>,
    binaries: PathBuf,
    floor: PathBuf,
    /// A Python with boto3.
    pub python: PathBuf,
    /// The checkout.
    pub root: PathBuf,
    /// Events for the warm measurement.
    pub events: u64,
    /// Webhooks for the throughput measurement.
    pub webhooks: usize,
    /// Contracts of each import that is counted.
    pub contracts: Vec<u32>,
    /// Open installments of each reconciliation.
    pub sizes: Vec<u32>,
    /// Whether the pages in `docs` are written anew.
    pub write: bool,
    /// The words themselves.
    pub command: String,
}

impl Options {
    /// Reads the words after the program's name.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().map_err(|error| error.to_string())?;
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |target| root.join(target));
        let binaries = target.join("release");
        let mut options = Self {
            only: Vec::new(),
            floor: binaries.join("bench-floor"),
            binaries,
            python: root.join(".venv/bin/python"),
            root,
            events: 7_000,
            webhooks: 4_000,
            contracts: vec![100, 300, 1_000],
            sizes: vec![10_000, 100_000],
            write: false,
            command: String::new(),
        };
        while let Some(name) = words.next() {
            options.command += &format!("{name} ");
            if name == "--write" {
                options.write = true;
                continue;
            }
            let value = words.next().ok_or(USAGE)?;
            options.command += &format!("{value} ");
            match name.as_str() {
                "--only" => options.only = value.split(',').map(str::to_owned).collect(),
                "--binaries" => options.binaries = value.into(),
                "--floor" => options.floor = value.into(),
                "--python" => options.python = value.into(),
                "--events" => options.events = value.parse().map_err(|_| USAGE)?,
                "--webhooks" => options.webhooks = value.parse().map_err(|_| USAGE)?,
                "--contracts" => options.contracts = numbers(&value)?,
                "--sizes" => options.sizes = numbers(&value)?,
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether a part is to be measured.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// The binary of a function.
    pub fn function(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// The folder of the functions' binaries.
    pub fn binaries(&self) -> &Path {
        &self.binaries
    }

    /// The floor program.
    pub fn floor(&self) -> PathBuf {
        self.floor.clone()
    }
}

fn numbers(text: &str) -> Result<Vec<u32>, String> {
    text.split(',')
        .map(|part| part.parse().map_err(|_| USAGE.to_owned()))
        .collect()
}
