//! How a bulk answer is written.

use serde::Serialize;
use serde_json::Value;

use super::Order;
use crate::api::shapes::without_nulls;
use crate::api::{Missing, Odd, Shapes};

/// Places `from..until` in an answer's plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// First.
    pub from: usize,
    /// One past the last; none = to the end.
    pub until: Option<usize>,
}

/// How a slice is written.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Field shapes.
    pub shapes: Shapes,
    /// Rows to leave out.
    pub missing: Option<Missing>,
    /// Rows that come odd.
    pub odd: Option<Odd>,
    /// In which order they come.
    pub order: Order,
}

/// Rows written so far, as JSON with commas between.
#[derive(Debug, Default)]
pub struct Rows {
    /// The JSON text.
    pub buffer: Vec<u8>,
    /// How many rows were ever written.
    pub count: usize,
    /// Rows that come odd.
    pub odd: Option<Odd>,
}

impl Rows {
    /// Writes one row; in documented shapes unset fields are left out.
    pub(super) fn push(
        &mut self,
        row: &impl Serialize,
        shapes: Shapes,
        adjust: impl Fn(&mut Value),
    ) {
        if shapes == Shapes::Production && self.odd.is_none() {
            return self.write(row);
        }
        let mut value = serde_json::to_value(row).unwrap_or_default();
        if shapes == Shapes::Documented {
            value = without_nulls(value);
            adjust(&mut value);
        }
        match self.odd.take() {
            None => self.write(&value),
            Some(odd) => {
                for row in odd.row(&value) {
                    self.write(&row);
                }
                self.odd = Some(odd);
            }
        }
    }

    fn write(&mut self, row: &impl Serialize) {
        if self.count > 0 {
            self.buffer.push(b',');
        }
        self.count += 1;
        let written = serde_json::to_writer(&mut self.buffer, row);
        debug_assert!(written.is_ok(), "rows are plain data and always serialise");
    }
}

impl Manner {
    pub(super) fn keeps(&self, bill: u32, installment: u32) -> bool {
        self.missing
            .as_ref()
            .is_none_or(|missing| !missing.hits(bill, installment))
    }
}
