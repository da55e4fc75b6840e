//! A creditor's settings for calculation. Everything has a default except rates, which are never assumed.

use serde::{Deserialize, Serialize};

use super::{Anticipation, DaysPolicy, RoundingRules};
use crate::calendar::HolidayRules;
use crate::money::Rate;

/// Settings of one creditor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CalculationSettings {
    /// How days late are counted.
    pub days_policy: DaysPolicy,
    /// Days of grace: nothing is charged within them, everything after.
    pub grace_days: u16,
    /// The creditor's calendar.
    pub holidays: HolidayRules,
    /// "Calcular juros sobre multa" (6.1.11): the internal calculation's interest runs on original value + fine.
    pub interest_on_fine: bool,
    /// The creditor's switch for fees: `true` says that the contracts have the clause, `false` charges none; while it is undecided, the
    /// campaign's fee is charged and the quote warns.
    pub fees: Option<bool>,
    /// Rounding of rows and totals.
    pub rounding: RoundingRules,
    /// Anticipation discount for installments not yet due, where Sienge gives none.
    pub anticipation: Option<Anticipation>,
    /// "Indexador para pró-rata (acréscimos de mora)" of the creditor's contracts, per month; no API returns it.
    pub pro_rata: Option<Rate>,
    /// How a partial payment is imputed.
    pub imputation: ImputationOrder,
}

/// Which part is paid first, within each installment; installments are paid from the oldest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ImputationOrder {
    /// Fee, fine, interest, then principal: the law's order unless agreed otherwise.
    #[default]
    ChargesFirst,
    /// Principal, interest, fine, then fee.
    PrincipalFirst,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_need_nothing_and_name_presets() {
        let empty: CalculationSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, CalculationSettings::default());
        assert_eq!(empty.rounding, RoundingRules::STANDARD);
        let full: CalculationSettings = serde_json::from_str(
            r#"{"daysPolicy":"originalIfLate","graceDays":3,"interestOnFine":true,"fees":true,"rounding":"cobmais",
                "anticipation":{"annualRate":"12","method":"compound"},"proRata":"0.54","imputation":"chargesFirst",
                "holidays":{"extra":["2026-01-25"],"bridges":true}}"#,
        )
        .unwrap();
        assert_eq!(full.rounding, RoundingRules::COBMAIS);
        let again: CalculationSettings =
            serde_json::from_str(&serde_json::to_string(&full).unwrap()).unwrap();
        assert_eq!(again, full);
    }
}
