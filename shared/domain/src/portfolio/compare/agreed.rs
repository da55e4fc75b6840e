//! Our own remakes: how the originals closed by an integrated agreement are told from a renegotiation made in Sienge.

use std::collections::BTreeSet;

use crate::ids::InstallmentId;
use crate::portfolio::{Claim, HeldBill, SettlementKind};

use super::view::View;

/// The installments that our agreements remade, as far as the view shows it: all that a claim names are settled by a
/// Reparcelamento receipt of the requested day. Any other set of installments, or another day, is somebody else's remake.
pub(super) fn remade_by_agreements(held: &HeldBill, view: &View<'_>) -> BTreeSet<InstallmentId> {
    let claims = held
        .claims
        .live
        .iter()
        .filter(|claim| is_remade(claim, view));
    claims
        .flat_map(|claim| claim.installments.iter().copied())
        .collect()
}

fn is_remade(claim: &Claim, view: &View<'_>) -> bool {
    let Some(remade_on) = claim.remade_on else {
        return false;
    };
    claim.installments.iter().all(|id| {
        let row = view
            .installments
            .get(id)
            .filter(|row| row.balance.is_zero());
        let mut receipts = row.iter().flat_map(|row| &row.receipts);
        receipts
            .any(|receipt| receipt.kind == SettlementKind::Remade && receipt.paid_on == remade_on)
    })
}
