//! The crates of the workspace and the files they begin with, as cargo tells them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A library or a program of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The name other crates use it by.
    pub name: String,
    /// The file it begins with, from the workspace's folder.
    pub file: PathBuf,
    /// Whether others may use it; a program may bear its library's name.
    pub library: bool,
}

/// Every library and every program of the workspace in `folder`.
///
/// # Panics
///
/// When cargo does not tell them.
#[must_use]
pub fn roots(folder: &Path) -> Vec<Root> {
    let told = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(folder)
        .output()
        .expect("cargo runs");
    let told: Value =
        serde_json::from_slice(&told.stdout).expect("cargo tells the workspace as JSON");
    let targets = list(&told["packages"]).flat_map(|package| list(&package["targets"]));
    targets
        .filter(|target| is(target, "lib") || is(target, "bin"))
        .map(|target| root(target, folder))
        .collect()
}

fn is(target: &Value, kind: &str) -> bool {
    list(&target["kind"]).any(|its| its == kind)
}

fn root(target: &Value, folder: &Path) -> Root {
    let file = Path::new(target["src_path"].as_str().expect("a target has a file"));
    Root {
        name: target["name"]
            .as_str()
            .expect("a target has a name")
            .replace('-', "_"),
        file: file
            .strip_prefix(folder)
            .expect("a target lies in the workspace")
            .to_owned(),
        library: is(target, "lib"),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
