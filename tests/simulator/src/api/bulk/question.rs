//! What is asked of a bulk resource, and its answer bill by bill.

use super::{Manner, Piece, Rows, Span, defaulters, extract, income};
use crate::api::{ApiError, Query};
use crate::world::{Bill, World};

/// A slice looks at no more parts than this, so that nobody waits long for the world.
const PIECES_PER_SLICE: usize = 2_000;

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

impl Bulk {
    /// Reads a bulk question. `path` is what follows `/bulk-data/v1/`, split at the slashes.
    pub fn read(path: &[&str], query: &Query, world: &World) -> Result<Self, ApiError> {
        match path {
            ["income"] => income::Filter::by_period(query, world.today).map(Self::Income),
            ["income", "by-bills"] => {
                income::Filter::by_bills(query, world.today).map(Self::Income)
            }
            ["customer-extract-history"] => {
                extract::Filter::read(query, world.today).map(Self::Extract)
            }
            ["defaulters-receivable-bills"] => {
                defaulters::Filter::read(query, world.today).map(Self::Defaulters)
            }
            _ => Err(ApiError::status(404)),
        }
    }

    /// Whether the documents give this question a 404 when nothing is found.
    pub fn documented_not_found(&self) -> bool {
        matches!(self, Self::Income(_))
    }

    /// Writes the parts within `span` until about `bytes` are written or many parts were looked at; says where to go on.
    pub fn slice(
        &self,
        world: &World,
        plan: &[Piece],
        span: Span,
        manner: &Manner,
        bytes: usize,
        rows: &mut Rows,
    ) -> Option<usize> {
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

    pub(super) fn bills(&self) -> Option<&[u32]> {
        match self {
            Self::Income(filter) => filter.bills.as_deref(),
            Self::Extract(filter) => filter.bills.as_deref(),
            Self::Defaulters(filter) => filter.bills.as_deref(),
        }
    }

    fn write(
        &self,
        world: &World,
        bill: &Bill,
        installment: Option<u32>,
        manner: &Manner,
        rows: &mut Rows,
    ) {
        match self {
            Self::Income(filter) => filter.write(world, bill, installment, manner, rows),
            Self::Extract(filter) => filter.write(world, bill, manner, rows),
            Self::Defaulters(filter) => filter.write(world, bill, manner, rows),
        }
    }
}
