//! One row of a quote: which calculation applies, and its charges before fee and discounts.

use schemars::JsonSchema;
use serde::Serialize;

use super::correction::correct;
use super::internal::{InternalTerms, internal_charges};
use super::late::{charged_days, months_between};
use super::sienge::{SiengeTerms, explain, sienge_charges};
use super::{
    Component, Components, Debt, Error, Explain, ExplanationStep, Figures, Line, Mode, Payment,
    Request, SiengeBalance, Tier, Warning,
};
use crate::calculation::Key;
use crate::calendar::Date;
use crate::money::{Cents, Rate, Rounding};

/// A row in progress, with the terms that later steps need.
pub(super) struct Work<'a> {
    pub row: QuoteRow,
    pub tier: &'a Tier,
    pub maxima: Components<Rate>,
    pub fee: Rate,
}

/// Charges of one installment.
pub(super) fn calculate<'a, E: Explain>(
    request: &Request<'a>,
    debt: &Debt,
    warnings: &mut Vec<Warning>,
    sink: &mut E,
) -> Result<Work<'a>, Error> {
    let (settings, campaign, key) = (request.settings, request.campaign, debt.key());
    let days_late = settings
        .days_policy
        .days_late(debt.due_on, request.on, &settings.holidays);
    let charged = charged_days(days_late, settings.grace_days);
    let tier = campaign
        .tier(debt, days_late)
        .ok_or_else(|| no_tier(request, debt, days_late))?;
    let mut row = QuoteRow {
        key,
        due_on: debt.due_on,
        days_late,
        days_charged: charged,
        mode: Mode::Internal,
        figures: Figures {
            original: debt.original,
            ..Figures::default()
        },
    };
    sink.line(Line::given(
        Some(key),
        Component::Original,
        ExplanationStep::Original,
        debt.original,
    ));
    row.figures.correction = correction(request, debt, sink)?;
    let principal = row.figures.principal();
    debt.bounded("valor corrigido", principal, Cents::ZERO)?;
    charge_late(request, debt, tier, &mut row, warnings, sink)?;
    row.figures.anticipation = anticipation(request, debt, &row, warnings, sink)?;
    let (maxima, fee) = (
        maximum_discounts(request, debt, tier, days_late)?,
        fee(request, tier)?,
    );
    Ok(Work {
        row,
        tier,
        maxima,
        fee,
    })
}

/// Fine and interest: Sienge's where it answered, an estimate with the bill's own terms where it was not asked, ours otherwise.
fn charge_late<E: Explain>(
    request: &Request<'_>,
    debt: &Debt,
    tier: &Tier,
    row: &mut QuoteRow,
    warnings: &mut Vec<Warning>,
    sink: &mut E,
) -> Result<(), Error> {
    let (key, charged, principal) = (row.key, row.days_charged, row.figures.principal());
    let terms = sienge_terms(request, debt);
    match (debt.sienge, terms) {
        (Some(sienge), terms) if terms.is_some() || !sienge.additional.is_zero() => {
            row.mode = Mode::Integrated;
            row.figures.interest = sienge.additional;
            let explained = explain(
                key,
                principal,
                sienge.additional,
                charged,
                debt.partly_paid,
                terms,
                sink,
            );
            row.days_charged = explained.days;
            if let Some((ours, cause)) = explained.difference {
                warnings.push(Warning::SiengeDiffers {
                    of: key,
                    ours,
                    sienge: sienge.additional,
                    cause,
                });
            }
        }
        (None, Some((terms, pro_rata_known))) => {
            row.mode = Mode::Estimated;
            if charged > 0 {
                if !pro_rata_known {
                    return Err(Error::MissingRate {
                        setting: "configurações do credor, indexador para pró-rata (proRata)"
                            .to_owned(),
                    });
                }
                row.figures.interest =
                    sienge_charges(key, principal, charged, &terms, sink).total();
                warnings.push(Warning::SiengeNotConsulted { of: key });
            }
        }
        _ if charged > 0 => {
            let terms = internal_terms(request, tier)?;
            warn_of_fine(terms.fine, warnings);
            (row.figures.fine, row.figures.interest) =
                internal_charges(key, debt.original, charged, &terms, sink);
        }
        _ => {}
    }
    if row.mode != Mode::Internal
        && charged > 0
        && let Some((terms, _)) = terms
    {
        warn_of_fine(terms.fine, warnings);
    }
    Ok(())
}

/// The bill's own terms in Sienge, and whether its daily rate is known.
fn sienge_terms(request: &Request<'_>, debt: &Debt) -> Option<(SiengeTerms, bool)> {
    let terms = debt.late_terms?;
    let pro_rata = terms.pro_rata.or(request.settings.pro_rata);
    let rates = SiengeTerms {
        pro_rata: pro_rata.unwrap_or_default(),
        interest: terms.interest,
        fine: terms.fine,
    };
    Some((rates, pro_rata.is_some()))
}

fn maximum_discounts(
    request: &Request<'_>,
    debt: &Debt,
    tier: &Tier,
    days_late: i32,
) -> Result<Components<Rate>, Error> {
    match request.payment {
        Payment::Cash => Ok(tier.maximum_discounts),
        Payment::Plan { installments } => {
            let plan = request.campaign.plan_tier(debt, days_late, installments);
            let plan = plan.ok_or_else(|| no_plan_tier(request, days_late, installments))?;
            Ok(plan.maximum_discounts)
        }
    }
}

fn fee(request: &Request<'_>, tier: &Tier) -> Result<Rate, Error> {
    match request.settings.fees {
        Some(false) => Ok(Rate::ZERO),
        Some(true) | None => tier
            .charges
            .fee
            .ok_or_else(|| missing(request, tier, "honorários (charges.fee)")),
    }
}

impl Work<'_> {
    /// Remittance and sums: the row as it is shown.
    pub(super) fn close<E: Explain>(mut self, sink: &mut E) -> Result<QuoteRow, Error> {
        let figures = &mut self.row.figures;
        let rates = &self.tier.remittance;
        let principal = figures.principal() - figures.discounts.principal - figures.anticipation;
        let mut remit = |component, rate: Rate, base| {
            let result = rate.of(base, Rounding::HalfUp);
            if !rate.is_zero() {
                sink.line(Line {
                    of: Some(self.row.key),
                    component,
                    step: ExplanationStep::Remittance,
                    base,
                    operation: super::Operation::Percent { rate },
                    rounding: Rounding::HalfUp,
                    result,
                });
            }
            result
        };
        figures.remittance.principal =
            remit(Component::PrincipalRemittance, rates.principal, principal);
        figures.remittance.fine = remit(
            Component::FineRemittance,
            rates.fine,
            figures.fine - figures.discounts.fine,
        );
        figures.remittance.interest = remit(
            Component::InterestRemittance,
            rates.interest,
            figures.interest - figures.discounts.interest,
        );
        self.row.figures = self.row.figures.close()?;
        Ok(self.row)
    }
}

/// Correction: Sienge's corrected value when it answered, else by index numbers.
fn correction<E: Explain>(
    request: &Request<'_>,
    debt: &Debt,
    sink: &mut E,
) -> Result<Cents, Error> {
    let Some(sienge) = debt.sienge else {
        return correct(
            debt.key(),
            debt.original,
            &debt.correction,
            request.annual_correction,
            sink,
        );
    };
    let correction = sienge.adjusted - debt.original;
    if !correction.is_zero() {
        sink.line(Line::minus(
            Some(debt.key()),
            Component::Correction,
            ExplanationStep::SiengeCorrection,
            sienge.adjusted,
            debt.original,
        ));
    }
    Ok(correction)
}

/// Anticipation discount: Sienge's present value wins; computed where Sienge was not asked; never more than the principal.
fn anticipation<E: Explain>(
    request: &Request<'_>,
    debt: &Debt,
    row: &QuoteRow,
    warnings: &mut Vec<Warning>,
    sink: &mut E,
) -> Result<Cents, Error> {
    let (of, principal) = (Some(row.key), row.figures.principal());
    if let Some(sienge) = debt.sienge {
        let expected = sienge.adjusted + sienge.additional;
        if sienge.current == expected {
            return Ok(Cents::ZERO);
        }
        if request.on >= debt.due_on
            || sienge.current > expected
            || expected - sienge.current > principal
        {
            warnings.push(does_not_add(row, &sienge, expected));
            return Ok(Cents::ZERO);
        }
        let line = Line::minus(
            of,
            Component::Anticipation,
            ExplanationStep::SiengeAnticipation,
            expected,
            sienge.current,
        );
        sink.line(line);
        return Ok(line.result);
    }
    let months = months_between(request.on, debt.due_on);
    let (Some(anticipation), 1..) = (&request.settings.anticipation, months) else {
        return Ok(Cents::ZERO);
    };
    let operation = anticipation.operation(months)?;
    let line = Line {
        of,
        component: Component::Anticipation,
        step: ExplanationStep::ComputedAnticipation,
        base: principal,
        operation,
        rounding: Rounding::HalfUp,
        result: operation.discount(principal),
    };
    sink.line(line);
    Ok(line.result)
}

fn does_not_add(row: &QuoteRow, sienge: &SiengeBalance, expected: Cents) -> Warning {
    Warning::SiengeDoesNotAdd {
        of: row.key,
        current: sienge.current,
        expected,
    }
}

fn internal_terms(request: &Request<'_>, tier: &Tier) -> Result<InternalTerms, Error> {
    Ok(InternalTerms {
        fine: tier
            .charges
            .fine
            .ok_or_else(|| missing(request, tier, "multa (charges.fine)"))?,
        interest: tier
            .charges
            .interest
            .ok_or_else(|| missing(request, tier, "juros (charges.interest)"))?,
        interest_on_fine: request.settings.interest_on_fine,
        rounding: request.settings.rounding.row,
    })
}

fn warn_of_fine(rate: Rate, warnings: &mut Vec<Warning>) {
    if rate > Rate::TWO_PERCENT {
        let warning = Warning::FineAboveTwoPercent { rate };
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
}

fn missing(request: &Request<'_>, tier: &Tier, rate: &str) -> Error {
    let index = request
        .campaign
        .tiers
        .iter()
        .position(|other| other == tier)
        .unwrap_or_default();
    Error::MissingRate {
        setting: format!(
            "campanha {}, {}, {rate}",
            request.campaign.name,
            tier.name(index)
        ),
    }
}

fn no_tier(request: &Request<'_>, debt: &Debt, days_late: i32) -> Error {
    Error::NoTier {
        campaign: request.campaign.name.clone(),
        what: format!(
            "a parcela {} do título {} ({days_late} dias de atraso)",
            debt.installment, debt.bill
        ),
        hint: "inclua uma faixa à vista para esses dias, por exemplo de -9999 a 9999".to_owned(),
    }
}

pub(super) fn no_plan_tier(request: &Request<'_>, days_late: i32, installments: u16) -> Error {
    let mut ranges: Vec<String> = request
        .campaign
        .plan_tiers
        .iter()
        .map(|tier| {
            format!(
                "{} a {} parcelas de {} a {} dias",
                tier.from_installments, tier.to_installments, tier.from_days, tier.to_days
            )
        })
        .collect();
    ranges.truncate(5);
    Error::NoTier {
        campaign: request.campaign.name.clone(),
        what: format!("{installments} parcelas com {days_late} dias de atraso"),
        hint: if ranges.is_empty() {
            "esta campanha só permite pagamento à vista".to_owned()
        } else {
            format!("escolha dentro de: {}", ranges.join(", "))
        },
    }
}

/// One installment of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuoteRow {
    /// Which installment.
    #[serde(flatten)]
    pub key: Key,
    /// Its due date.
    pub due_on: Date,
    /// Days late by the creditor's policy and calendar; negative before the due date.
    pub days_late: i32,
    /// Days charged: fewer within a grace period; when Sienge's value differs, the days that explain it.
    pub days_charged: i32,
    /// How it was calculated.
    pub mode: Mode,
    /// Its amounts.
    #[serde(flatten)]
    pub figures: Figures,
}
