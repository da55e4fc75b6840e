//! Why a bill is read: whether some news wants a read, and whether a read shows what it was for.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::calendar::Timestamp;
use crate::ids::{BillId, InstallmentId};
use crate::intake::Hints;
use crate::portfolio::{Critique, HeldBill, Observation};

/// Sienge tells of some changes before a read shows them: one that began so long after the news does.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// Bills to read, and why.
pub type Requests = BTreeMap<BillId, ReadRequest>;

/// Why a bill is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// Its boletos are of interest.
    pub boleto: bool,
    /// Whether boletos were generated, as another source told just before: not every one tells it.
    pub boletos: BTreeMap<InstallmentId, bool>,
    /// Installments that Sienge told of: an answer that does not show them all may be a short one, and is followed by a second look.
    pub installments: BTreeSet<InstallmentId>,
    /// Installments that Sienge told to be removed, and when: a read that began within half a minute may show them still.
    pub gone: BTreeMap<InstallmentId, Timestamp>,
    /// What there is to know is news of these installments, which were there before, told then at the latest: a read of the whole bill
    /// that began half a minute later and was committed will do, if it showed them. `None`: the bill is read in any case.
    pub told_at: Option<Timestamp>,
}

impl ReadRequest {
    /// The bill is read in any case, its boletos with it.
    #[must_use]
    pub fn with_boletos() -> Self {
        Self {
            boleto: true,
            ..Self::default()
        }
    }

    /// Of news that came at an instant.
    #[must_use]
    pub fn of(hints: &Hints, received_at: Timestamp) -> Self {
        Self {
            boleto: hints.boleto,
            boletos: BTreeMap::new(),
            installments: hints.installment.into_iter().collect(),
            gone: hints.gone.map(|id| (id, received_at)).into_iter().collect(),
            told_at: hints.was_there.then_some(received_at),
        }
    }

    /// Asks for what another one asks for, too.
    pub fn join(&mut self, other: &Self) {
        self.boleto |= other.boleto;
        self.boletos.extend(&other.boletos);
        self.installments.extend(&other.installments);
        for (id, told_at) in &other.gone {
            let newest = self.gone.entry(*id).or_insert(*told_at);
            *newest = (*newest).max(*told_at);
        }
        self.told_at = self
            .told_at
            .zip(other.told_at)
            .map(|(one, other)| one.max(other));
    }

    /// Whether what is held knows it already.
    #[must_use]
    pub fn is_met_by(&self, held: &HeldBill) -> bool {
        let (Some(told_at), Some(read_at)) = (self.told_at, held.read_at) else {
            return false;
        };
        // A death may have left a commit half done, or agreements unreviewed after it: a read makes both good.
        let all_is_done = held.pending_events.is_empty() && held.claims.live.is_empty();
        // An answer that left an installment out is not known for it as long as we do not hold that one.
        all_is_done
            && is_shown(told_at, read_at)
            && self.installments.iter().all(|id| held.holds(*id))
    }

    /// A look with what was told before and it does not tell.
    #[must_use]
    pub fn completes(&self, mut seen: Observation) -> Observation {
        let shown: BTreeSet<InstallmentId> = seen.installments.iter().map(|row| row.id).collect();
        for (id, generated) in self.boletos.iter().filter(|(id, _)| shown.contains(id)) {
            seen.boletos.entry(*id).or_insert(*generated);
        }
        seen
    }

    /// Whether a look did not show what it was for. A bill that neither Sienge shows nor we hold is none of ours.
    #[must_use]
    pub fn misses_in(&self, seen: &Observation, is_held: bool) -> bool {
        let shows = |id: &InstallmentId| {
            seen.unread.contains_key(id) || seen.installments.iter().any(|row| row.id == *id)
        };
        (seen.header.is_some() || is_held) && !self.installments.iter().all(shows)
    }

    /// What of the news a look shows and could not read.
    #[must_use]
    pub fn is_unread_in(&self, seen: &Observation) -> Option<Critique> {
        let bill = seen.bill;
        let mut news = self.installments.iter().chain(self.gone.keys());
        if let Some((installment, unread)) = news.find_map(|id| seen.unread.get_key_value(id)) {
            let (installments, why) = (vec![*installment], unread.why.to_string());
            return Some(Critique::InstallmentsUnread {
                bill,
                installments,
                why,
            });
        }
        let why = seen.gap?.to_string();
        Some(Critique::BillUnread { bill, why })
    }

    /// Whether a look shows, open, what it was told to be removed, and began so early that it may not be true any more.
    #[must_use]
    pub fn is_too_early(&self, seen: &Observation, began: Timestamp) -> bool {
        let early = |id: &InstallmentId| {
            self.gone
                .get(id)
                .is_some_and(|told_at| !is_shown(*told_at, began))
        };
        seen.installments
            .iter()
            .any(|row| !row.balance.is_zero() && early(&row.id))
    }
}

/// Whether a read that began then shows what was told before.
fn is_shown(told_at: Timestamp, read_at: Timestamp) -> bool {
    told_at
        .saturating_add(SHOWN_AFTER)
        .is_ok_and(|shown| shown < read_at)
}

/// Bills to read, whatever was read before.
#[must_use]
pub fn whole<'a>(bills: impl IntoIterator<Item = &'a BillId>) -> Requests {
    bills
        .into_iter()
        .map(|bill| (*bill, ReadRequest::default()))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::money::Cents;
    use jiff::civil::date;

    use super::*;
    use crate::ids::{AgreementId, CustomerId};
    use crate::portfolio::{
        Claim, ContractKey, Coverage, EventKind, Installment, InstallmentState,
        ObservedInstallment, TimelineEvent,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn contract() -> ContractKey {
        ContractKey {
            bill: BillId(1),
            document_type: "CT".into(),
            customer: CustomerId(1),
        }
    }

    /// With installment 1, read whole at an instant.
    fn held(read_at: Option<i64>) -> HeldBill {
        let installment = Installment {
            contract: contract(),
            creditor: crate::ids::CreditorId(1),
            id: InstallmentId(1),
            negotiation: 1,
            label: None,
            due_on: date(2026, 11, 20),
            condition: "PM".to_owned(),
            original: Cents::new(100),
            balance: Cents::new(100),
            boleto: false,
            receipts: Vec::new(),
            state: InstallmentState::Open,
            revision: 1,
        };
        let mut held = HeldBill::of([], [installment]);
        held.read_at = read_at.map(at);
        held
    }

    /// News of installments.
    fn told(second: i64, of: &[i64]) -> ReadRequest {
        ReadRequest {
            installments: of.iter().copied().map(InstallmentId).collect(),
            told_at: Some(at(second)),
            ..ReadRequest::default()
        }
    }

    /// News that an installment was removed.
    fn removed(second: i64, id: i64) -> ReadRequest {
        ReadRequest {
            gone: BTreeMap::from([(InstallmentId(id), at(second))]),
            ..ReadRequest::default()
        }
    }

    #[test]
    fn a_removal_is_looked_for_again_when_a_read_so_soon_shows_the_installment_still() {
        let row = |id: i64, balance: Cents| ObservedInstallment {
            id: InstallmentId(id),
            label: None,
            due_on: date(2026, 11, 20),
            condition: "PM".to_owned(),
            original: Cents::new(100),
            balance,
            receipts: Vec::new(),
        };
        let seen = Observation {
            bill: BillId(1),
            header: None,
            installments: vec![row(1, Cents::new(100)), row(2, Cents::ZERO)],
            unread: BTreeMap::new(),
            gap: None,
            boletos: BTreeMap::new(),
            coverage: Coverage::WholeOnce,
        };
        assert!(removed(100, 1).is_too_early(&seen, at(130)));
        assert!(
            !removed(100, 1).is_too_early(&seen, at(131)),
            "it is there again, or still"
        );
        assert!(
            !removed(100, 2).is_too_early(&seen, at(100)),
            "nothing is owed of it"
        );
        assert!(
            !removed(100, 3).is_too_early(&seen, at(100)),
            "it is not shown"
        );
        let mut twice = removed(100, 1);
        twice.join(&removed(140, 1));
        twice.join(&removed(90, 1));
        assert!(twice.is_too_early(&seen, at(131)));
    }

    #[test]
    fn a_read_that_began_after_the_news_will_do() {
        assert!(told(100, &[1]).is_met_by(&held(Some(131))));
        assert!(
            !told(100, &[1]).is_met_by(&held(Some(130))),
            "Sienge may not have shown it yet"
        );
        assert!(!told(100, &[1]).is_met_by(&held(None)), "never read whole");
        assert!(
            !told(100, &[1, 2]).is_met_by(&held(Some(131))),
            "it did not show them"
        );
        assert!(
            !ReadRequest::default().is_met_by(&held(Some(131))),
            "to be read in any case"
        );
        let mut half_done = held(Some(131));
        half_done.pending_events.push(TimelineEvent {
            id: String::new(),
            contract: contract(),
            on: date(2026, 11, 20),
            kind: EventKind::ContractOpened,
            installments: Vec::new(),
            revisions: Vec::new(),
            contract_revision: 1,
        });
        assert!(
            !told(100, &[1]).is_met_by(&half_done),
            "a commit wants its end"
        );
        let claim = Claim {
            agreement: AgreementId::parse("a1").unwrap(),
            remade_on: None,
            installments: BTreeSet::new(),
            generated: BTreeSet::new(),
        };
        let mut claimed = held(Some(131));
        claimed.claims.live.push(claim);
        assert!(
            !told(100, &[1]).is_met_by(&claimed),
            "its agreements want a review"
        );
    }

    #[test]
    fn several_requests_about_a_bill_want_what_each_of_them_wants() {
        let joined = |mut one: ReadRequest, other: &ReadRequest| {
            one.join(other);
            one
        };
        assert_eq!(joined(told(1, &[1]), &told(2, &[2])), told(2, &[1, 2]));
        assert_eq!(joined(told(2, &[1]), &told(1, &[1])), told(2, &[1]));
        let anyhow = ReadRequest {
            told_at: None,
            ..told(1, &[1])
        };
        assert_eq!(joined(told(1, &[1]), &ReadRequest::default()), anyhow);
        assert_eq!(joined(ReadRequest::default(), &told(1, &[1])), anyhow);
        assert!(joined(told(1, &[1]), &ReadRequest::with_boletos()).boleto);
    }
}
