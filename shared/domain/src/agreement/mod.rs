//! Agreements (acordos): what a debtor and the creditor's collectors agreed on, and what may become of it.
//!
//! Pure. An [`Agreement`] is made from a computed plan by [`draft`], moved by [`transition`] alone, and looked over by [`review`] whenever one
//! of its bills was looked at. Guarantees, each held by a test:
//!
//! - nothing leaves a final state, and a refused step says which states allow it;
//! - every change of state is told once, in an event whose id follows from what it says;
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
