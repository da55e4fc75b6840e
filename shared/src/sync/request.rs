//! Why a bill is read: whether news requires a read, and whether a read shows the news.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::calendar::Timestamp;
use crate::ids::{BillId, InstallmentId};
use crate::intake::Hints;
use crate::portfolio::{Critique, HeldBill, Observation};

/// Sienge announces some changes before a read shows them: one that starts this long after the news does show them.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// Bills to read, and why.
pub type Requests = BTreeMap<BillId, ReadRequest>;

/// Why a bill is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// Whether its boletos are wanted.
    pub boleto: bool,
    /// Whether boletos were generated, as just read from another source: not every source says so.
    pub boletos: BTreeMap<InstallmentId, bool>,
    /// Installments in the news: an answer without some of them may be a short one, and is followed by a second read.
    pub installments: BTreeSet<InstallmentId>,
    /// Installments that Sienge reported as removed, and when: a read that began within half a minute may still show them.
    pub gone: BTreeMap<InstallmentId, Timestamp>,
    /// When the latest news arrived, if all of it concerns installments that already existed: then a committed read of the whole bill
    /// that began half a minute later suffices, if it showed them. `None`: the bill is read in any case.
    pub notified_at: Option<Timestamp>,
}

impl ReadRequest {
    /// A request to read the bill in any case, including its boletos.
    #[must_use]
    pub fn with_boletos() -> Self {
        Self {
            boleto: true,
            ..Self::default()
        }
    }

    /// The request for news that arrived at an instant.
    #[must_use]
    pub fn of(hints: &Hints, received_at: Timestamp) -> Self {
        Self {
            boleto: hints.boleto,
            boletos: BTreeMap::new(),
            installments: hints.installment.into_iter().collect(),
            gone: hints.gone.map(|id| (id, received_at)).into_iter().collect(),
            notified_at: hints.was_there.then_some(received_at),
        }
    }

    /// Adds another request for the same bill.
    pub fn join(&mut self, other: &Self) {
        self.boleto |= other.boleto;
        self.boletos.extend(&other.boletos);
        self.installments.extend(&other.installments);
        for (id, notified_at) in &other.gone {
            let newest = self.gone.entry(*id).or_insert(*notified_at);
            *newest = (*newest).max(*notified_at);
        }
        self.notified_at = self
            .notified_at
            .zip(other.notified_at)
            .map(|(one, other)| one.max(other));
    }

    /// Whether the portfolio already contains the news.
    #[must_use]
    pub fn is_met_by(&self, held: &HeldBill) -> bool {
        let (Some(notified_at), Some(read_at)) = (self.notified_at, held.read_at) else {
            return false;
        };
        // A crash may have left a commit half done, or agreements unreviewed: a read repairs both.
        let all_is_done = held.pending_events.is_empty() && held.claims.live.is_empty();
        // If we do not hold an installment, the earlier answer may have left it out.
        all_is_done
            && is_shown(notified_at, read_at)
            && self.installments.iter().all(|id| held.holds(*id))
    }

    /// Completes a read with the boletos known before.
    #[must_use]
    pub fn completes(&self, mut seen: Observation) -> Observation {
        let shown: BTreeSet<InstallmentId> = seen.installments.iter().map(|row| row.id).collect();
        for (id, generated) in self.boletos.iter().filter(|(id, _)| shown.contains(id)) {
            seen.boletos.entry(*id).or_insert(*generated);
        }
        seen
    }

    /// Whether a read does not show the news. A bill that neither Sienge nor we have is not ours.
    #[must_use]
    pub fn misses_in(&self, seen: &Observation, is_held: bool) -> bool {
        let shows = |id: &InstallmentId| {
            seen.unread.contains_key(id) || seen.installments.iter().any(|row| row.id == *id)
        };
        (seen.header.is_some() || is_held) && !self.installments.iter().all(shows)
    }

    /// A critique if the read shows the news but could not read it.
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

    /// Whether a read still shows a removed installment as open, and began so early that it may be outdated.
    #[must_use]
    pub fn is_too_early(&self, seen: &Observation, began: Timestamp) -> bool {
        let early = |id: &InstallmentId| {
            self.gone
                .get(id)
                .is_some_and(|notified_at| !is_shown(*notified_at, began))
        };
        seen.installments
            .iter()
            .any(|row| !row.balance.is_zero() && early(&row.id))
    }
}

/// Whether a read that began at `read_at` shows the news.
fn is_shown(notified_at: Timestamp, read_at: Timestamp) -> bool {
    notified_at
        .saturating_add(SHOWN_AFTER)
        .is_ok_and(|shown| shown < read_at)
}

/// Requests to read bills in any case.
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
            notified_at: Some(at(second)),
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
            notified_at: None,
            ..told(1, &[1])
        };
        assert_eq!(joined(told(1, &[1]), &ReadRequest::default()), anyhow);
        assert_eq!(joined(ReadRequest::default(), &told(1, &[1])), anyhow);
        assert!(joined(told(1, &[1]), &ReadRequest::with_boletos()).boleto);
    }
}
