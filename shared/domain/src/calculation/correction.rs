//! Monetary correction: a ratio of index numbers, never a sum of percentages (7.2.4), with the base month of 6.1.3.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Component, Error, Explain, ExplanationStep, Key, Line, Operation};
use crate::calendar::Date;
use crate::money::{Cents, Decimal, Rounding};

/// Months back of the index's base date when nothing is configured: the previous month (7.3.2).
const USUAL_MONTHS: u8 = 1;

/// How an installment is corrected where Sienge gives no corrected value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Correction {
    /// No correction (indexer REAL).
    #[default]
    None,
    /// By a ratio of index numbers.
    Index {
        /// `indexerValueBaseDate`.
        base_index: Decimal,
        /// `indexerValueCalculationDate`.
        index: Decimal,
        /// Whether the contract is corrected once a year: applied only with "Aplicar correção anual no cálculo" (6.1.2).
        #[serde(default)]
        annual: bool,
    },
}

/// Index numbers are positive and below a million million, with at most ten places, so that no product overflows.
fn check_index(field: &'static str, value: Decimal) -> Result<(), Error> {
    let bounded = value > Decimal::ZERO
        && value < Decimal::from(1_000_000_000_000_i64)
        && value.normalize().scale() <= 10;
    if bounded {
        return Ok(());
    }
    Err(Error::Invalid {
        field,
        reason: format!("o número-índice {value} não pode ser usado"),
        hint: "informe um número positivo com até dez casas, por exemplo \"518.816\"".to_owned(),
    })
}

/// `base * index / base index - base`, rounded half-up to cents.
pub(super) fn index_correction(
    base: Cents,
    base_index: Decimal,
    index: Decimal,
) -> Result<Cents, Error> {
    check_index("índice da data base", base_index)?;
    check_index("índice do cálculo", index)?;
    let corrected = base
        .decimal()
        .checked_mul(index)
        .and_then(|product| product.checked_div(base_index))
        .ok_or(Error::TooLarge)?;
    let corrected = Cents::parse("valor corrigido", crate::money::half_up_to_cents(corrected))?;
    Ok(corrected - base)
}

/// The correction of one installment, explained step by step.
pub(super) fn correct<E: Explain>(
    key: Key,
    original: Cents,
    correction: &Correction,
    annual_correction: bool,
    sink: &mut E,
) -> Result<Cents, Error> {
    let of = Some(key);
    match *correction {
        Correction::None => Ok(Cents::ZERO),
        Correction::Index { annual: true, .. } if !annual_correction => {
            sink.line(Line::given(
                of,
                Component::Correction,
                ExplanationStep::AnnualCorrectionOff,
                Cents::ZERO,
            ));
            Ok(Cents::ZERO)
        }
        Correction::Index {
            base_index, index, ..
        } => {
            let result = index_correction(original, base_index, index)?;
            sink.line(Line {
                of,
                component: Component::Correction,
                step: ExplanationStep::IndexCorrection,
                base: original,
                operation: Operation::Index { base_index, index },
                rounding: Rounding::HalfUp,
                result,
            });
            Ok(result)
        }
    }
}

/// "Data base retroativa de indexador" (6.1.3): months back per indexer, canonically written `8-2;9-1`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RetroactiveBases(BTreeMap<i32, u8>);

impl RetroactiveBases {
    /// Reads the parameter. The playbook prints it three ways; `8.2` is accepted too, and `8;2` when it is the only pair.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let fail = |entry: &str| Error::Invalid {
            field: "data base retroativa de indexador",
            reason: format!("\"{entry}\" não pode ser lido"),
            hint: "escreva código-meses separados por ponto e vírgula, por exemplo \"8-2;9-1\""
                .to_owned(),
        };
        if text.is_empty() {
            return Ok(Self::default());
        }
        if let Some((indexer, months)) = text.split_once(';')
            && let (Some(indexer), Some(months)) = (number(indexer), number(months))
        {
            return Self::pairs([(indexer, months)], || fail(text));
        }
        let pairs = text
            .split(';')
            .map(|entry| {
                let (indexer, months) = entry
                    .split_once(['-', '.'])
                    .ok_or_else(|| fail(entry.trim()))?;
                number(indexer)
                    .zip(number(months))
                    .ok_or_else(|| fail(entry.trim()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Self::pairs(pairs, || fail(text))
    }

    fn pairs(
        pairs: impl IntoIterator<Item = (u16, u16)>,
        fail: impl Fn() -> Error,
    ) -> Result<Self, Error> {
        let mut bases = BTreeMap::new();
        for (indexer, months) in pairs {
            let months = u8::try_from(months)
                .ok()
                .filter(|months| *months <= 24)
                .ok_or_else(&fail)?;
            if bases.insert(i32::from(indexer), months).is_some() {
                return Err(fail());
            }
        }
        Ok(Self(bases))
    }

    /// Months back for an indexer.
    #[must_use]
    pub fn months(&self, indexer: i32) -> u8 {
        self.0.get(&indexer).copied().unwrap_or(USUAL_MONTHS)
    }

    /// First day of the month whose index is the base for a calculation on a date.
    #[must_use]
    pub fn base_month(&self, indexer: i32, on: Date) -> Date {
        on.first_of_month()
            .saturating_sub(jiff::Span::new().months(i64::from(self.months(indexer))))
    }
}

fn number(text: &str) -> Option<u16> {
    let text = text.trim().trim_matches('"');
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

impl TryFrom<String> for RetroactiveBases {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<RetroactiveBases> for String {
    fn from(bases: RetroactiveBases) -> Self {
        let pairs: Vec<String> = bases
            .0
            .iter()
            .map(|(indexer, months)| format!("{indexer}-{months}"))
            .collect();
        pairs.join(";")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use rust_decimal_macros::dec;

    #[test]
    fn correction_is_a_ratio_of_index_numbers() {
        let corrected =
            index_correction(Cents::new(120_000), dec!(518.816), dec!(521.638)).unwrap();
        assert_eq!(corrected, Cents::new(653));
        assert_eq!(
            index_correction(Cents::new(120_000), dec!(2), dec!(1)).unwrap(),
            Cents::new(-60_000)
        );
        index_correction(Cents::new(120_000), dec!(0), dec!(1)).unwrap_err();
        index_correction(Cents::MAX, dec!(0.0000000001), dec!(999999999999)).unwrap_err();
    }

    #[test]
    fn annual_correction_waits_for_its_switch() {
        let key = Key {
            bill: crate::ids::BillId(1),
            installment: crate::ids::InstallmentId(1),
        };
        let annual = Correction::Index {
            base_index: dec!(100),
            index: dec!(110),
            annual: true,
        };
        let mut lines = Vec::new();
        assert_eq!(
            correct(key, Cents::new(100_000), &annual, false, &mut lines).unwrap(),
            Cents::ZERO
        );
        assert_eq!(lines[0].step, ExplanationStep::AnnualCorrectionOff);
        assert_eq!(
            correct(key, Cents::new(100_000), &annual, true, &mut lines).unwrap(),
            Cents::new(10_000)
        );
    }

    #[test]
    fn the_retroactive_base_is_read_in_every_way_the_playbook_prints_it() {
        for text in ["8-2", "8.2", "8;2", "08;02", "\"8\"-\"2\"", " 8 - 2 "] {
            let bases = RetroactiveBases::parse(text).unwrap();
            assert_eq!(
                (bases.months(8), String::from(bases.clone()).as_str()),
                (2, "8-2"),
                "{text}"
            );
        }
        let two = RetroactiveBases::parse("8-2;9-1").unwrap();
        assert_eq!(two.base_month(8, date(2026, 1, 31)), date(2025, 11, 1));
        assert_eq!(two.base_month(5, date(2026, 1, 31)), date(2025, 12, 1));
        assert_eq!(
            RetroactiveBases::parse("").unwrap(),
            RetroactiveBases::default()
        );
    }

    #[test]
    fn an_ambiguous_retroactive_base_is_refused_with_the_canonical_form() {
        for text in ["8;2;9;1", "8-", "-2", "oito-2", "8-2;8-3", "8-25", "8-2;"] {
            let told = RetroactiveBases::parse(text).unwrap_err().to_string();
            assert!(told.contains("8-2;9-1"), "{text}: {told}");
        }
    }
}
