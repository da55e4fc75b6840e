//! The judgement of one installment: what we hold against what Sienge shows.

use std::collections::{BTreeMap, BTreeSet};

use crate::calendar::Date;
use crate::ids::{CreditorId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::{
    Action, Contract, ContractKey, Coverage, Installment, InstallmentState, ObservedInstallment,
    OpeningSnapshot, Policy, Receipt, ReturnReason, Scope, SettlementClass, SettlementKind,
};

use super::comparison::Comparison;
use super::payments::{self, PaymentStep};
use super::view::View;

/// How the installments of one contract are judged.
pub(super) struct Lens<'a> {
    view: &'a View<'a>,
    policy: &'a Policy<'a>,
    scope: Scope,
    today: Date,
    /// The creditor that collects the open installments.
    creditor: CreditorId,
    /// The negotiation that open installments belong to; those of an earlier one are carried into it.
    negotiation: u32,
    stance: Stance,
    /// The last known state of installments on contracts the bill has left: events emitted there are not repeated here.
    elsewhere: &'a BTreeMap<InstallmentId, Installment>,
    /// A remake in Sienge ended the negotiation that open installments were in: it explains why they closed.
    remade: bool,
    /// Remade by our own agreements: not a renegotiation made in Sienge.
    ours: BTreeSet<InstallmentId>,
    /// Generated in Sienge for our living agreements: included in any state.
    claimed: BTreeSet<InstallmentId>,
    /// The contract's snapshot from its opening; none when this comparison opens it.
    opened: Option<OpeningSnapshot>,
}

/// How a contract's installments are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stance {
    /// The bill left this contract, or the settings leave the bill out: what stays open is returned.
    Returns,
    /// The settings leave the bill out, and only a reconciliation returns it: nothing is opened again, and nothing new included.
    Keeps,
    /// Returned installments may be opened again, and new ones included.
    Takes,
    /// The bill moves to this contract: what is open in Sienge opens here, whatever the setting for returned installments.
    Receives,
}

/// What the comparison decides about one installment.
pub(super) struct Verdict {
    pub action: Action,
    pub after: Installment,
    pub reversed: Vec<PaymentStep>,
    pub paid: Vec<PaymentStep>,
    pub returned: Option<ReturnReason>,
    pub reopened: bool,
    pub synchronised: bool,
}

impl Verdict {
    fn of(action: Action, after: Installment) -> Self {
        Self {
            synchronised: matches!(
                action,
                Action::Included | Action::Updated | Action::Renegotiated
            ),
            reopened: action == Action::Reopened,
            action,
            after,
            reversed: Vec::new(),
            paid: Vec::new(),
            returned: None,
        }
    }

    fn returned(mut after: Installment, reason: ReturnReason, on: Date) -> Self {
        after.state = InstallmentState::Closed { reason, on };
        let mut verdict = Self::of(Action::Returned, after);
        verdict.returned = Some(reason);
        verdict
    }
}

impl<'a> Lens<'a> {
    /// For a contract that the bill has left for the current one.
    pub fn of_left(
        comparison: &Comparison<'a>,
        current: &Contract,
        elsewhere: &'a BTreeMap<InstallmentId, Installment>,
    ) -> Self {
        Self {
            view: comparison.view,
            policy: comparison.policy,
            scope: comparison.scope,
            today: comparison.today,
            creditor: current.creditor,
            negotiation: current.negotiation,
            stance: Stance::Returns,
            elsewhere,
            remade: false,
            ours: BTreeSet::new(),
            claimed: BTreeSet::new(),
            opened: None,
        }
    }

    /// For the contract that the installments belong to; `ours` and `remade` say who remade what.
    pub fn of_current(
        comparison: &Comparison<'a>,
        current: &Contract,
        stance: Stance,
        elsewhere: &'a BTreeMap<InstallmentId, Installment>,
        ours: BTreeSet<InstallmentId>,
        remade: bool,
    ) -> Self {
        let claims = comparison.held.claims.live.iter();
        Self {
            stance,
            remade,
            ours,
            claimed: claims
                .flat_map(|claim| claim.generated.iter().copied())
                .collect(),
            opened: current.opened,
            ..Self::of_left(comparison, current, elsewhere)
        }
    }

    /// Judges a held installment; `None` when nothing changes.
    pub fn judge(&self, held: &Installment) -> Option<Verdict> {
        let classes = self.policy.classes;
        if self.stance != Stance::Returns && self.view.leaves_in_question(held, classes) {
            return None;
        }
        let mut verdict = match (self.view.installments.get(&held.id), held.state) {
            (Some(row), InstallmentState::Open) => self.open(held, row)?,
            (Some(row), InstallmentState::Closed { reason, .. }) => {
                self.closed(held, row, reason)?
            }
            (None, InstallmentState::Open) => self.absent(held)?,
            (None, InstallmentState::Closed { .. }) => return None,
        };
        verdict.after.revision = held.revision.saturating_add(1);
        Some(verdict)
    }

    /// Judges an installment we do not hold. A settled one is included only when its settlement is news.
    pub fn judge_new(&self, contract: &ContractKey, row: &ObservedInstallment) -> Option<Verdict> {
        if !self.takes() || self.policy.ignores_installment(row) {
            return None;
        }
        let known = self.elsewhere.get(&row.id);
        let history = self.history(row);
        let known_receipts = known.map_or(&history, |known| &known.receipts);
        let mut flow = payments::flow(known_receipts, &row.receipts, self.policy.classes);
        if known.is_none() {
            // A payment that was never reported is not reported as reversed.
            flow.reversed.clear();
        }
        let claimed = self.claimed.contains(&row.id);
        let settled = row.balance.is_zero();
        if settled && flow.paid.is_empty() && (known.is_some() || !claimed) {
            return None;
        }
        let boleto = self.view.boletos.get(&row.id).copied();
        let after = Installment {
            contract: contract.clone(),
            creditor: self.creditor,
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
        // Its state before the news.
        let before = known.cloned().unwrap_or_else(|| Installment {
            balance: payments::before(&history, &flow, row, self.policy.classes),
            receipts: history,
            ..after.clone()
        });
        let mut verdict = Verdict::of(Action::Included, after);
        if settled {
            let reason = self.ended(&before, row, &flow);
            verdict.after.state = InstallmentState::Closed {
                reason,
                on: self.today,
            };
        }
        let explained = !settled || verdict.after.is_settled();
        self.emit(&mut verdict, &before, flow, row, explained);
        Some(verdict)
    }

    /// The receipts of an installment we do not hold that are history: kept, without events. All of them when the contract's opening may have shown
    /// the installment, those of earlier days when it did not, none when it was generated for an agreement.
    fn history(&self, row: &ObservedInstallment) -> Vec<Receipt> {
        let receipts = row.receipts.iter().cloned();
        match self.opened {
            _ if self.claimed.contains(&row.id) => Vec::new(),
            Some(opened) if row.id > opened.last => receipts
                .filter(|receipt| receipt.paid_on < opened.on)
                .collect(),
            _ => receipts.collect(),
        }
    }

    fn takes(&self) -> bool {
        matches!(self.stance, Stance::Takes | Stance::Receives)
    }

    /// The reason of a return without a better explanation.
    fn reason(&self) -> ReturnReason {
        if self.scope.reconciles() {
            ReturnReason::Reconciliation
        } else {
            ReturnReason::CreditorRequest
        }
    }

    fn open(&self, held: &Installment, row: &ObservedInstallment) -> Option<Verdict> {
        let mut after = self.refreshed(held, row);
        let flow = payments::flow(
            &self.known(held).receipts,
            &row.receipts,
            self.policy.classes,
        );
        let settled = row.balance.is_zero();
        let mut verdict = if settled {
            match self.ended(held, row, &flow) {
                reason @ (ReturnReason::Receipt | ReturnReason::WrittenOff) => {
                    after.state = InstallmentState::Closed {
                        reason,
                        on: self.today,
                    };
                    Verdict::of(Action::Settled, after)
                }
                reason => Verdict::returned(after, reason, self.today),
            }
        } else if self.stance == Stance::Returns
            || (self.scope == Scope::Reconciliation
                && self.view.coverage == Coverage::WholeConfirmed
                && self.policy.ignores_installment(row))
        {
            Verdict::returned(after, ReturnReason::Reconciliation, self.today)
        } else if held.negotiation < self.negotiation {
            after.negotiation = self.negotiation;
            let mut carried = Verdict::of(Action::Renegotiated, after);
            carried.returned = Some(ReturnReason::Renegotiation);
            carried
        } else if !flow.paid.is_empty() {
            Verdict::of(Action::PaidInPart, after)
        } else if !flow.reversed.is_empty() {
            Verdict::of(Action::Reversed, after)
        } else if after != *held {
            Verdict::of(Action::Updated, after)
        } else if held.creditor != self.creditor {
            // Nothing of the installment itself changed: no event.
            let mut moved = Verdict::of(Action::Updated, after);
            moved.synchronised = false;
            moved
        } else {
            return None;
        };
        verdict.after.creditor = self.creditor;
        let explained = !settled || verdict.after.is_settled();
        self.emit(&mut verdict, self.known(held), flow, row, explained);
        Some(verdict)
    }

    /// Why an installment has nothing open any more.
    fn ended(
        &self,
        held: &Installment,
        row: &ObservedInstallment,
        flow: &payments::Flow,
    ) -> ReturnReason {
        let gained =
            |kind| payments::gained(&kind, &held.receipts, &row.receipts, self.policy.classes);
        if gained(SettlementKind::Remade) {
            if self.ours.contains(&held.id) {
                ReturnReason::Agreement
            } else {
                ReturnReason::Renegotiation
            }
        } else if gained(SettlementKind::Rescission) {
            ReturnReason::CreditorRequest
        } else if !flow.paid.is_empty() || gained(SettlementKind::Renegotiation) {
            self.closed_by(row)
        } else if self.remade {
            ReturnReason::Renegotiation
        } else {
            self.reason()
        }
    }

    /// What the receipt that closed a settled row means.
    fn closed_by(&self, row: &ObservedInstallment) -> ReturnReason {
        let classes = self.policy.classes;
        let Some(closing) = payments::closing(&row.receipts, classes) else {
            return self.reason();
        };
        match (classes.of(&closing.kind), &closing.kind) {
            (Some(SettlementClass::Pays) | None, _) => ReturnReason::Receipt,
            (Some(SettlementClass::WritesOff), _) => ReturnReason::WrittenOff,
            (Some(SettlementClass::Nothing), SettlementKind::Renegotiation) => {
                ReturnReason::Renegotiation
            }
            (Some(SettlementClass::Nothing), _) => self.reason(),
        }
    }

    fn closed(
        &self,
        held: &Installment,
        row: &ObservedInstallment,
        reason: ReturnReason,
    ) -> Option<Verdict> {
        let flow = payments::flow(
            &self.known(held).receipts,
            &row.receipts,
            self.policy.classes,
        );
        let switched_on = self
            .policy
            .creditor
            .is_none_or(|creditor| creditor.reopen_returned_installments);
        let may_open = self.takes()
            && !self.policy.ignores_installment(row)
            && (self.stance == Stance::Receives
                || matches!(
                    reason,
                    ReturnReason::Receipt | ReturnReason::WrittenOff | ReturnReason::Agreement
                )
                || switched_on);
        if !row.balance.is_zero() && may_open {
            let mut after = self.refreshed(held, row);
            after.creditor = self.creditor;
            after.state = InstallmentState::Open;
            after.negotiation = self.negotiation;
            let mut verdict = Verdict::of(Action::Reopened, after);
            self.emit(&mut verdict, self.known(held), flow, row, true);
            return Some(verdict);
        }
        // Closed installments stay closed, but their settlement is followed: a payment may arrive after the return, or one was
        // taken back, the installment changed, and paid again.
        let boleto = held.boleto;
        let mut after = Installment {
            boleto,
            ..self.refreshed(held, row)
        };
        let returned = matches!(
            reason,
            ReturnReason::CreditorRequest | ReturnReason::Reconciliation
        );
        if row.balance.is_zero() && (held.is_settled() || (returned && !flow.paid.is_empty())) {
            let by = self.closed_by(row);
            if by != reason && matches!(by, ReturnReason::Receipt | ReturnReason::WrittenOff) {
                after.state = InstallmentState::Closed {
                    reason: by,
                    on: self.today,
                };
            }
        }
        if after == *held
            || (payments::same(&held.receipts, &row.receipts) && !row.balance.is_zero())
        {
            return None;
        }
        let mut verdict = if returned && after.is_settled() {
            Verdict::of(Action::Settled, after)
        } else if flow.reversed.is_empty() {
            Verdict::of(Action::Updated, after)
        } else {
            Verdict::of(Action::Reversed, after)
        };
        verdict.synchronised = false;
        self.emit(&mut verdict, self.known(held), flow, row, true);
        Some(verdict)
    }

    fn absent(&self, held: &Installment) -> Option<Verdict> {
        if self.stance == Stance::Returns && self.view.is_whole() {
            return Some(Verdict::returned(
                held.clone(),
                ReturnReason::Reconciliation,
                self.today,
            ));
        }
        // Shown but unreadable: it keeps its last state.
        if self.view.unread.contains_key(&held.id) {
            return None;
        }
        match self.view.coverage {
            Coverage::WholeConfirmed => {
                let reason = if self.remade {
                    ReturnReason::Renegotiation
                } else {
                    self.reason()
                };
                Some(Verdict::returned(held.clone(), reason, self.today))
            }
            Coverage::WholeOnce => None,
            Coverage::Rows | Coverage::AllNew => {
                let boleto = *self.view.boletos.get(&held.id)?;
                (boleto != held.boleto).then(|| {
                    Verdict::of(
                        Action::Updated,
                        Installment {
                            boleto,
                            ..held.clone()
                        },
                    )
                })
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
        if self
            .policy
            .creditor
            .is_none_or(|creditor| creditor.update_installments)
        {
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
    fn emit(
        &self,
        verdict: &mut Verdict,
        known: &Installment,
        flow: payments::Flow,
        row: &ObservedInstallment,
        explained: bool,
    ) {
        let moved = if explained {
            payments::moved_elsewhere(&known.receipts, &row.receipts, self.policy.classes)
        } else {
            Cents::ZERO
        };
        let before = (known.balance + verdict.after.original - known.original - moved)
            .clamp(Cents::ZERO, Cents::MAX);
        (verdict.reversed, verdict.paid) = payments::walk(flow, before, row.balance, explained);
    }
}
