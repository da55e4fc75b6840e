//! What is drawn by lot.

use std::borrow::Cow;

use fastrand::Rng;
use jiff::civil::Date;
use jiff::{Span, ToSpan};

use super::{Unit, World};

/// Registers a unit.
pub fn add_unit(world: &mut World, rng: &mut Rng, enterprise: u32, contract: Option<u32>) -> u32 {
    let id = world.next.unit;
    world.next.unit += 1;
    let name = match rng.u32(0..3) {
        0 => format!("LT {:03}", id % 1_000),
        1 => format!("CASA {}", id % 1_000),
        _ => format!("AP {}{:02}", id % 30 + 1, id % 8 + 1),
    };
    world.units.insert(
        id,
        Unit {
            id,
            enterprise,
            name,
            contract,
            area: rng.u32(4_000..25_000),
        },
    );
    id
}

/// One of several.
pub fn pick<T: Copy>(rng: &mut Rng, options: &[T]) -> T {
    options[rng.usize(0..options.len())]
}

/// So many days before.
pub fn back(date: Date, days: i64) -> Date {
    date.saturating_sub(days.days())
}

/// So many months later; a due day past the month's end falls on its last day.
pub fn months_later(date: Date, months: u32) -> Date {
    date.saturating_add(Span::new().months(i64::from(months)))
}

/// A document number for a bill entered by hand.
pub fn loose_document(rng: &mut Rng) -> (Cow<'static, str>, String) {
    let document = pick(rng, &["NF", "REC", "NF", "AV"]);
    (Cow::Borrowed(document), rng.u32(100..99_999).to_string())
}
