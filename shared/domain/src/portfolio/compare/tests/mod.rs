//! Table tests, one file per group of rules, and the properties over a model of Sienge.

mod agreements;
mod assignment;
mod bill;
mod crash;
mod installments;
mod model;
mod news;
mod oddities;
mod payments;
mod properties;
mod renegotiation;
mod says_all;
mod settlements;
mod support;
