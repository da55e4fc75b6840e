//! Invented debts, campaigns and settings of every kind.

use crate::money::{Cents, Rate, Rounding};
use jiff::ToSpan;
use proptest::prelude::*;
use proptest::sample::select;

use super::support::*;
use crate::calculation::*;
use crate::calendar::HolidayRules;

pub(super) fn any_rate(maximum: i64) -> impl Strategy<Value = Rate> {
    prop_oneof![Just(0), 0..=maximum].prop_map(Rate::from_units)
}

/// Mostly everyday amounts, and the largest.
pub(super) fn any_amount() -> impl Strategy<Value = Cents> {
    prop_oneof![8 => 1..5_000_000_i64, 1 => 1..100_i64, 1 => Just(Cents::MAX.get())]
        .prop_map(Cents::new)
}

pub(super) fn any_correction() -> impl Strategy<Value = Correction> {
    let index = (100_000..9_999_999_i64).prop_map(|n| crate::money::Decimal::new(n, 3));
    prop_oneof![
        Just(Correction::None),
        // Half to double: a deflation or an inflation nobody has seen.
        (index, 50..200_i64, any::<bool>()).prop_map(|(base_index, percent, annual)| {
            Correction::Index {
                base_index,
                index: base_index * crate::money::Decimal::new(percent, 2),
                annual,
            }
        }),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Told {
    Nothing,
    Charges(i64),
    PresentValue(i64),
}

prop_compose! {
    pub(super) fn any_debt(id: i64)(
        days in -4_000..4_000_i32,
        original in any_amount(),
        correction in any_correction(),
        told in prop_oneof![Just(Told::Nothing), (0..500_000_i64).prop_map(Told::Charges), (0..100_i64).prop_map(Told::PresentValue)],
        terms in proptest::option::of((any_rate(5_000_000), any_rate(3_000_000), any_rate(1_000_000))),
    ) -> Debt {
        // Corrected and charged values have the same bound as original ones.
        let original = if correction == Correction::None { original.min(Cents::MAX - Cents::new(500_000)) } else { original.min(Cents::new(5_000_000)) };
        let percent = |of: Cents, percent: i64| Cents::new(of.get() / 100 * percent);
        let sienge = match told {
            Told::Nothing => None,
            Told::Charges(additional) => Some((original, Cents::new(additional), original + Cents::new(additional))),
            Told::PresentValue(rest) => Some((original, Cents::ZERO, percent(original, rest))),
        };
        Debt {
            correction,
            sienge: sienge.map(|(adjusted, additional, current)| SiengeBalance { adjusted, additional, current }),
            late_terms: terms.map(|(fine, interest, pro_rata)| LateTerms { fine, interest, pro_rata: Some(pro_rata) }),
            ..debt(id, on().saturating_sub(days.days()), &original.to_string())
        }
    }
}

pub(super) fn any_debts() -> impl Strategy<Value = Vec<Debt>> {
    (1..12_i64).prop_flat_map(|count| (1..=count).map(any_debt).collect::<Vec<_>>())
}

prop_compose! {
    pub(super) fn any_campaign()(
        split in -50..200_i32,
        charges in proptest::collection::vec((any_rate(20_000_000), any_rate(20_000_000), any_rate(40_000_000)), 2),
        maxima in proptest::collection::vec((any_rate(100_000_000), any_rate(100_000_000), any_rate(100_000_000), any_rate(100_000_000)), 3),
        remittance in any_rate(100_000_000),
        interest in any_rate(20_000_000),
    ) -> Campaign {
        let mut campaign = campaign();
        campaign.tiers = vec![tier(-9999, split), tier(split + 1, 9999)];
        let components = |(principal, fine, interest, fee)| Components { principal, fine, interest, fee };
        for (index, tier) in campaign.tiers.iter_mut().enumerate() {
            let (fine, interest, fee) = charges[index];
            tier.charges = Charges { fine: Some(fine), interest: Some(interest), fee: Some(fee) };
            tier.maximum_discounts = components(maxima[index]);
            tier.remittance = Remittance { principal: remittance, fine: remittance, interest: remittance };
        }
        campaign.plan_tiers[0].interest = Some(interest);
        campaign.plan_tiers[0].maximum_discounts = components(maxima[2]);
        campaign
    }
}

prop_compose! {
    pub(super) fn any_settings()(
        days_policy in select(vec![DaysPolicy::NextBusinessDay, DaysPolicy::OriginalIfLate, DaysPolicy::Raw]),
        grace_days in 0..20_u16,
        bridges in any::<bool>(),
        interest_on_fine in any::<bool>(),
        fees in any::<Option<bool>>(),
        row in select(vec![Rounding::HalfUp, Rounding::Truncate]),
        total in select(vec![Rounding::HalfUp, Rounding::Truncate]),
        residue in select(vec![Residue::First, Residue::Last]),
        anticipation in proptest::option::of((any_rate(60_000_000), select(vec![Method::Compound, Method::Simple]))),
    ) -> CalculationSettings {
        CalculationSettings {
            days_policy,
            grace_days,
            holidays: HolidayRules { bridges, ..HolidayRules::default() },
            interest_on_fine,
            fees,
            rounding: RoundingRules { row, total, residue },
            anticipation: anticipation.map(|(annual, method)| Anticipation { annual_rate: Some(annual), monthly_rate: None, method }),
            pro_rata: None,
            imputation: ImputationOrder::default(),
        }
    }
}

pub(super) fn any_portion() -> impl Strategy<Value = Option<Portion>> {
    proptest::option::of(prop_oneof![
        any_rate(100_000_000).prop_map(Portion::Percent),
        (0..10_000_000_i64).prop_map(|cents| Portion::Amount(Cents::new(cents))),
    ])
}

prop_compose! {
    pub(super) fn any_discounts()(principal in any_portion(), fine in any_portion(), interest in any_portion(), fee in any_portion()) -> Discounts {
        Discounts { principal, fine, interest, fee }
    }
}
