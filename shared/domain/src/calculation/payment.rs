//! Partial payments: which part of the cash pays charges and which amortises principal (Civil Code art. 354).
//!
//! Cash, charges and principal stay apart, because the payment's event prints the principal amortised and not the cash. Whether an installment is
//! *settled* is never decided here, but by Sienge's balance.

use serde::Serialize;

use super::{Amounts, Component, Error, Explain, ExplanationStep, Figures, Key, Line, Operation};
use crate::calculation::ImputationOrder;
use crate::money::{Cents, Rounding};

/// One installment's part of a payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Parts {
    pub fee: Cents,
    pub fine: Cents,
    pub interest: Cents,
    /// Principal amortised: what the payment's event prints.
    pub principal: Cents,
}

/// What a payment did to one installment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImputedRow {
    /// Which installment.
    #[serde(flatten)]
    pub key: Key,
    /// Cash imputed to it: the sum of the parts.
    pub cash: Cents,
    /// Where the cash went.
    pub paid: Parts,
    /// Principal after discounts, before the payment.
    pub principal_before: Cents,
    /// Principal before less principal amortised.
    pub principal_left: Cents,
    /// The row's total less the cash.
    pub left: Cents,
}

/// What a payment did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imputation {
    /// Cash received.
    pub cash: Cents,
    /// The order.
    pub order: ImputationOrder,
    /// Every row of the quote, from the oldest.
    pub rows: Vec<ImputedRow>,
    /// Cash beyond everything owed.
    pub excess: Cents,
    /// Every step, in order.
    pub explanation: Vec<Line>,
}

/// Imputes cash to a quote's rows.
pub fn impute(amounts: &Amounts, cash: Cents, order: ImputationOrder) -> Result<Imputation, Error> {
    if cash < Cents::new(1) {
        return Err(Error::Invalid {
            field: "valor pago",
            reason: format!("R$ {} não é aceito", cash.brazilian()),
            hint: "informe um valor maior que zero, por exemplo \"350.00\"".to_owned(),
        });
    }
    let mut explanation = Vec::new();
    let mut left = cash;
    let rows = amounts
        .rows
        .iter()
        .map(|row| impute_row(row.key, &row.figures, order, &mut left, &mut explanation))
        .collect();
    Ok(Imputation {
        cash,
        order,
        rows,
        excess: left,
        explanation,
    })
}

/// What is owed of each part after discounts, in the order it is paid.
fn owed(figures: &Figures, order: ImputationOrder) -> [(Component, Cents); 4] {
    let discounts = &figures.discounts;
    let mut parts = [
        (Component::PaidFee, figures.fee - discounts.fee),
        (Component::PaidFine, figures.fine - discounts.fine),
        (
            Component::PaidInterest,
            figures.interest - discounts.interest,
        ),
        (Component::PaidPrincipal, net_principal(figures)),
    ];
    if order == ImputationOrder::PrincipalFirst {
        parts.reverse();
    }
    parts
}

fn net_principal(figures: &Figures) -> Cents {
    figures.principal() - figures.discounts.principal - figures.anticipation
}

fn impute_row(
    key: Key,
    figures: &Figures,
    order: ImputationOrder,
    left: &mut Cents,
    lines: &mut Vec<Line>,
) -> ImputedRow {
    let before = *left;
    let mut paid = Parts::default();
    for (component, limit) in owed(figures, order) {
        if left.is_zero() || limit.is_zero() {
            continue;
        }
        let result = limit.min(*left);
        lines.line(Line {
            of: Some(key),
            component,
            step: ExplanationStep::Imputation,
            base: *left,
            operation: Operation::AtMost { limit },
            rounding: Rounding::HalfUp,
            result,
        });
        *left = *left - result;
        match component {
            Component::PaidFee => paid.fee = result,
            Component::PaidFine => paid.fine = result,
            Component::PaidInterest => paid.interest = result,
            _ => paid.principal = result,
        }
    }
    let cash = before - *left;
    let principal_before = net_principal(figures);
    ImputedRow {
        key,
        cash,
        paid,
        principal_before,
        principal_left: principal_before - paid.principal,
        left: figures.total - cash,
    }
}
