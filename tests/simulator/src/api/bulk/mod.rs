//! Bulk resources. An answer is written bill by bill into a buffer, so that whoever sends it
//! needs never hold more than a slice.

mod defaulters;
mod extract;
mod income;
mod order;

use serde::Serialize;
use serde_json::Value;

use super::shapes::without_nulls;
use super::{ApiError, Missing, Odd, Query, Shapes};
use crate::world::{Bill, World};

pub use order::{Order, Piece};

/// A slice looks at no more parts than this, so that nobody waits long for the world.
const PIECES_PER_SLICE: usize = 2_000;

/// Places `from..until` in an answer's plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// First.
    pub from: usize,
    /// One past the last; none = to the end.
    pub until: Option<usize>,
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

    /// Writes the parts within `span` until about `bytes` are written or many parts were looked at; says where to go on.
    pub fn slice(&self, world: &World, plan: &[Piece], span: Span, manner: &Manner, bytes: usize, rows: &mut Rows) -> Option<usize> {
        let end = span.until.map_or(plan.len(), |until| until.min(plan.len()));
        let last = end.min(span.from.saturating_add(PIECES_PER_SLICE));
        for (place, piece) in plan.iter().enumerate().take(last).skip(span.from) {
            if let Some(bill) = world.bills.get(&piece.bill) {
                self.write(world, bill, piece.installment, manner, rows);
            }
            if rows.buffer.len() >= bytes {
                return Some(place + 1).filter(|next| *next < end);
            }
        }
        Some(last).filter(|next| *next < end)
    }

    fn bills(&self) -> Option<&[u32]> {
        match self {
            Self::Income(filter) => filter.bills.as_deref(),
            Self::Extract(filter) => filter.bills.as_deref(),
            Self::Defaulters(filter) => filter.bills.as_deref(),
        }
    }

    fn write(&self, world: &World, bill: &Bill, installment: Option<u32>, manner: &Manner, rows: &mut Rows) {
        match self {
            Self::Income(filter) => filter.write(world, bill, installment, manner, rows),
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
