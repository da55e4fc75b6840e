//! The steps by which a reconciliation reads everything that is not an installment.

use serde::{Deserialize, Serialize};

/// Rows of a list read in one step: ten pages.
pub(super) const ROWS_IN_A_STEP: usize = 2_000;

/// Progress of reading all records of a creditor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AllRecords {
    /// Enterprises and their units come next.
    #[default]
    Enterprises,
    /// Sales contracts, after the number already read.
    SalesContracts(usize),
    /// Customers, after the number already read.
    Customers(usize),
    /// All are read.
    Done,
}

impl AllRecords {
    /// The next step, after one that listed this many rows.
    pub(super) const fn after(self, listed: usize) -> Self {
        match self {
            Self::Enterprises => Self::SalesContracts(0),
            Self::SalesContracts(skip) if listed == ROWS_IN_A_STEP => {
                Self::SalesContracts(skip + listed)
            }
            Self::SalesContracts(_) => Self::Customers(0),
            Self::Customers(skip) if listed == ROWS_IN_A_STEP => Self::Customers(skip + listed),
            Self::Customers(_) | Self::Done => Self::Done,
        }
    }

    /// Remaining steps, if each list is short.
    pub(super) const fn steps_left(self) -> u32 {
        match self {
            Self::Enterprises => 3,
            Self::SalesContracts(_) => 2,
            Self::Customers(_) => 1,
            Self::Done => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_until_a_step_finds_it_shorter_than_itself() {
        let steps = [0, ROWS_IN_A_STEP, ROWS_IN_A_STEP, 0, ROWS_IN_A_STEP, 1];
        let mut taken = vec![AllRecords::default()];
        for listed in steps {
            taken.push(taken[taken.len() - 1].after(listed));
        }
        let expected = [
            AllRecords::Enterprises,
            AllRecords::SalesContracts(0),
            AllRecords::SalesContracts(2_000),
            AllRecords::SalesContracts(4_000),
            AllRecords::Customers(0),
            AllRecords::Customers(2_000),
            AllRecords::Done,
        ];
        assert_eq!(taken, expected);
    }
}
