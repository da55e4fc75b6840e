//! The core's behaviour: the worked example to the cent, rules one by one, bad input, and properties over everything.

mod bad_input;
mod campaigns;
mod difference;
mod discounts;
mod example;
mod oracles;
mod payments;
mod plans;
mod properties;
mod strategies;
mod support;
mod texts;
