//! Ponte keeps a debt-collection portfolio and the construction ERP **Sienge** telling the same story.
//!
//! One idea carries everything: **observe, compare, commit**. Webhooks, the daily import, the payments run and the
//! reconciliation (batimento) only decide *what to read*; each then reads what Sienge says now (an
//! [`portfolio::Observation`]), the pure [`portfolio::compare()`] turns it and the held state into changes, and the
//! store commits them conditionally, together with their timeline events.
//!
//! The rooms and the direction in which they use each other are drawn in `docs/architecture.md` and held by `tests/rooms`.
//! The pure ones are a crate of their own, `ponte-domain`, whose modules are re-exported here.

pub mod aws;
pub mod cache;
pub mod flow;
pub mod intake;
pub mod refusal;
pub mod sienge;
pub mod store;
pub mod sync;
pub mod telemetry;

pub use ponte_domain::{
    agreement, calculation, calendar, digest, documents, ids, mask, money, portfolio, settings,
    text,
};
