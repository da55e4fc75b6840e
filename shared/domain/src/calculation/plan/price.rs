//! The Price table: value of one payment, total, and how each payment divides into principal and interest.

use crate::calculation::Error;
use crate::calculation::anticipation::power;
use crate::money::{Cents, Decimal, Rate, half_up_to_cents};

/// One payment, rounded half-up: `base * i / (1 - (1 + i)^-n)`; plain division at zero.
pub(in crate::calculation) fn payment(
    base: Cents,
    rate: Rate,
    count: u16,
    advance: bool,
) -> Result<Cents, Error> {
    rounded(exact_payment(base, rate, count, advance)?)
}

/// All payments, rounded once.
pub(in crate::calculation) fn total(
    base: Cents,
    rate: Rate,
    count: u16,
    advance: bool,
) -> Result<Cents, Error> {
    if rate.is_zero() {
        return Ok(base);
    }
    let all = exact_payment(base, rate, count, advance)?.checked_mul(Decimal::from(count));
    // Never less than the base: the last of 28 digits must not cost a cent.
    Ok(rounded(all.ok_or(Error::TooLarge)?)?.max(base))
}

fn exact_payment(base: Cents, rate: Rate, count: u16, advance: bool) -> Result<Decimal, Error> {
    let (base, count) = (base.decimal(), Decimal::from(count));
    if rate.is_zero() {
        return base.checked_div(count).ok_or(Error::TooLarge);
    }
    let i = rate.fraction();
    let step = step(rate)?;
    let paid_off = Decimal::ONE - discounted(step, count)?;
    let payment = base
        .checked_mul(i)
        .and_then(|interest| interest.checked_div(paid_off))
        .ok_or(Error::TooLarge)?;
    if advance {
        return payment.checked_mul(step).ok_or(Error::TooLarge);
    }
    Ok(payment)
}

/// `1 / (1 + i)`.
fn step(rate: Rate) -> Result<Decimal, Error> {
    Decimal::ONE
        .checked_div(Decimal::ONE + rate.fraction())
        .ok_or(Error::TooLarge)
}

/// `(1 + i)^-n`.
fn discounted(step: Decimal, count: Decimal) -> Result<Decimal, Error> {
    let count = u32::try_from(count).map_err(|_| Error::TooLarge)?;
    power(step, count).ok_or(Error::TooLarge)
}

fn rounded(value: Decimal) -> Result<Cents, Error> {
    i64::try_from((half_up_to_cents(value) * Decimal::ONE_HUNDRED).normalize())
        .map(Cents::new)
        .map_err(|_| Error::TooLarge)
}

/// The principal of each payment: the exact Price balance, rounded so that the parts sum to the base and no interest is negative.
pub(super) fn principals(
    base: Cents,
    total: Cents,
    rate: Rate,
    count: u16,
    advance: bool,
    amount: impl Fn(u16) -> Cents,
) -> Result<Vec<Cents>, Error> {
    if rate.is_zero() {
        return Ok((1..=count).map(amount).collect());
    }
    let payment = exact_payment(base, rate, count, advance)?;
    let (step, i) = (step(rate)?, rate.fraction());
    // (1 + i)^-k for k from 0 to count - 1, taken from the end as the balances need them.
    let mut factors = Vec::with_capacity(usize::from(count));
    let mut factor = Decimal::ONE;
    for _ in 0..count {
        factors.push(factor);
        factor = factor.checked_mul(step).ok_or(Error::TooLarge)?;
    }
    let (mut repaid, mut to_come) = (Cents::ZERO, total);
    let mut parts = Vec::with_capacity(usize::from(count));
    for (number, factor) in (1..=count).zip(factors.into_iter().rev()) {
        let balance = payment
            .checked_mul(Decimal::ONE - factor)
            .and_then(|owed| owed.checked_div(i))
            .ok_or(Error::TooLarge)?;
        let paid = amount(number);
        to_come = to_come - paid;
        let left = base - repaid;
        let least = (left - to_come).max(Cents::ZERO);
        let most = paid.min(left).max(least);
        let part = (left - rounded(balance)?).clamp(least, most);
        repaid += part;
        parts.push(part);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal_macros::dec;

    fn rate(percent: Decimal) -> Rate {
        Rate::percent("taxa", percent).unwrap()
    }

    #[test]
    fn a_price_payment_is_the_textbooks() {
        let base = Cents::new(1_000_000);
        assert_eq!(
            payment(base, rate(dec!(2)), 12, false).unwrap(),
            Cents::new(94_560)
        );
        assert_eq!(
            payment(base, rate(dec!(2)), 12, true).unwrap(),
            Cents::new(92_705)
        );
        assert_eq!(
            payment(base, Rate::ZERO, 3, false).unwrap(),
            Cents::new(333_333)
        );
    }

    #[test]
    fn the_extremes_stay_inside_the_decimals() {
        for percent in [dec!(0.000001), dec!(0.01), dec!(50), dec!(100)] {
            for count in [1, 2, 180] {
                for advance in [false, true] {
                    let base = super::super::MAX_FINANCED;
                    let total = total(base, rate(percent), count, advance).unwrap();
                    let value = payment(base, rate(percent), count, advance).unwrap();
                    assert!(total >= base && !value.is_negative(), "{percent} {count}");
                }
            }
        }
    }
}
