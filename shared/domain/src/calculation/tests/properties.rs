//! What holds for every quote, plan and payment.

use crate::money::Cents;
use jiff::ToSpan;
use proptest::prelude::*;
use proptest::sample::select;

use super::strategies::*;
use super::support::*;
use crate::calculation::*;

fn figures_are_sound(figures: &Figures) {
    let d = &figures.discounts;
    let never_negative = [
        figures.original,
        figures.principal(),
        figures.fine,
        figures.interest,
        figures.updated,
        figures.fee,
        figures.gross,
        d.principal,
        d.fine,
        d.interest,
        d.fee,
        figures.anticipation,
        figures.discount,
        figures.total,
        figures.maximum_discount,
        figures.minimum_total,
        figures.remittance.principal,
        figures.remittance.fine,
        figures.remittance.interest,
    ];
    assert!(
        never_negative.iter().all(|amount| !amount.is_negative()),
        "{figures:?}"
    );
    assert!(
        d.principal + d.fine + d.interest + d.fee <= figures.maximum_discount,
        "{figures:?}"
    );
    assert!(d.principal + figures.anticipation <= figures.principal() && d.fine <= figures.fine);
    assert!(
        d.interest <= figures.interest
            && d.fee <= figures.fee
            && figures.minimum_total <= figures.total
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_quote_adds_up_is_never_negative_and_ignores_the_order(
        debts in any_debts(), campaign in any_campaign(), settings in any_settings(), discounts in any_discounts(), annual in any::<bool>(),
        shuffle in any::<prop::sample::Index>(),
    ) {
        let base = Request { annual_correction: annual, ..request(&debts, &campaign, &settings) };
        let full = quote(&base).unwrap();
        verify(&full).unwrap();
        full.amounts.rows.iter().map(|row| &row.figures).chain([&full.amounts.totals]).for_each(figures_are_sound);

        // The silent path is the same arithmetic.
        prop_assert_eq!(&quote_with(&base, &mut Silent).unwrap(), &full.amounts);

        // So is any order of the selection.
        let mut turned = debts.clone();
        let middle = shuffle.index(turned.len());
        turned.rotate_left(middle);
        turned.reverse();
        prop_assert_eq!(&quote(&Request { debts: &turned, ..base }).unwrap().amounts.rows, &full.amounts.rows);

        // A discount is granted within its maximum or refused; granted, everything still adds up.
        match quote(&Request { discounts, ..base }) {
            Ok(discounted) => {
                verify(&discounted).unwrap();
                discounted.amounts.rows.iter().map(|row| &row.figures).chain([&discounted.amounts.totals]).for_each(figures_are_sound);
                prop_assert_eq!(discounted.amounts.totals.gross, full.amounts.totals.gross);
            }
            Err(error) => prop_assert!(matches!(error, Error::DiscountRate { .. } | Error::DiscountAmount { .. }), "{}", error),
        }
    }

    #[test]
    fn amounts_up_to_the_maximum_are_granted_in_full(debts in any_debts(), campaign in any_campaign(), settings in any_settings(), part in 0..=100_i64) {
        let base = request(&debts, &campaign, &settings);
        let lines = quote(&base).unwrap().explanation;
        let most = |step| Cents::new(lines.iter().filter(|l| l.component == Component::MaximumDiscount && l.step == step).map(|l| l.result.get()).sum());
        let maximum: Cents = most(ExplanationStep::MaximumInterestDiscount);
        let asked = Cents::new(maximum.get() / 100 * part);
        let discounts = Discounts { interest: Some(Portion::Amount(asked)), ..Discounts::default() };
        let granted = proved(&Request { discounts, ..base }).amounts.totals;
        prop_assert_eq!(granted.discounts.interest, asked);
        let above = Discounts { interest: Some(Portion::Amount(maximum + Cents::new(1))), ..Discounts::default() };
        let refused = quote(&Request { discounts: above, ..base }).unwrap_err();
        prop_assert_eq!(refused, Error::DiscountAmount { component: "juros", given: maximum + Cents::new(1), maximum });
    }

    #[test]
    fn more_days_never_cost_less(
        original in any_amount(), days in -40..1_200_i32, settings in any_settings(), terms in any::<bool>(),
        (fine, interest, fee) in (any_rate(20_000_000), any_rate(20_000_000), any_rate(40_000_000)),
    ) {
        let mut campaign = campaign();
        campaign.tiers[0].charges = Charges { fine: Some(fine), interest: Some(interest), fee: Some(fee) };
        // The present value grows with time by itself; here it is about charges.
        let settings = CalculationSettings { anticipation: None, pro_rata: Some(interest), ..settings };
        let total = |days: i32| {
            let debts = [Debt {
                late_terms: terms.then_some(LateTerms { fine, interest, pro_rata: None }),
                ..debt(1, on().saturating_sub(days.days()), &original.to_string())
            }];
            quote_with(&request(&debts, &campaign, &settings), &mut Silent).unwrap().totals.total
        };
        prop_assert!(total(days) <= total(days + 1));
    }

    #[test]
    fn a_plan_sums_to_its_total_and_one_installment_carries_the_residue(
        original in 1_000..50_000_000_i64, down in 0..900_i64, count in 1..=180_u16, percent in any_rate(100_000_000), last in any::<bool>(),
        price in any::<bool>(), ahead in 0..366_i32, periodicity in select(vec![Periodicity::Monthly, Periodicity::Fortnightly, Periodicity::Weekly]),
        business_days_only in any::<bool>(),
    ) {
        let (debts, mut campaign) = ([debt(1, on(), &Cents::new(original).to_string())], campaign());
        campaign.plan_tiers[0].interest = Some(percent);
        let mut settings = CalculationSettings { fees: Some(false), ..settings() };
        settings.rounding.residue = if last { Residue::Last } else { Residue::First };
        let asked = PlanRequest {
            installments: count,
            interest: if price { PlanInterest::Price } else { PlanInterest::None },
            down_payment: if count == 1 { Cents::ZERO } else { Cents::new(down) },
            first_due: on().saturating_add(ahead.days()),
            periodicity,
            due_day: None,
            business_days_only,
        };
        let planned = match plan(&request(&debts, &campaign, &settings), &asked) {
            Ok(planned) => planned.plan,
            Err(Error::Invalid { field: "parcelas", .. }) => return Ok(()),
            Err(other) => panic!("{other}"),
        };
        verify_plan(&planned).unwrap();
        let amounts: Vec<Cents> = planned.installments.iter().map(|installment| installment.amount).collect();
        let even = if last { &amounts[..amounts.len() - 1] } else { &amounts[1..] };
        prop_assert!(even.windows(2).all(|pair| pair[0] == pair[1]));
        prop_assert!(planned.installments.iter().all(|i| !i.principal.is_negative() && !i.interest.is_negative() && i.amount > Cents::ZERO));
        prop_assert!(planned.installments.windows(2).all(|pair| pair[0].due_on < pair[1].due_on));
        if planned.rate.is_zero() {
            // Plain division: no installment is more than a cent off, except the one with the residue.
            prop_assert_eq!(planned.interest, Cents::ZERO);
            let share = i128::from(planned.financed.get()) * 2;
            prop_assert!(even.iter().all(|amount| (share - i128::from(amount.get()) * 2 * i128::from(count)).abs() <= i128::from(count)));
        }
    }

    #[test]
    fn the_smallest_plan_fits_and_the_one_before_does_not(original in 10_000..5_000_000_i64, divisor in 1..60_i64, percent in any_rate(3_000_000)) {
        let (debts, mut campaign) = ([debt(1, on(), &Cents::new(original).to_string())], campaign());
        campaign.plan_tiers[0].interest = Some(percent);
        let settings = CalculationSettings { fees: Some(false), ..settings() };
        let request = request(&debts, &campaign, &settings);
        let asked = |installments| PlanRequest {
            installments,
            interest: PlanInterest::Price,
            down_payment: Cents::ZERO,
            first_due: on().saturating_add(30.days()),
            periodicity: Periodicity::Monthly,
            due_day: None,
            business_days_only: false,
        };
        let affordable = Cents::new(original / divisor);
        let largest = |plan: &Plan| plan.installments.iter().map(|i| i.amount).max().unwrap();
        match smallest_plan(&request, &asked(1), affordable) {
            Ok(found) => {
                let count = u16::try_from(found.plan.installments.len()).unwrap();
                prop_assert!(largest(&found.plan) <= affordable);
                if count > 1 {
                    prop_assert!(largest(&plan(&request, &asked(count - 1)).unwrap().plan) > affordable);
                }
            }
            Err(error) => prop_assert!(matches!(error, Error::NoPlanFits { .. }), "{}", error),
        }
    }

    #[test]
    fn a_payment_is_imputed_to_the_cent(debts in any_debts(), campaign in any_campaign(), settings in any_settings(), cash in 1..50_000_000_i64, principal_first in any::<bool>()) {
        let amounts = quote_with(&request(&debts, &campaign, &settings), &mut Silent).unwrap();
        let order = if principal_first { ImputationOrder::PrincipalFirst } else { ImputationOrder::ChargesFirst };
        let imputation = impute(&amounts, Cents::new(cash), order).unwrap();
        verify_imputation(&imputation).unwrap();
        for (row, imputed) in amounts.rows.iter().zip(&imputation.rows) {
            prop_assert_eq!(imputed.left, row.figures.total - imputed.cash);
            prop_assert!(!imputed.left.is_negative() && !imputed.principal_left.is_negative());
            if order == ImputationOrder::ChargesFirst && !imputed.paid.principal.is_zero() {
                // Balance = principal before - amortised = updated value - cash.
                prop_assert_eq!(imputed.principal_left, imputed.left);
            }
        }
        prop_assert!(imputation.excess.is_zero() || imputation.rows.iter().all(|row| row.left.is_zero()));
    }

    #[test]
    fn no_input_panics(
        original in any::<i64>(), adjusted in any::<i64>(), additional in any::<i64>(), current in any::<i64>(), years in -9000..9000_i16,
        installments in any::<u16>(), down in any::<i64>(), due_day in any::<Option<i8>>(), amount in any::<i64>(), cash in any::<i64>(),
        mantissa in any::<i64>(), scale in 0..28_u32,
    ) {
        let mut wild = debt(1, on(), "1.00");
        wild.original = Cents::new(original);
        wild.due_on = on().with().year(years).build().unwrap_or(on());
        wild.sienge = Some(SiengeBalance { adjusted: Cents::new(adjusted), additional: Cents::new(additional), current: Cents::new(current) });
        let mut other = debt(2, wild.due_on, "1.00");
        other.correction = Correction::Index {
            base_index: crate::money::Decimal::new(mantissa, scale),
            index: crate::money::Decimal::new(original, scale),
            annual: false,
        };
        let (campaign, settings) = (campaign(), settings());
        for debts in [[wild].to_vec(), [other].to_vec()] {
            let request = Request {
                discounts: Discounts { fee: Some(Portion::Amount(Cents::new(amount))), ..Discounts::default() },
                ..request(&debts, &campaign, &settings)
            };
            let _ = quote(&request);
            let asked = PlanRequest {
                installments,
                interest: PlanInterest::Price,
                down_payment: Cents::new(down),
                first_due: debts[0].due_on,
                periodicity: Periodicity::Monthly,
                due_day,
                business_days_only: true,
            };
            let _ = plan(&request, &asked);
            let _ = smallest_plan(&request, &asked, Cents::new(amount));
            if let Ok(amounts) = quote_with(&Request { discounts: Discounts::default(), ..request }, &mut Silent) {
                let _ = impute(&amounts, Cents::new(cash), ImputationOrder::ChargesFirst);
            }
        }
    }
}
