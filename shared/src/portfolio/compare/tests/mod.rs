//! Table tests, one file per group of rules, and the properties over a model of Sienge.

mod assignment;
mod bill;
mod installments;
mod payments;
mod renegotiation;
mod support;
