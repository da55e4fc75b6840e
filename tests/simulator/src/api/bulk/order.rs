//! The order of a bulk answer's rows. Which one the ERP takes is documented nowhere: it may be any.

use std::str::FromStr;

use fastrand::Rng;
use jiff::civil::Date;

use super::Bulk;
use crate::world::World;

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

impl Bulk {
    /// The parts of an answer, in its order.
    pub fn plan(&self, world: &World, order: Order) -> Vec<Piece> {
        let bills: Vec<u32> = match self.bills() {
            Some(wanted) => wanted.to_vec(),
            None => world.bills.keys().copied().collect(),
        };
        let whole = |bill| Piece { bill, installment: None };
        if order == Order::Bill {
            return bills.into_iter().map(whole).collect();
        }
        let mut parts: Vec<(Date, Piece)> = Vec::new();
        for bill in bills.iter().filter_map(|id| world.bills.get(id)) {
            let rows = bill.installments.iter();
            if let Self::Income(filter) = self {
                let wanted = rows.filter(|row| filter.wants_row(bill, row));
                parts.extend(wanted.map(|row| {
                    let installment = Some(row.id);
                    (
                        row.due,
                        Piece {
                            bill: bill.id,
                            installment,
                        },
                    )
                }));
            } else {
                parts.extend(rows.map(|row| row.due).min().map(|due| (due, whole(bill.id))));
            }
        }
        match order {
            Order::Shuffled(seed) => Rng::with_seed(seed).shuffle(&mut parts),
            Order::Bill | Order::Due => parts.sort_by_key(|(due, piece)| (*due, piece.bill, piece.installment)),
        }
        parts.into_iter().map(|(_, piece)| piece).collect()
    }
}
