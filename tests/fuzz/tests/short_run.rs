//! The short run: every target over its corpus and seeded mutations of it. `PONTE_FUZZ_ROUNDS` makes it longer, and
//! `PONTE_FUZZ_SEED` begins elsewhere.

#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fuzz_targets::TARGETS;

/// What breaks parsers.
const TOKENS: [&[u8]; 24] = [
    b"null",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\",
    b"\n",
    b"\xff",
    b"\xc3",
    b"1e999",
    b"1.0005e4",
    b"4294967296",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b"-0",
    b"99999999999999999999",
    b"0.005",
    b"\"0001-01-01\"",
    b"\"9999-12-31T23:59:59\"",
    b"\"31/12/2026\"",
    b"api-error",
    b"\\u0000",
    b"[[[[[[[[[[[[[[[[[[[[",
];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

fn mutated(rng: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut data = corpus[rng.usize(..corpus.len())].clone();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(..=data.len());
        let to = rng.usize(at..=data.len().min(at + 40));
        match rng.u8(..6) {
            0 => drop(data.drain(at..to)),
            1 => drop(data.splice(at..to, TOKENS[rng.usize(..TOKENS.len())].iter().copied())),
            2 => data.truncate(at),
            3 if at < data.len() => data[at] ^= 1 << rng.u8(..8),
            4 => {
                let copied = data[at..to].to_vec();
                drop(data.splice(at..at, copied));
            }
            _ => {
                let other = &corpus[rng.usize(..corpus.len())];
                let from = rng.usize(..=other.len());
                data.truncate(at);
                data.extend_from_slice(&other[from..]);
            }
        }
    }
    data
}

#[test]
fn nothing_from_outside_breaks_what_must_hold() {
    let (rounds, first) = (
        number("PONTE_FUZZ_ROUNDS", 20_000),
        number("PONTE_FUZZ_SEED", 1),
    );
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        assert!(corpus.len() >= 5, "the corpus of {name} is small");
        for data in &corpus {
            target(data);
        }
        for seed in first..first + rounds {
            let data = mutated(&mut fastrand::Rng::with_seed(seed), &corpus);
            let held = catch_unwind(AssertUnwindSafe(|| target(&data)));
            assert!(
                held.is_ok(),
                "{name}: PONTE_FUZZ_SEED={seed} PONTE_FUZZ_ROUNDS=1 shows it again: {:?}",
                String::from_utf8_lossy(&data)
            );
        }
    }
}
