//! Quotes: what the selected installments cost on a date, with Sienge's figures where Sienge charges.
//!
//! Reads the portfolio (which installments are open, whose they are), the creditor's campaigns, and, per bill, two answers of Sienge at
//! interactive priority: the present debit balance and the bill's late-charge terms. Everything else is [`crate::calculation`]. Writes nothing.

mod faults;
mod figures;
mod selection;

use futures::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use faults::{Fault, QuoteError};
pub use selection::{MAX_BILLS, Selected, SelectedBill};

use super::{FlowError, Session};
use crate::calculation::{
    Campaign, Debt, Discounts, Error, MAX_AHEAD_DAYS, Payment, Periodicity, Plan, PlanInterest,
    PlanRequest, Planned, Quote, Request, Selection, plan, quote, select, smallest_plan,
};
use crate::calendar::{self, Date};
use crate::ids::{BillId, CreditorId};
use crate::money::Cents;
use crate::settings::CreditorSettings;
use selection::Chosen;

/// A request for a quote.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuoteRequest {
    /// The selection, of one creditor.
    pub bills: Vec<SelectedBill>,
    /// Date of the calculation, today (America/Sao_Paulo) when absent.
    #[serde(default, deserialize_with = "calendar::read_optional_date")]
    pub on: Option<Date>,
    /// How it is paid; in cash when absent.
    #[serde(default)]
    pub plan: Option<PlanRequest>,
    /// Campaign discounts, up to its maxima.
    #[serde(default)]
    pub discounts: Discounts,
    /// Whether it is for the debtor's portal, which has its own campaigns.
    #[serde(default)]
    pub portal: bool,
}

/// A request for the smallest plan that fits what a debtor can pay a month.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SmallestPlanRequest {
    /// The selection, of one creditor.
    pub bills: Vec<SelectedBill>,
    /// The most an installment may be.
    pub affordable: Cents,
    /// The plan without its number of installments.
    pub plan: PlanTerms,
    /// Date of the calculation, today (America/Sao_Paulo) when absent.
    #[serde(default, deserialize_with = "calendar::read_optional_date")]
    pub on: Option<Date>,
    /// Campaign discounts, up to its maxima.
    #[serde(default)]
    pub discounts: Discounts,
    /// Whether it is for the debtor's portal, which has its own campaigns.
    #[serde(default)]
    pub portal: bool,
}

/// A plan without its number of installments; see [`PlanRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(missing_docs)] // as in `PlanRequest`
pub struct PlanTerms {
    #[serde(default)]
    pub interest: PlanInterest,
    #[serde(default)]
    pub down_payment: Cents,
    #[serde(deserialize_with = "calendar::read_date")]
    pub first_due: Date,
    #[serde(default)]
    pub periodicity: Periodicity,
    #[serde(default)]
    pub due_day: Option<i8>,
    #[serde(default)]
    pub business_days_only: bool,
}

/// The campaign a quote was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChosenCampaign {
    /// Its key.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A quote with its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// The creditor of everything selected.
    pub creditor: CreditorId,
    /// The campaign.
    pub campaign: ChosenCampaign,
    /// The full selection.
    pub selection: Vec<Selected>,
    /// What is owed.
    pub quote: Quote,
    /// How it is paid, if a plan was requested.
    pub plan: Option<Plan>,
}

impl Quoted {
    /// The plan with its quote, if a plan was requested.
    #[must_use]
    pub fn planned(&self) -> Option<Planned> {
        Some(Planned {
            quote: self.quote.clone(),
            plan: self.plan.clone()?,
        })
    }
}

/// Quotes a selection, and plans its payment if requested.
pub async fn quote_selection(
    session: &Session,
    asked: &QuoteRequest,
) -> Result<Quoted, QuoteError> {
    let ready = prepare(session, &asked.bills, asked.on, asked.portal).await?;
    let request = ready.request(session, asked.discounts);
    let (quote, plan) = match &asked.plan {
        Some(terms) => {
            let planned = plan(&request, terms).map_err(QuoteError::of)?;
            (planned.quote, Some(planned.plan))
        }
        None => (quote(&request).map_err(QuoteError::of)?, None),
    };
    Ok(ready.quoted(quote, plan))
}

/// The smallest plan whose installments the debtor can pay.
pub async fn smallest_plan_for(
    session: &Session,
    asked: &SmallestPlanRequest,
) -> Result<Quoted, QuoteError> {
    let ready = prepare(session, &asked.bills, asked.on, asked.portal).await?;
    let request = ready.request(session, asked.discounts);
    let terms = &asked.plan;
    let terms = PlanRequest {
        installments: 1,
        interest: terms.interest,
        down_payment: terms.down_payment,
        first_due: terms.first_due,
        periodicity: terms.periodicity,
        due_day: terms.due_day,
        business_days_only: terms.business_days_only,
    };
    let Planned { quote, plan } =
        smallest_plan(&request, &terms, asked.affordable).map_err(|error| match error {
            // This request has no number of installments.
            Error::NoTier { .. } => QuoteError::fault("plan", error.to_string()),
            error => QuoteError::of(error),
        })?;
    Ok(ready.quoted(quote, Some(plan)))
}

/// Everything that a calculation needs.
struct Ready<'a> {
    creditor: CreditorId,
    settings: &'a CreditorSettings,
    campaign: Campaign,
    selection: Vec<Selected>,
    debts: Vec<Debt>,
    on: Date,
}

/// Reads what a calculation needs; Sienge last, so that a refusal costs none of its quota.
async fn prepare<'a>(
    session: &'a Session,
    bills: &[SelectedBill],
    on: Option<Date>,
    portal: bool,
) -> Result<Ready<'a>, QuoteError> {
    let on = on.unwrap_or(session.today);
    check_date(session.today, on)?;
    selection::check_bills(bills)?;
    let ids: Vec<BillId> = bills.iter().map(|selected| selected.bill).collect();
    let mut held = Vec::with_capacity(ids.len());
    for (bill, read) in session
        .adapters
        .store
        .load_bills(&session.tenant, &ids)
        .await
    {
        held.push((bill, read.map_err(FlowError::from)?));
    }
    let (creditor, mut chosen) = selection::choose(bills, &held)?;
    selection::check_due_dates(&chosen, on)?;
    let settings = session.creditors.get(&creditor).ok_or_else(|| {
        let detail = format!("o credor {creditor} não está ativo nesta assessoria; cadastre a empresa do Sienge como credor");
        QuoteError::fault("bills[0].bill", detail)
    })?;
    let campaigns = session
        .adapters
        .store
        .campaigns(&session.tenant, creditor)
        .await
        .map_err(FlowError::from)?
        .campaigns;
    let debts = |chosen: &[Chosen]| -> Vec<Debt> {
        chosen
            .iter()
            .flat_map(|chosen| chosen.debts.clone())
            .collect()
    };
    let unread = debts(&chosen);
    let wanted = Selection {
        creditor,
        on,
        portal,
        debts: &unread,
        settings: &settings.calculation,
    };
    let campaign = select(&campaigns, &wanted).map_err(QuoteError::of)?.clone();
    try_join_all(
        chosen
            .iter_mut()
            .map(|chosen| figures::read(session, chosen, on)),
    )
    .await?;
    Ok(Ready {
        creditor,
        settings,
        campaign,
        selection: chosen.iter().map(Chosen::selected).collect(),
        debts: debts(&chosen),
        on,
    })
}

/// Checks the date before Sienge is asked; the core checks it again.
fn check_date(today: Date, on: Date) -> Result<(), QuoteError> {
    let field = "data do cálculo";
    let latest = today.saturating_add(jiff::Span::new().days(MAX_AHEAD_DAYS));
    let error = if on < today {
        Error::DateInThePast {
            field,
            given: on,
            earliest: today,
        }
    } else if on > latest {
        Error::DateOutOfRange {
            field,
            given: on,
            earliest: today,
            latest,
        }
    } else {
        return Ok(());
    };
    Err(QuoteError::of(error))
}

impl Ready<'_> {
    fn request(&self, session: &Session, discounts: Discounts) -> Request<'_> {
        Request {
            debts: &self.debts,
            campaign: &self.campaign,
            settings: &self.settings.calculation,
            annual_correction: session.settings.apply_annual_correction,
            business_date: session.today,
            on: self.on,
            payment: Payment::Cash,
            discounts,
        }
    }

    fn quoted(self, quote: Quote, plan: Option<Plan>) -> Quoted {
        Quoted {
            creditor: self.creditor,
            campaign: ChosenCampaign {
                id: self.campaign.id,
                name: self.campaign.name,
            },
            selection: self.selection,
            quote,
            plan,
        }
    }
}
