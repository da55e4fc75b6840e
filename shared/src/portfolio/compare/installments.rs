//! The judgement of one installment: what we hold against what Sienge shows.

use std::collections::{BTreeMap, BTreeSet};

use crate::calendar::Date;
use crate::money::Cents;
use crate::portfolio::{
    Action, ContractKey, Coverage, Installment, InstallmentId, InstallmentState, Motive, ObservedInstallment, Rules, Scope, SettlementKind,
};

use super::payments::{self, Step};
use super::view::View;

/// How the installments of one contract are judged.
pub(super) struct Lens<'a> {
    pub view: &'a View<'a>,
    pub rules: &'a Rules<'a>,
    pub scope: Scope,
    pub today: Date,
    /// Negotiation that open installments belong to; those of an earlier one are carried into it.
    pub negotiation: u32,
    /// A remake in Sienge ended the negotiation that open installments were in: it explains why they closed.
    pub remade: bool,
    /// The bill left this contract, or the settings leave the bill out: what stays open is returned.
    pub clears: bool,
    /// Returned installments may be opened again, and new ones included.
    pub takes: bool,
    /// The bill moves to this contract: what is open in Sienge opens here whatever the switch for returned installments says.
    pub receives: bool,
    /// What was last known of installments on contracts the bill has left: what was told there is not told again here.
    pub elsewhere: BTreeMap<InstallmentId, Installment>,
    /// Remade in Sienge by agreements of ours: no renegotiation made there.
    pub ours: BTreeSet<InstallmentId>,
}

/// What the comparison decides about one installment.
pub(super) struct Verdict {
    pub action: Action,
    pub after: Installment,
    pub reversed: Vec<Step>,
    pub paid: Vec<Step>,
    pub returned: Option<Motive>,
    pub reopened: bool,
    pub synchronised: bool,
}

impl Verdict {
    fn of(action: Action, after: Installment) -> Self {
        Self {
            synchronised: matches!(action, Action::Included | Action::Updated | Action::Renegotiated),
            reopened: action == Action::Reopened,
            action,
            after,
            reversed: Vec::new(),
            paid: Vec::new(),
            returned: None,
        }
    }

    fn returned(mut after: Installment, motive: Motive, on: Date) -> Self {
        after.state = InstallmentState::Closed { motive, on };
        let mut verdict = Self::of(Action::Returned, after);
        verdict.returned = Some(motive);
        verdict
    }
}

impl Lens<'_> {
    /// Judges a held installment; `None` when nothing changes.
    pub fn judge(&self, held: &Installment) -> Option<Verdict> {
        let mut verdict = match (self.view.installments.get(&held.id), held.state) {
            (Some(row), InstallmentState::Open) => self.open(held, row)?,
            (Some(row), InstallmentState::Closed { motive, .. }) => self.closed(held, row, motive)?,
            (None, InstallmentState::Open) => self.absent(held)?,
            (None, InstallmentState::Closed { .. }) => return None,
        };
        verdict.after.revision = held.revision.saturating_add(1);
        Some(verdict)
    }

    /// Judges an installment we do not hold.
    pub fn judge_new(&self, contract: &ContractKey, row: &ObservedInstallment) -> Option<Verdict> {
        if !self.takes || row.balance.is_zero() || self.rules.ignores_installment(row) {
            return None;
        }
        let known = self.elsewhere.get(&row.id);
        let boleto = self.view.boletos.get(&row.id).copied();
        let after = Installment {
            contract: contract.clone(),
            id: row.id,
            negotiation: self.negotiation,
            label: row.label.clone(),
            due_on: row.due_on,
            condition: row.condition.clone(),
            original: row.original,
            balance: row.balance,
            boleto: boleto.or(known.map(|known| known.boleto)).unwrap_or(false),
            receipts: row.receipts.clone(),
            state: InstallmentState::Open,
            revision: 1,
        };
        let mut verdict = Verdict::of(Action::Included, after);
        // Receipts from before the inclusion are history, kept and not told, unless the bill came with them from another contract.
        if let Some(known) = known {
            let flow = payments::flow(&known.receipts, &row.receipts);
            Self::tell(&mut verdict, known, flow, row.balance, true);
        }
        Some(verdict)
    }

    /// Held open installments whose absence is not confirmed yet.
    pub fn is_unconfirmed(&self, held: &Installment) -> bool {
        held.is_open() && self.view.coverage == Coverage::WholeOnce && !self.view.shows(held.id)
    }

    /// The motive of a return without a better explanation.
    fn motive(&self) -> Motive {
        if self.scope == Scope::Reconciliation {
            Motive::Reconciliation
        } else {
            Motive::CreditorRequest
        }
    }

    fn open(&self, held: &Installment, row: &ObservedInstallment) -> Option<Verdict> {
        let mut after = self.refreshed(held, row);
        let flow = payments::flow(&self.known(held).receipts, &row.receipts);
        let settled = row.balance.is_zero();
        let other_end = [SettlementKind::Remade, SettlementKind::Rescission]
            .into_iter()
            .find(|kind| payments::gained(kind, &held.receipts, &row.receipts));
        let by_payment = settled && other_end.is_none() && !flow.paid.is_empty();
        let mut verdict = if by_payment {
            after.state = InstallmentState::Closed {
                motive: Motive::Receipt,
                on: self.today,
            };
            Verdict::of(Action::Settled, after)
        } else if settled {
            let motive = match other_end {
                Some(SettlementKind::Rescission) => Motive::CreditorRequest,
                Some(_) if self.ours.contains(&held.id) => Motive::Agreement,
                Some(_) => Motive::Renegotiation,
                None if self.remade => Motive::Renegotiation,
                None => self.motive(),
            };
            Verdict::returned(after, motive, self.today)
        } else if self.clears || (self.scope == Scope::Reconciliation && self.rules.ignores_installment(row)) {
            Verdict::returned(after, Motive::Reconciliation, self.today)
        } else if held.negotiation < self.negotiation {
            after.negotiation = self.negotiation;
            let mut carried = Verdict::of(Action::Renegotiated, after);
            carried.returned = Some(Motive::Renegotiation);
            carried
        } else if !flow.paid.is_empty() {
            Verdict::of(Action::PaidInPart, after)
        } else if !flow.reversed.is_empty() {
            Verdict::of(Action::Reversed, after)
        } else if after != *held {
            Verdict::of(Action::Updated, after)
        } else {
            return None;
        };
        let explained = by_payment || !settled;
        Self::tell(&mut verdict, self.known(held), flow, row.balance, explained);
        Some(verdict)
    }

    fn closed(&self, held: &Installment, row: &ObservedInstallment, motive: Motive) -> Option<Verdict> {
        let flow = payments::flow(&self.known(held).receipts, &row.receipts);
        let switched_on = self.rules.creditor.is_none_or(|creditor| creditor.reopen_returned_installments);
        let may_open = self.takes
            && !self.rules.ignores_installment(row)
            && (self.receives || matches!(motive, Motive::Receipt | Motive::Agreement) || switched_on);
        if !row.balance.is_zero() && may_open {
            let mut after = self.refreshed(held, row);
            after.state = InstallmentState::Open;
            after.negotiation = self.negotiation;
            let mut verdict = Verdict::of(Action::Reopened, after);
            Self::tell(&mut verdict, self.known(held), flow, row.balance, true);
            return Some(verdict);
        }
        // Closed installments stay closed, but what settled them is followed: a payment may be told after the return, or one was
        // taken back, the installment changed, and paid again.
        let boleto = held.boleto;
        let mut after = Installment {
            boleto,
            ..self.refreshed(held, row)
        };
        if after == *held || (payments::same(&held.receipts, &row.receipts) && !row.balance.is_zero()) {
            return None;
        }
        let returned = matches!(motive, Motive::CreditorRequest | Motive::Reconciliation);
        let mut verdict = if returned && row.balance.is_zero() && !flow.paid.is_empty() {
            after.state = InstallmentState::Closed {
                motive: Motive::Receipt,
                on: self.today,
            };
            Verdict::of(Action::Settled, after)
        } else if flow.reversed.is_empty() {
            Verdict::of(Action::Updated, after)
        } else {
            Verdict::of(Action::Reversed, after)
        };
        verdict.synchronised = false;
        Self::tell(&mut verdict, self.known(held), flow, row.balance, true);
        Some(verdict)
    }

    fn absent(&self, held: &Installment) -> Option<Verdict> {
        if self.clears && self.view.is_whole() {
            return Some(Verdict::returned(held.clone(), Motive::Reconciliation, self.today));
        }
        // Shown, and unreadable: it stays as it was last read.
        if self.view.unread.contains_key(&held.id) {
            return None;
        }
        match self.view.coverage {
            Coverage::WholeConfirmed => {
                let motive = if self.remade { Motive::Renegotiation } else { self.motive() };
                Some(Verdict::returned(held.clone(), motive, self.today))
            }
            Coverage::WholeOnce => None,
            Coverage::Rows => {
                let boleto = *self.view.boletos.get(&held.id)?;
                (boleto != held.boleto).then(|| Verdict::of(Action::Updated, Installment { boleto, ..held.clone() }))
            }
        }
    }

    fn known<'h>(&'h self, held: &'h Installment) -> &'h Installment {
        self.elsewhere.get(&held.id).unwrap_or(held)
    }

    /// The installment with what Sienge shows. Without "Atualizar Observação, Valor e Vencimento" the condition type, the
    /// original value and the due date (and the number that goes with them) stay; the balance, the receipts and the boleto
    /// always follow, because settlement does.
    fn refreshed(&self, held: &Installment, row: &ObservedInstallment) -> Installment {
        let mut after = held.clone();
        if self.rules.creditor.is_none_or(|creditor| creditor.update_installments) {
            after.due_on = row.due_on;
            after.condition.clone_from(&row.condition);
            after.original = row.original;
            after.label = row.label.clone().or(after.label);
        }
        after.balance = row.balance;
        if !payments::same(&held.receipts, &row.receipts) {
            after.receipts.clone_from(&row.receipts);
        }
        let boleto = self.view.boletos.get(&held.id).copied();
        after.boleto = boleto.unwrap_or(self.known(held).boleto);
        after
    }

    /// Adds the payments and reversals, with the balances around them.
    fn tell(verdict: &mut Verdict, known: &Installment, flow: payments::Flow, observed: Cents, explained: bool) {
        let before = (known.balance + verdict.after.original - known.original).clamp(Cents::ZERO, Cents::MAX);
        (verdict.reversed, verdict.paid) = payments::walk(flow, before, observed, explained);
    }
}
