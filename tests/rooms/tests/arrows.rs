//! What counts as an arrow, on small houses of invented files.

#![allow(
    clippy::unwrap_used,
    reason = "a failure is to be seen where it happens"
)]

use std::fs;
use std::path::{Path, PathBuf};

use rooms::{Root, arrows, circles};

/// A crate `house` of these files; answers the arrows as `from>to`, and how many circles there are.
fn house(name: &str, files: &[(&str, &str)]) -> (Vec<String>, usize) {
    let folder = std::env::temp_dir().join(format!("rooms-{}-{name}", std::process::id()));
    for (file, text) in files {
        let file = folder.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let root = Root {
        name: "house".to_owned(),
        file: PathBuf::from("lib.rs"),
        library: true,
    };
    let found = arrows(&folder, &[root]);
    let bare = |file: &Path| file.with_extension("").display().to_string();
    let mut told: Vec<String> = found
        .iter()
        .map(|arrow| format!("{}>{}", bare(&arrow.from), bare(&arrow.to)))
        .collect();
    told.dedup();
    let round = circles(&found).len();
    fs::remove_dir_all(folder).unwrap();
    (told, round)
}

#[test]
fn a_use_a_full_path_and_a_path_in_a_macro_are_arrows() {
    let (arrows, circles) = house(
        "arrows",
        &[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "pub struct A;"),
            ("b.rs", "use crate::a::A; pub fn b() -> A { A }"),
            ("c.rs", "pub fn c() { let _ = crate::a::A; }"),
            ("d.rs", "pub fn d() { println!(\"{:?}\", super::b::b()); }"),
        ],
    );
    assert_eq!(arrows, ["b>a", "c>a", "d>b"]);
    assert_eq!(circles, 0);
}

#[test]
fn who_hands_a_name_on_is_passed_by() {
    let (arrows, _) = house(
        "face",
        &[
            ("lib.rs", "mod a; mod b; pub use a::Inner; pub use a::*;"),
            ("a/mod.rs", "mod inner; pub use inner::Inner;"),
            ("a/inner.rs", "pub struct Inner;"),
            ("b.rs", "use crate::Inner; pub struct B(Inner);"),
        ],
    );
    assert_eq!(arrows, ["b>a/inner"]);
}

#[test]
fn files_that_use_each_other_are_a_circle_and_tests_do_not_count() {
    let (_, circles) = house(
        "circle",
        &[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "pub struct A(crate::b::B);"),
            ("b.rs", "pub struct B; use crate::c::C; pub type D = C;"),
            ("c.rs", "pub struct C(Option<Box<crate::a::A>>);"),
        ],
    );
    assert_eq!(circles, 1);
    let (_, circles) = house(
        "tests",
        &[
            ("lib.rs", "mod a; mod b;"),
            (
                "a.rs",
                "pub struct A; #[cfg(test)] mod tests { use crate::b::B; }",
            ),
            ("b.rs", "pub struct B(crate::a::A);"),
        ],
    );
    assert_eq!(circles, 0);
}
