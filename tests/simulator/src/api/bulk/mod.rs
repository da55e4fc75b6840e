//! Bulk resources. An answer is written bill by bill into a buffer, so that whoever sends it
//! needs never hold more than a slice.

mod defaulters;
mod extract;
mod income;
mod manner;
mod order;
mod plan;
mod question;

pub use manner::{Manner, Rows, Span};
pub use order::{Order, Piece};
pub use question::Bulk;
