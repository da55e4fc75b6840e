//! The state file: the world's birth and everything that happened since, one JSON line each. A
//! line is written with one call before the caller is answered; a line torn by a crash is dropped
//! on the next start. Rebuilding = generate again, then do everything again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hook::Hook;

/// One line of the state file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase")]
pub enum Record {
    /// How the world was generated; always the first line.
    Born(Born),
    /// A control operation was done.
    Operation {
        /// Its name.
        name: String,
        /// Its body.
        body: Value,
        /// The business date it was done on.
        today: Date,
    },
    /// A hook was registered.
    Hook(Hook),
    /// A hook was removed.
    Unhook {
        /// Its id.
        id: String,
    },
    /// The business date was set, or let go.
    Today {
        /// The date.
        today: Option<Date>,
    },
    /// A delivery came to its end (delivered, lost or given up).
    Settled {
        /// The event.
        event: String,
        /// The hook.
        hook: String,
    },
}

/// How the world was generated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Born {
    /// Seed.
    pub seed: u64,
    /// Installments.
    pub installments: u32,
    /// Contracts.
    pub contracts: Option<u32>,
    /// Date.
    pub today: Date,
    /// Makes event ids differ between two worlds of the same seed.
    pub nonce: u64,
}

/// Where records go.
#[derive(Debug)]
pub struct Journal {
    file: Option<Mutex<File>>,
}

impl Journal {
    /// Keeps nothing.
    pub fn nowhere() -> Self {
        Self { file: None }
    }

    /// Opens the state file and reads what it holds.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<Record>)> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |position| position + 1);
        let records = text[..whole]
            .lines()
            .enumerate()
            .map(|(index, line)| {
                serde_json::from_str(line).map_err(|error| {
                    io::Error::other(format!("line {} of the state file: {error}", index + 1))
                })
            })
            .collect::<io::Result<Vec<Record>>>()?;
        let end = u64::try_from(whole).map_err(io::Error::other)?;
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        let file = Some(Mutex::new(file));
        Ok((Self { file }, records))
    }

    /// Adds a record.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        file.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&line)
    }
}
