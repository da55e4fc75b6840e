//! Which file of the workspace uses names that another file defines: the arrows of the house.
//!
//! Read from the sources alone. A re-export (`pub use`) hands a name on and is no arrow: whoever uses the name has one to the file that
//! defines it. Code under `#[cfg(test)]` is left out.

mod arrows;
mod crates;
mod module;

pub use arrows::{Arrow, arrows, circles};
pub use crates::{Root, roots};
