//! Why a quote was refused: each fault with the path of its field in the request.

use crate::calculation;
use crate::flow::FlowError;

/// One fault of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, such as `bills[0].installments[2]`; `campaign` means the campaign in use, which is not a field of the request.
    pub path: String,
    /// Portuguese: what is wrong and what is right.
    pub detail: String,
}

/// Why there is no quote.
#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    /// The request cannot be fulfilled.
    #[error("{}", .0.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Fault>),
    /// Something else failed.
    #[error(transparent)]
    Flow(#[from] FlowError),
}

impl QuoteError {
    /// One fault.
    pub(super) fn fault(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault {
            path: path.into(),
            detail: detail.into(),
        }])
    }

    /// What the calculation refused, at its field of the request.
    #[allow(clippy::needless_pass_by_value)] // as `map_err` hands it over
    pub(super) fn of(error: calculation::Error) -> Self {
        Self::fault(path(&error), error.to_string())
    }
}

fn path(error: &calculation::Error) -> &'static str {
    use calculation::Error as E;
    match error {
        E::DateInThePast { field, .. }
        | E::DateOutOfRange { field, .. }
        | E::Invalid { field, .. } => match *field {
            "data do cálculo" => "on",
            "primeiro vencimento" => "plan.firstDue",
            "parcelas" => "plan.installments",
            "valor mensal" => "affordable",
            _ => "bills",
        },
        E::DueDay { .. } => "plan.dueDay",
        E::DownPayment { .. } => "plan.downPayment",
        E::NoPlanFits { .. } => "affordable",
        // The chosen campaign has a cash tier for every installment: the missing one is a plan tier.
        E::NoTier { .. } => "plan.installments",
        E::DiscountRate { component, .. } | E::DiscountAmount { component, .. } => match *component
        {
            "principal" => "discounts.principal",
            "multa" => "discounts.fine",
            "juros" => "discounts.interest",
            _ => "discounts.fee",
        },
        E::MissingRate { .. } | E::NoCampaign { .. } | E::Campaign { .. } => "campaign",
        E::Amount { .. }
        | E::Rate { .. }
        | E::OutOfRange { .. }
        | E::TooLarge
        | E::NothingSelected
        | E::TooMany { .. }
        | E::Repeated { .. } => "bills",
    }
}
