//! Why a quote was refused: each fault with the path of the field at fault, in the caller's own words of the request.

use crate::calculation;
use crate::flow::FlowError;

/// One fault of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, such as `bills[0].installments[2]`; `campaign` is the campaign in use, which is no field of the request.
    pub path: String,
    /// Portuguese: what is wrong and what is right.
    pub detail: String,
}

/// Why there is no quote.
#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    /// The request cannot be met as it is.
    #[error("{}", .0.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Fault>),
    /// Something else did not work.
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

    /// What the calculation refused, at the field of the request it is about.
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
        // A cash tier was found for every installment when the campaign was chosen: what is missing is a plan's.
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
