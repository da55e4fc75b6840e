//! What a comparison stands on.

use super::view::View;
use crate::calendar::Date;
use crate::portfolio::{HeldBill, Policy, Scope};

/// A bill as held and as seen, and what may be done about it.
pub(super) struct Comparison<'a> {
    pub(super) held: &'a HeldBill,
    pub(super) view: &'a View<'a>,
    pub(super) scope: Scope,
    pub(super) policy: &'a Policy<'a>,
    pub(super) today: Date,
}
