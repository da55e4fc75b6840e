//! The order of a bulk answer's rows. Which one the ERP takes is documented nowhere: it may be any.

use std::str::FromStr;

/// In which order the rows of bulk answers come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Bill by bill.
    #[default]
    Bill,
    /// By due date; of rows that are bills, that of the bill's first installment.
    Due,
    /// Shuffled by a seed.
    Shuffled(u64),
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.split_once(':') {
            None if text == "bill" => Ok(Self::Bill),
            None if text == "due" => Ok(Self::Due),
            Some(("shuffled", seed)) => seed.parse().map(Self::Shuffled).map_err(drop),
            _ => Err(()),
        }
    }
}

/// A part of an answer: all of a bill, or the row of one of its installments.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// The bill.
    pub bill: u32,
    /// The installment.
    pub installment: Option<u32>,
}
