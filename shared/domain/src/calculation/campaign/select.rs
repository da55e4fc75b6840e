//! Which campaign a quote uses: deterministic, whatever the order in which campaigns and installments come.

use std::cmp::Reverse;

use super::Campaign;
use crate::calculation::{CalculationSettings, Debt, Error};
use crate::calendar::Date;
use crate::ids::CreditorId;

/// What a campaign is selected for.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// The creditor.
    pub creditor: CreditorId,
    /// Date of the calculation.
    pub on: Date,
    /// Whether the debtor's portal asks.
    pub portal: bool,
    /// The selected installments; the campaign must have a tier for each.
    pub debts: &'a [Debt],
    /// The creditor's settings, for days late.
    pub settings: &'a CalculationSettings,
}

/// The campaign for a selection: active, valid on the date, of the creditor, with the portal flag, covering every installment; among those
/// the highest priority, then the most specific tiers (the least specific row counts), then the latest start, then the smallest id.
pub fn select<'a>(
    campaigns: &'a [Campaign],
    selection: &Selection<'_>,
) -> Result<&'a Campaign, Error> {
    campaigns
        .iter()
        .filter(|campaign| campaign.usable(selection))
        .filter_map(|campaign| Some((campaign, campaign.specificity(selection).ok()?)))
        .max_by_key(|(campaign, specificity)| {
            (
                campaign.priority,
                *specificity,
                campaign.valid_from,
                Reverse(&campaign.id),
            )
        })
        .map(|(campaign, _)| campaign)
        .ok_or_else(|| Error::NoCampaign {
            creditor: selection.creditor.0,
            on: selection.on,
            what: uncovered(campaigns, selection),
        })
}

/// The first installment without a tier in the best candidate, in words.
fn uncovered(campaigns: &[Campaign], selection: &Selection<'_>) -> String {
    campaigns
        .iter()
        .filter(|campaign| campaign.usable(selection))
        .find_map(|campaign| campaign.specificity(selection).err())
        .unwrap_or_else(|| "as parcelas selecionadas".to_owned())
}

impl Campaign {
    fn usable(&self, selection: &Selection<'_>) -> bool {
        self.active
            && self.creditor == selection.creditor
            && self.portal == selection.portal
            && self.valid_from <= selection.on
            && self.valid_until.is_none_or(|until| selection.on <= until)
    }

    /// The specificity of the least specific row's tier; an error names a row without a tier.
    fn specificity(&self, selection: &Selection<'_>) -> Result<usize, String> {
        let mut least = usize::MAX;
        for debt in selection.debts {
            let settings = selection.settings;
            let days =
                settings
                    .days_policy
                    .days_late(debt.due_on, selection.on, &settings.holidays);
            let tier = self.tier(debt, days).ok_or_else(|| {
                format!(
                    "a parcela {} do título {} ({days} dias de atraso)",
                    debt.installment, debt.bill
                )
            })?;
            least = least.min(tier.filter.specificity());
        }
        Ok(least)
    }
}
