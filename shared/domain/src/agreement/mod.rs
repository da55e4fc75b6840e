//! Agreements (acordos): what a debtor and the creditor's collectors agreed on, and its life from proposal to payment.
//!
//! Pure. An [`Agreement`] is made from a computed plan by [`draft`], changed by [`transition`] alone, and checked by [`review`] after every
//! read of one of its bills. Guarantees, each held by a test:
//!
//! - nothing leaves a final state, and a refused action says which states allow it;
//! - every change of state emits its events once, under ids derived from their content;
//! - an installment belongs to one living agreement at most ([`Claims`]);
//! - the plan's rows sum to the agreement's total, the debts' amounts to its sums, to the cent.

mod claims;
mod draft;
mod error;
mod event;
mod limits;
mod payments;
mod record;
mod recuperador;
mod review;
mod settings;
mod state;
#[cfg(test)]
mod tests;
mod transition;

pub use draft::{MAX_BILLS, MAX_INSTALLMENTS, NewAgreement, Start, Terms, check_held, draft};
pub use error::DraftError;
pub use limits::{
    REMAKE_CONDITION, RemakeCondition, RemakeOrder, check_integrated, indexer_base, remake_order,
};
pub use record::{
    AgreedAmounts, AgreedDebt, AgreedRemake, AgreedRow, Agreement, AgreementKind, Generated,
};
pub use recuperador::{Parties, recuperador_payload};
pub use review::{holds_remake, remake_is_unread, review, unclassified};
pub use settings::AgreementSettings;
pub use state::{AgreementState, StateName};
pub use transition::{AgreementAction, NotAllowed, Transition, transition};
