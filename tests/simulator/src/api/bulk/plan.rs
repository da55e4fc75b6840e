//! The parts of a bulk answer, in its order.

use fastrand::Rng;
use jiff::civil::Date;

use super::{Bulk, Order, Piece};
use crate::world::World;

impl Bulk {
    /// The parts of an answer, in its order.
    pub fn plan(&self, world: &World, order: Order) -> Vec<Piece> {
        let bills: Vec<u32> = match self.bills() {
            Some(wanted) => wanted.to_vec(),
            None => world.bills.keys().copied().collect(),
        };
        let whole = |bill| Piece {
            bill,
            installment: None,
        };
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
                parts.extend(
                    rows.map(|row| row.due)
                        .min()
                        .map(|due| (due, whole(bill.id))),
                );
            }
        }
        match order {
            Order::Shuffled(seed) => Rng::with_seed(seed).shuffle(&mut parts),
            Order::Bill | Order::Due => {
                parts.sort_by_key(|(due, piece)| (*due, piece.bill, piece.installment));
            }
        }
        parts.into_iter().map(|(_, piece)| piece).collect()
    }
}
