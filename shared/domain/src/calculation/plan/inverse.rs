//! The inverse question: given what the debtor can pay a month, the smallest plan that fits.

use super::{PlanRequest, Planned, paid_by, plan, plan_for};
use crate::calculation::{Error, MAX_PLAN, Request, Silent, quote_with};
use crate::money::Cents;

/// The plan with the fewest installments none of which passes `affordable`; 1 is cash. `asked.installments` is ignored.
///
/// Numbers of installments without a tier, or whose tier refuses the discounts or the down payment, are skipped.
pub fn smallest_plan(
    request: &Request<'_>,
    asked: &PlanRequest,
    affordable: Cents,
) -> Result<Planned, Error> {
    if affordable < Cents::new(1) {
        return Err(Error::Invalid {
            field: "valor mensal",
            reason: format!("R$ {} não é aceito", affordable.brazilian()),
            hint: "informe um valor maior que zero, por exemplo \"350.00\"".to_owned(),
        });
    }
    let (mut refusal, mut nearest) = (None, None);
    for installments in 1..=MAX_PLAN {
        let asked = PlanRequest {
            installments,
            ..*asked
        };
        let largest = match largest_installment(request, &asked) {
            Ok(largest) => largest,
            Err(error) if passes_over(&error) => {
                refusal = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        if largest <= affordable {
            return plan(request, &asked);
        }
        if nearest.is_none_or(|(smallest, _)| largest < smallest) {
            nearest = Some((largest, installments));
        }
    }
    match (nearest, refusal) {
        (Some((smallest, installments)), _) => Err(Error::NoPlanFits {
            given: affordable,
            hint: format!(
                "o menor possível é R$ {} em {installments} parcelas",
                smallest.brazilian()
            ),
        }),
        (None, Some(error)) => Err(error),
        (None, None) => Err(Error::NothingSelected),
    }
}

fn largest_installment(request: &Request<'_>, asked: &PlanRequest) -> Result<Cents, Error> {
    let request = paid_by(request, asked.installments);
    let amounts = quote_with(&request, &mut Silent)?;
    let plan = plan_for(&request, &amounts, asked)?;
    Ok(plan
        .installments
        .iter()
        .map(|installment| installment.amount)
        .max()
        .unwrap_or_default())
}

/// Whether another number of installments may still fit.
fn passes_over(error: &Error) -> bool {
    match error {
        Error::NoTier { .. }
        | Error::DownPayment { .. }
        | Error::DiscountRate { .. }
        | Error::DiscountAmount { .. } => true,
        Error::Invalid { field, .. } => *field == "parcelas",
        _ => false,
    }
}
