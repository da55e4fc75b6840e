//! From the paths that code names to the files that define what they name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::crates::Root;
use crate::module::{Module, Segments, modules};

/// One file uses what another defines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// Who uses.
    pub from: PathBuf,
    /// Who defines.
    pub to: PathBuf,
    /// What.
    pub name: String,
}

/// Longest chain of names that stand for each other.
const MAX_STEPS: usize = 32;

/// What a path leads to.
enum Found {
    Module(usize, usize),
    Item(usize, usize),
}

struct House {
    crates: Vec<Vec<Module>>,
    by_name: BTreeMap<String, usize>,
}

/// The arrows between the files of all crates.
#[must_use]
pub fn arrows(folder: &Path, roots: &[Root]) -> BTreeSet<Arrow> {
    let house = House {
        crates: roots
            .iter()
            .map(|root| modules(folder, &root.file))
            .collect(),
        by_name: libraries(roots),
    };
    let mut all = BTreeSet::new();
    for (place, modules) in house.crates.iter().enumerate() {
        for (inside, module) in modules.iter().enumerate() {
            for path in &module.names {
                let Some(Found::Item(krate, defined)) =
                    house.find((place, inside), path, MAX_STEPS)
                else {
                    continue;
                };
                let to = &house.crates[krate][defined].file;
                if *to != module.file {
                    all.insert(Arrow {
                        from: module.file.clone(),
                        to: to.clone(),
                        name: path.join("::"),
                    });
                }
            }
        }
    }
    all
}

/// The places of the crates that others may use, by name.
fn libraries(roots: &[Root]) -> BTreeMap<String, usize> {
    let named = (0..).zip(roots).filter(|(_, root)| root.library);
    named
        .map(|(place, root)| (root.name.clone(), place))
        .collect()
}

/// Files that use each other in a circle, each circle in alphabetical order.
#[must_use]
pub fn circles(arrows: &BTreeSet<Arrow>) -> Vec<Vec<&Path>> {
    let edges = arrows
        .iter()
        .map(|arrow| (arrow.from.as_path(), arrow.to.as_path()));
    let graph: DiGraphMap<&Path, ()> = DiGraphMap::from_edges(edges);
    let mut found: Vec<Vec<&Path>> = tarjan_scc(&graph)
        .into_iter()
        .filter(|files| files.len() > 1)
        .collect();
    for files in &mut found {
        files.sort_unstable();
    }
    found
}

impl House {
    fn module(&self, (krate, place): (usize, usize)) -> &Module {
        &self.crates[krate][place]
    }

    /// What a path of a module's code names; `None` for what is not of this workspace.
    fn find(&self, at: (usize, usize), path: &[String], steps: usize) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        let begin = match first.as_str() {
            "crate" => Found::Module(at.0, 0),
            "self" => Found::Module(at.0, at.1),
            "super" => Found::Module(at.0, self.module(at).parent?),
            name => match self.look_up(at, name, steps) {
                Some(found) => found,
                None => Found::Module(*self.by_name.get(name)?, 0),
            },
        };
        self.follow(begin, rest, steps)
    }

    fn follow(&self, mut found: Found, rest: &[String], steps: usize) -> Option<Found> {
        for name in rest {
            let Found::Module(krate, place) = found else {
                return Some(found);
            };
            found = match name.as_str() {
                "super" => Found::Module(krate, self.module((krate, place)).parent?),
                name => self.look_up((krate, place), name, steps)?,
            };
        }
        Some(found)
    }

    /// What a name means in a module.
    fn look_up(&self, at: (usize, usize), name: &str, steps: usize) -> Option<Found> {
        let (module, steps) = (self.module(at), steps.checked_sub(1)?);
        if module.defines.contains(name) {
            return Some(Found::Item(at.0, at.1));
        }
        if let Some(child) = module.children.get(name) {
            return Some(Found::Module(at.0, *child));
        }
        if let Some(path) = module.takes.get(name) {
            // `use name;` of a crate, not of itself.
            let itself = path.len() == 1 && path[0] == name;
            return if itself {
                Some(Found::Module(*self.by_name.get(name)?, 0))
            } else {
                self.find(at, path, steps)
            };
        }
        module
            .takes_all
            .iter()
            .find_map(|path| self.in_all_of(at, path, name, steps))
    }

    fn in_all_of(
        &self,
        at: (usize, usize),
        path: &Segments,
        name: &str,
        steps: usize,
    ) -> Option<Found> {
        match self.find(at, path, steps)? {
            Found::Module(krate, place) if (krate, place) != at => {
                self.look_up((krate, place), name, steps)
            }
            // The variants of an enum, by its name.
            Found::Module(..) | Found::Item(..) => None,
        }
    }
}
