//! Agreements: the machine, the rules, the texts.

mod claims;
mod drafts;
mod machine;
mod payments;
mod reviews;
mod support;
mod words;
