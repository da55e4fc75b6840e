//! What an answer depends on besides its question.

use super::Query;
use crate::world::World;

/// Which field shapes to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shapes {
    /// As observed in production.
    Production,
    /// As the vendor documents them.
    Documented,
}

/// Rows that one answer leaves out (a fault).
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// Share of the rows, in hundredths.
    pub percent: u32,
    /// Rows by name: `bill/installment`, or the id alone (all rows of that bill).
    pub ids: Vec<String>,
    /// Varies which rows a share hits.
    pub salt: u64,
}

impl Missing {
    /// Whether the row goes.
    pub fn hits(&self, id: u32, part: u32) -> bool {
        if self
            .ids
            .iter()
            .any(|name| *name == id.to_string() || *name == format!("{id}/{part}"))
        {
            return true;
        }
        let key = u64::from(id) << 32 | u64::from(part);
        let mut rng = fastrand::Rng::with_seed(self.salt ^ key.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        self.percent > 0 && rng.u32(0..100) < self.percent
    }
}

/// What a request is answered from.
pub struct Context<'a> {
    /// The world.
    pub world: &'a World,
    /// The request's parameters.
    pub query: &'a Query,
    /// Field shapes.
    pub shapes: Shapes,
    /// Rows to leave out.
    pub missing: Option<&'a Missing>,
}

impl Context<'_> {
    /// Whether a row stays in the answer.
    pub fn keeps(&self, id: u32, part: u32) -> bool {
        self.missing.is_none_or(|missing| !missing.hits(id, part))
    }

    /// Documented shapes asked for.
    pub fn documented(&self) -> bool {
        self.shapes == Shapes::Documented
    }
}
