//! Which source to read a bill from: REST or bulk by bills. Pure.

use super::ports::Remaining;
use crate::ids::{BillId, CustomerId};

/// Bills in one bulk call: about 1 KB of address, far below every gateway's limit.
pub const BILLS_PER_CALL: usize = 100;

/// A bill to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillRead {
    /// The bill.
    pub bill: BillId,
    /// Its customer, when known; an unknown bill is read in bulk.
    pub customer: Option<CustomerId>,
    /// Whether the boletos are wanted; only REST has them.
    pub boleto: bool,
    /// The source of the first read, for a second one.
    pub answered_by: Option<Source>,
}

/// Where an observation comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Bill, installments and statement: three REST calls a bill.
    Rest,
    /// `income/by-bills`: one bulk call for [`BILLS_PER_CALL`] bills.
    Bulk,
}

/// Which reads go where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadPlan {
    /// By REST.
    pub rest: Vec<BillRead>,
    /// By bulk.
    pub bulk: Vec<BillRead>,
}

/// REST calls per bill.
const REST_CALLS_PER_BILL: u64 = 3;
/// The share of the remaining REST quota that reads for boletos may take, in millionths.
const BOLETO_SHARE: u64 = 500_000;

/// Chooses the source that takes the smaller share of what is left of its own minute's and day's quota.
///
/// Few bills with a known customer, or with boletos wanted, go by REST; many, or unknown ones, in bulk. When one
/// quota is used up, the other serves as far as it goes.
#[must_use]
pub fn choose_source(reads: &[BillRead], remaining: Remaining) -> ReadPlan {
    let mut plan = ReadPlan::default();
    let (wanting, rest): (Vec<BillRead>, Vec<BillRead>) =
        reads.iter().partition(|read| read.boleto);
    let (others, unknown): (Vec<BillRead>, Vec<BillRead>) =
        rest.into_iter().partition(|read| read.customer.is_some());
    plan.bulk = unknown;
    for read in wanting {
        if rest_share(plan.rest.len() + 1, remaining) <= BOLETO_SHARE {
            plan.rest.push(read);
        } else {
            plan.bulk.push(read);
        }
    }
    // A bulk call that is made anyway takes the others along for free.
    let cheaper_by_rest =
        rest_share(plan.rest.len() + others.len(), remaining) < bulk_share(others.len(), remaining);
    if plan.bulk.is_empty() && cheaper_by_rest {
        plan.rest.extend(others);
    } else {
        plan.bulk.extend(others);
    }
    if bulk_share(plan.bulk.len(), remaining) == u64::MAX {
        let room = rest_room(remaining).saturating_sub(plan.rest.len());
        let moved = plan.bulk.len().min(room);
        plan.rest.extend(plan.bulk.drain(..moved));
    }
    plan
}

/// Chooses for a second, independent read: the source that did not answer the first, as far as its quota goes.
#[must_use]
pub fn choose_other(reads: &[BillRead], remaining: Remaining) -> ReadPlan {
    let mut plan = ReadPlan::default();
    let bulk_is_open = bulk_share(reads.len(), remaining) != u64::MAX;
    let mut room = rest_room(remaining);
    for read in reads {
        let wanted = match read.answered_by {
            Some(Source::Bulk) => Source::Rest,
            None if reads.len() <= 3 => Source::Rest,
            Some(Source::Rest) | None => Source::Bulk,
        };
        let by_rest = match wanted {
            Source::Rest => room > 0,
            Source::Bulk => !bulk_is_open && room > 0,
        };
        if by_rest {
            room -= 1;
            plan.rest.push(*read);
        } else {
            plan.bulk.push(*read);
        }
    }
    plan
}

/// Bills for which REST has room.
fn rest_room(remaining: Remaining) -> usize {
    let left = u64::from(remaining.rest_minute.min(remaining.rest_day));
    usize::try_from(left / REST_CALLS_PER_BILL).unwrap_or(usize::MAX)
}

fn rest_share(bills: usize, remaining: Remaining) -> u64 {
    let calls = bills as u64 * REST_CALLS_PER_BILL;
    share(calls, remaining.rest_minute).max(share(calls, remaining.rest_day))
}

fn bulk_share(bills: usize, remaining: Remaining) -> u64 {
    let calls = bills.div_ceil(BILLS_PER_CALL) as u64;
    share(calls, remaining.bulk_minute).max(share(calls, remaining.bulk_day))
}

/// Calls as a share of what is left, in millionths; the maximum when they do not fit.
fn share(calls: u64, left: u32) -> u64 {
    if calls == 0 {
        0
    } else if calls > u64::from(left) {
        u64::MAX
    } else {
        calls * 1_000_000 / u64::from(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULTIMATE: Remaining = Remaining {
        rest_minute: 200,
        bulk_minute: 20,
        rest_day: 75_000,
        bulk_day: 28_800,
    };

    fn reads(count: i64) -> Vec<BillRead> {
        (1..=count)
            .map(|bill| BillRead {
                bill: BillId(bill),
                customer: Some(CustomerId(1)),
                boleto: false,
                answered_by: None,
            })
            .collect()
    }

    fn sizes(reads: &[BillRead], remaining: Remaining) -> (usize, usize) {
        let plan = choose_source(reads, remaining);
        (plan.rest.len(), plan.bulk.len())
    }

    #[test]
    fn few_bills_go_by_rest_and_many_in_bulk() {
        assert_eq!(sizes(&reads(1), ULTIMATE), (1, 0));
        assert_eq!(sizes(&reads(3), ULTIMATE), (3, 0));
        assert_eq!(sizes(&reads(4), ULTIMATE), (0, 4));
        assert_eq!(sizes(&reads(500), ULTIMATE), (0, 500));
        assert_eq!(sizes(&[], ULTIMATE), (0, 0));
    }

    #[test]
    fn a_small_package_saves_its_bulk_calls() {
        let small = Remaining {
            rest_day: 5_000,
            bulk_day: 4,
            ..ULTIMATE
        };
        assert_eq!(sizes(&reads(10), small), (10, 0));
        assert_eq!(sizes(&reads(60), small), (0, 60));
    }

    #[test]
    fn an_unknown_bill_goes_in_bulk_and_takes_the_others_along() {
        let mut mixed = reads(2);
        mixed[0].customer = None;
        assert_eq!(sizes(&mixed, ULTIMATE), (0, 2));
    }

    #[test]
    fn the_boletos_of_an_unknown_bill_are_asked_for_by_rest_too() {
        let read = BillRead {
            bill: BillId(7),
            customer: None,
            boleto: true,
            answered_by: None,
        };
        let plan = choose_source(&[read], ULTIMATE);
        assert_eq!((plan.rest.len(), plan.bulk.len()), (1, 0));
    }

    #[test]
    fn boletos_go_by_rest_up_to_half_of_what_is_left() {
        let mut wanting = reads(40);
        for read in &mut wanting {
            read.boleto = true;
        }
        assert_eq!(sizes(&wanting, ULTIMATE), (33, 7));
    }

    #[test]
    fn where_one_quota_is_used_up_the_other_serves() {
        let no_bulk = Remaining {
            bulk_day: 0,
            ..ULTIMATE
        };
        assert_eq!(sizes(&reads(100), no_bulk), (66, 34));
        let mut unknown = reads(2);
        unknown[0].customer = None;
        assert_eq!(sizes(&unknown, no_bulk), (2, 0));
        let no_rest = Remaining {
            rest_minute: 2,
            ..ULTIMATE
        };
        assert_eq!(sizes(&reads(1), no_rest), (0, 1));
    }

    #[test]
    fn every_look_goes_exactly_one_way() {
        for count in [1, 2, 7, 99, 101, 350] {
            for remaining in [
                ULTIMATE,
                Remaining {
                    bulk_minute: 0,
                    ..ULTIMATE
                },
                Remaining {
                    rest_day: 5,
                    ..ULTIMATE
                },
            ] {
                let plan = choose_source(&reads(count), remaining);
                let mut bills: Vec<i64> = plan
                    .rest
                    .iter()
                    .chain(&plan.bulk)
                    .map(|read| read.bill.0)
                    .collect();
                bills.sort_unstable();
                assert_eq!(bills, (1..=count).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_confirmation_asks_the_other_source() {
        let read = reads(1)[0];
        let plan = |answered_by, remaining| {
            choose_other(
                &[BillRead {
                    answered_by,
                    ..read
                }],
                remaining,
            )
        };
        assert_eq!(plan(Some(Source::Bulk), ULTIMATE).rest.len(), 1);
        assert_eq!(plan(Some(Source::Rest), ULTIMATE).bulk.len(), 1);
        assert_eq!(plan(None, ULTIMATE).rest.len(), 1);
        let no_rest = Remaining {
            rest_day: 1,
            ..ULTIMATE
        };
        assert_eq!(plan(Some(Source::Bulk), no_rest).bulk.len(), 1);
        let no_bulk = Remaining {
            bulk_minute: 0,
            ..ULTIMATE
        };
        assert_eq!(plan(Some(Source::Rest), no_bulk).rest.len(), 1);
    }
}
