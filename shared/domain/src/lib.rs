//! Ponte's rules, pure: no clock, no environment, no network and no database. Dates, settings and answers are arguments.
//!
//! Floors, each using only those below it:
//!
//! 5. [`settings`]: the operators' parameters, parsed once;
//! 4. [`agreement`]: what a debtor and the collectors agreed on, and its life from proposal to payment;
//! 3. [`calculation`]: what a debtor owes and why; [`portfolio`]: what is held, and its comparison with what Sienge shows;
//! 2. [`ids`] and [`documents`];
//! 1. [`money`], [`calendar`], [`text`], [`mask`], [`digest`].

pub mod agreement;
pub mod calculation;
pub mod calendar;
pub mod digest;
pub mod documents;
pub mod ids;
pub mod mask;
pub mod money;
pub mod portfolio;
pub mod settings;
pub mod text;
