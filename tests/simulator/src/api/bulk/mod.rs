//! Bulk resources. An answer is written bill by bill into a buffer, so that whoever sends it
//! needs never hold more than a slice; a bill is always whole within its slice.

mod defaulters;
mod extract;
mod income;

use std::ops::Bound;

use serde::Serialize;
use serde_json::Value;

use super::shapes::without_nulls;
use super::{ApiError, Missing, Odd, Query, Shapes};
use crate::world::{Bill, World};

/// A slice looks at no more bills than this, so that nobody waits long for the world.
const BILLS_PER_SLICE: usize = 2_000;

/// Bill ids `from..until`.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// First.
    pub from: u32,
    /// One past the last; none = to the end.
    pub until: Option<u32>,
}

/// A bulk question, read and checked.
#[derive(Clone, Debug)]
pub enum Bulk {
    /// `income` and `income/by-bills`.
    Income(income::Filter),
    /// `customer-extract-history`.
    Extract(extract::Filter),
    /// `defaulters-receivable-bills`.
    Defaulters(defaulters::Filter),
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
    fn push(&mut self, row: &impl Serialize, shapes: Shapes, adjust: impl Fn(&mut Value)) {
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

impl Bulk {
    /// Reads a bulk question. `path` is what follows `/bulk-data/v1/`, split at the slashes.
    pub fn read(path: &[&str], query: &Query, world: &World) -> Result<Self, ApiError> {
        match path {
            ["income"] => income::Filter::by_period(query, world.today).map(Self::Income),
            ["income", "by-bills"] => income::Filter::by_bills(query, world.today).map(Self::Income),
            ["customer-extract-history"] => extract::Filter::read(query, world.today).map(Self::Extract),
            ["defaulters-receivable-bills"] => defaulters::Filter::read(query, world.today).map(Self::Defaulters),
            _ => Err(ApiError::status(404)),
        }
    }

    /// Whether the documents give this question a 404 when nothing is found.
    pub fn documented_not_found(&self) -> bool {
        matches!(self, Self::Income(_))
    }

    /// Writes the rows of bills within `from..until` until about `bytes` are written or many bills
    /// were looked at; says where to go on.
    pub fn slice(&self, world: &World, span: Span, manner: &Manner, bytes: usize, rows: &mut Rows) -> Option<u32> {
        let inside = |id: &u32| *id >= span.from && span.until.is_none_or(|end| *id < end);
        let mut seen = 0;
        if let Some(wanted) = self.bills() {
            for id in wanted.iter().filter(|id| inside(id)) {
                if let Some(bill) = world.bills.get(id) {
                    self.write(world, bill, manner, rows);
                }
                if rows.buffer.len() >= bytes {
                    return id.checked_add(1);
                }
            }
            return None;
        }
        let range = (Bound::Included(span.from), Bound::Unbounded);
        for (id, bill) in world.bills.range::<u32, _>(range).take_while(|(id, _)| inside(id)) {
            self.write(world, bill, manner, rows);
            seen += 1;
            if rows.buffer.len() >= bytes || seen >= BILLS_PER_SLICE {
                return id.checked_add(1);
            }
        }
        None
    }

    fn bills(&self) -> Option<&[u32]> {
        match self {
            Self::Income(filter) => filter.bills.as_deref(),
            Self::Extract(filter) => filter.bills.as_deref(),
            Self::Defaulters(filter) => filter.bills.as_deref(),
        }
    }

    fn write(&self, world: &World, bill: &Bill, manner: &Manner, rows: &mut Rows) {
        match self {
            Self::Income(filter) => filter.write(world, bill, manner, rows),
            Self::Extract(filter) => filter.write(world, bill, manner, rows),
            Self::Defaulters(filter) => filter.write(world, bill, manner, rows),
        }
    }
}

impl Manner {
    fn keeps(&self, bill: u32, installment: u32) -> bool {
        self.missing.as_ref().is_none_or(|missing| !missing.hits(bill, installment))
    }
}
