//! The house has floors: what stands on one uses only what lies below it. `docs/architecture.md` shows them; here they are held.

#![allow(
    clippy::unwrap_used,
    reason = "a failure is to be seen where it happens"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rooms::{Arrow, arrows, circles, roots};

static ARROWS: LazyLock<BTreeSet<Arrow>> = LazyLock::new(|| {
    let folder = workspace();
    arrows(&folder, &roots(&folder))
});

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The floor of each room, as the picture in `docs/architecture.md` says: a line is a number, a room and what it is for.
fn picture() -> BTreeMap<PathBuf, u32> {
    let text = fs::read_to_string(workspace().join("docs/architecture.md")).unwrap();
    let (_, section) = text.split_once("\n## Rooms\n").unwrap();
    let lines = section.split("```").nth(1).unwrap().lines().skip(1);
    let room = |line: &str| {
        let mut words = line.split_whitespace();
        let floor = words.next()?.parse().ok()?;
        Some((PathBuf::from(words.next()?), floor))
    };
    lines
        .filter(|line| !line.trim().is_empty())
        .map(|line| room(line).unwrap_or_else(|| panic!("{line}")))
        .collect()
}

/// The room a file lies in.
fn room_of<'a>(file: &Path, rooms: &'a BTreeMap<PathBuf, u32>) -> Option<(&'a PathBuf, u32)> {
    let inside = |room: &&PathBuf| file.starts_with(room) || file.with_extension("") == **room;
    let room = rooms
        .keys()
        .filter(inside)
        .max_by_key(|room| room.components().count())?;
    Some((room, rooms[room]))
}

/// A crate's first file only names its modules and hands their names on.
fn is_face(file: &Path) -> bool {
    file.ends_with("shared/src/lib.rs") || file.ends_with("shared/domain/src/lib.rs")
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let told: Vec<String> = circles(&ARROWS)
        .iter()
        .map(|files| {
            let among = ARROWS.iter().filter(|arrow| {
                files.contains(&arrow.from.as_path()) && files.contains(&arrow.to.as_path())
            });
            let lines: Vec<String> = among
                .map(|arrow| {
                    format!(
                        "  {} -> {}: {}",
                        arrow.from.display(),
                        arrow.to.display(),
                        arrow.name
                    )
                })
                .collect();
            lines.join("\n")
        })
        .collect();
    assert!(told.is_empty(), "circles of files:\n{}", told.join("\n\n"));
}

#[test]
fn no_room_uses_one_that_is_not_below_it() {
    let rooms = picture();
    let mut climbing = Vec::new();
    for arrow in &*ARROWS {
        let (Some(from), Some(to)) = (room_of(&arrow.from, &rooms), room_of(&arrow.to, &rooms))
        else {
            continue;
        };
        if from.0 != to.0 && from.1 <= to.1 {
            climbing.push(format!(
                "{} -> {}: {}",
                arrow.from.display(),
                arrow.to.display(),
                arrow.name
            ));
        }
    }
    assert!(
        climbing.is_empty(),
        "arrows that climb:\n{}",
        climbing.join("\n")
    );
}

#[test]
fn every_file_that_deploys_lies_in_a_room_of_the_picture() {
    let (folder, rooms) = (workspace(), picture());
    let files = arrows(&folder, &roots(&folder))
        .into_iter()
        .flat_map(|arrow| [arrow.from, arrow.to]);
    let deploys = |file: &PathBuf| {
        (file.starts_with("shared") || file.starts_with("functions")) && !is_face(file)
    };
    let outside: Vec<PathBuf> = files
        .filter(deploys)
        .filter(|file| room_of(file, &rooms).is_none())
        .collect();
    assert_eq!(outside, Vec::<PathBuf>::new());
    let gone: Vec<_> = rooms
        .keys()
        .filter(|room| {
            !folder.join(room).exists() && !folder.join(room.with_extension("rs")).exists()
        })
        .collect();
    assert_eq!(
        gone,
        Vec::<&PathBuf>::new(),
        "rooms of the picture that are not there"
    );
}

/// The lists of files in `docs/architecture.md` that a reader follows from a webhook's request to its commit.
fn way_of_a_webhook() -> Vec<Vec<PathBuf>> {
    let text = fs::read_to_string(workspace().join("docs/architecture.md")).unwrap();
    let (_, section) = text
        .split_once("\n## The way of one webhook\n")
        .expect("the section is there");
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut lists = vec![Vec::new()];
    for line in section.lines().filter(|line| !line.is_empty()) {
        match line
            .strip_prefix("- `")
            .and_then(|rest| rest.split_once('`'))
        {
            Some((file, _)) => lists.last_mut().unwrap().push(PathBuf::from(file)),
            None => lists.push(Vec::new()),
        }
    }
    lists.retain(|list| !list.is_empty());
    lists
}

#[test]
fn the_way_of_a_webhook_is_short_and_never_climbs() {
    let (folder, rooms, lists) = (workspace(), picture(), way_of_a_webhook());
    assert_eq!(lists.len(), 2, "receiving and applying");
    assert!(lists.iter().flatten().count() <= 30);
    for list in &lists {
        for file in list {
            assert!(folder.join(file).is_file(), "{}", file.display());
        }
        for pair in list.windows(2) {
            let floor = |file: &Path| room_of(file, &rooms).map(|(_, floor)| floor);
            assert!(
                floor(&pair[0]) >= floor(&pair[1]),
                "{} stands above {}",
                pair[1].display(),
                pair[0].display()
            );
        }
    }
}
