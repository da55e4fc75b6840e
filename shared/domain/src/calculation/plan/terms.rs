//! The limits of a plan: its dates, and its tier's numbers, down payment and rate.

use super::{PlanInterest, PlanRequest};
use crate::calculation::late::{check_date, days_between};
use crate::calculation::row::no_plan_tier;
use crate::calculation::{Amounts, Error, MAX_AHEAD_DAYS, MAX_PLAN, PlanTier, Portion, Request};
use crate::money::{Cents, Rate, Rounding};

/// The first installment is due on the date of the calculation or within a year of it.
pub(super) fn check_first_due(request: &Request<'_>, asked: &PlanRequest) -> Result<(), Error> {
    check_date("primeiro vencimento", asked.first_due)?;
    let (given, earliest) = (asked.first_due, request.on);
    if given < earliest {
        return Err(Error::DateInThePast {
            field: "primeiro vencimento",
            given,
            earliest,
        });
    }
    if days_between(earliest, given) > MAX_AHEAD_DAYS {
        return Err(Error::DateOutOfRange {
            field: "primeiro vencimento",
            given,
            earliest,
            latest: earliest.saturating_add(jiff::Span::new().days(MAX_AHEAD_DAYS)),
        });
    }
    Ok(())
}

/// Checks the plan against its tier and returns the rate per period.
pub(super) fn rate(
    request: &Request<'_>,
    amounts: &Amounts,
    asked: &PlanRequest,
) -> Result<Rate, Error> {
    let count = asked.installments;
    if !(1..=MAX_PLAN).contains(&count) {
        return Err(Error::Invalid {
            field: "parcelas",
            reason: format!("{count} parcelas não são aceitas"),
            hint: format!("informe de 1 a {MAX_PLAN}"),
        });
    }
    if count == 1 {
        if !asked.down_payment.is_zero() {
            return Err(refused_down_payment(
                "pagamento à vista não tem entrada",
                "informe zero",
            ));
        }
        return Ok(Rate::ZERO);
    }
    let tier = oldest_tier(request, amounts, count)?;
    check_down_payment(tier, amounts.totals.total, asked.down_payment)?;
    match asked.interest {
        PlanInterest::None => Ok(Rate::ZERO),
        PlanInterest::Price => tier.interest.ok_or_else(|| Error::MissingRate {
            setting: format!(
                "campanha {}, faixa parcelada de {} a {} parcelas, taxa (interest)",
                request.campaign.name, tier.from_installments, tier.to_installments
            ),
        }),
    }
}

/// The plan tier of the oldest installment: one plan has one rate.
fn oldest_tier<'a>(
    request: &Request<'a>,
    amounts: &Amounts,
    count: u16,
) -> Result<&'a PlanTier, Error> {
    let row = amounts.rows.first().ok_or(Error::NothingSelected)?;
    let debt = request
        .debts
        .iter()
        .find(|debt| debt.key() == row.key)
        .ok_or(Error::NothingSelected)?;
    request
        .campaign
        .plan_tier(debt, row.days_late, count)
        .ok_or_else(|| no_plan_tier(request, row.days_late, count))
}

fn check_down_payment(tier: &PlanTier, debt: Cents, down: Cents) -> Result<(), Error> {
    let minimum = match tier.down_payment.minimum {
        Portion::Percent(rate) => rate.of(debt, Rounding::HalfUp),
        Portion::Amount(amount) => amount,
    };
    if down.is_negative() {
        return Err(refused_down_payment(
            "valor negativo",
            "informe zero ou mais",
        ));
    }
    if !tier.down_payment.allowed && !down.is_zero() {
        return Err(refused_down_payment(
            "a faixa da campanha não permite entrada",
            "informe zero",
        ));
    }
    if down < minimum {
        let reason = format!("R$ {} é menos que o mínimo da campanha", down.brazilian());
        return Err(refused_down_payment(
            &reason,
            &format!("informe ao menos R$ {}", minimum.brazilian()),
        ));
    }
    if down >= debt {
        let reason = format!("R$ {} não deixa nada a parcelar", down.brazilian());
        return Err(refused_down_payment(
            &reason,
            &format!("informe menos que R$ {}", debt.brazilian()),
        ));
    }
    Ok(())
}

fn refused_down_payment(reason: &str, hint: &str) -> Error {
    Error::DownPayment {
        reason: reason.to_owned(),
        hint: hint.to_owned(),
    }
}
