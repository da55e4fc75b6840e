//! The Sienge client.

mod ports;

pub use ports::{CallLog, CallRecord, Lane, Priority, Quota, QuotaRefusal, Remaining};
