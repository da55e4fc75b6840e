//! The digitable line (linha digitável) and barcode of a bank boleto, by Febraban's layout.
//!
//! Barcode, 44 digits: bank (3), currency 9 (1), general check digit (1), due factor (4), value in cents (10), free field (25).
//! The line, 47 digits, is the same in another order, its first three fields each with a modulo-10 digit of its own.
//!
//! What the check digits find, and what they cannot: a changed digit of the three fields or a changed check digit is always found. The
//! general digit maps three remainders (0, 1, 10) to the same 1, so a change of the factor or the value is found unless it moves the sum
//! from one of these to another. Swapped neighbours within a field are found by modulo 10, but for 0 and 9, which only the general
//! digit tells apart, with the same exception; so are swapped neighbours of factor and value.

use std::fmt;

use crate::calendar::Date;
use crate::money::Cents;
use jiff::ToSpan;

/// Digits of a barcode.
const BARCODE_DIGITS: usize = 44;
/// Digits of a digitable line.
const LINE_DIGITS: usize = 47;
/// Digits of the line of a utility or tax slip (arrecadação), another document.
const COLLECTION_DIGITS: usize = 48;
/// Longer texts are no boleto, whatever is in them.
const TEXT_LIMIT_BYTES: usize = 120;
/// The only currency: the real.
const REAL: u8 = 9;
/// Day 0 of the due factor.
const FACTOR_BASE: Date = jiff::civil::date(1997, 10, 7);
/// Factors in use: after 9999 (2025-02-21) comes 1000 again (2025-02-22).
const FIRST_FACTOR: i32 = 1_000;
const FACTOR_CYCLE_DAYS: i32 = 9_000;

/// A boleto whose check digits are right.
///
/// Printing it for debugging shows the bank alone: who has the line knows a debtor's debt.
#[derive(Clone, PartialEq, Eq)]
pub struct Boleto {
    /// The barcode's digits, each 0 to 9.
    digits: [u8; BARCODE_DIGITS],
}

/// Why a text is no boleto. The messages say what is wrong and never repeat the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBoleto {
    /// Something else than digits, dots, blanks and hyphens.
    #[error("a linha digitável só pode ter dígitos, pontos, espaços e hifens")]
    NotDigits,
    /// Too many or too few digits.
    #[error("a linha digitável deve ter 47 dígitos (ou o código de barras, 44), mas tem {digits}")]
    Length {
        /// How many there are.
        digits: usize,
    },
    /// The 48 digits of a utility or tax slip.
    #[error("é uma guia de arrecadação (48 dígitos), e não um boleto bancário, que tem 47")]
    Collection,
    /// The currency is not the real.
    #[error("o código da moeda não é 9 (real)")]
    Currency,
    /// A field's modulo-10 digit is wrong.
    #[error("o dígito verificador do campo {field} da linha digitável não confere: há um dígito errado nesse campo")]
    Field {
        /// 1 to 3.
        field: u8,
    },
    /// The modulo-11 digit is wrong.
    #[error("o dígito verificador geral não confere: há um dígito errado no boleto")]
    General,
}

impl Boleto {
    /// Reads a digitable line, with or without dots and blanks, or a barcode, and checks every check digit.
    pub fn parse(text: &str) -> Result<Self, InvalidBoleto> {
        if text.len() > TEXT_LIMIT_BYTES {
            return Err(InvalidBoleto::Length {
                digits: text.bytes().filter(u8::is_ascii_digit).count(),
            });
        }
        let mut digits = Vec::with_capacity(LINE_DIGITS);
        for character in text.chars() {
            match character.to_digit(10).and_then(|digit| u8::try_from(digit).ok()) {
                Some(digit) => digits.push(digit),
                None if character.is_whitespace() || matches!(character, '.' | '-') => {}
                None => return Err(InvalidBoleto::NotDigits),
            }
        }
        let boleto = match digits.len() {
            LINE_DIGITS => Self::from_line(&digits)?,
            BARCODE_DIGITS => Self::from_barcode(&digits),
            COLLECTION_DIGITS if digits[0] == 8 => return Err(InvalidBoleto::Collection),
            digits => return Err(InvalidBoleto::Length { digits }),
        };
        if boleto.digits[3] != REAL {
            return Err(InvalidBoleto::Currency);
        }
        if boleto.digits[4] != general_digit(&boleto.digits) {
            return Err(InvalidBoleto::General);
        }
        Ok(boleto)
    }

    fn from_barcode(digits: &[u8]) -> Self {
        let mut barcode = [0; BARCODE_DIGITS];
        barcode.copy_from_slice(digits);
        Self { digits: barcode }
    }

    fn from_line(line: &[u8]) -> Result<Self, InvalidBoleto> {
        for (field, content, check) in [(1, 0..9, 9), (2, 10..20, 20), (3, 21..31, 31)] {
            if field_digit(&line[content]) != line[check] {
                return Err(InvalidBoleto::Field { field });
            }
        }
        let parts = [&line[0..4], &line[32..47], &line[4..9], &line[10..20], &line[21..31]];
        Ok(Self::from_barcode(&parts.concat()))
    }

    /// The barcode's 44 digits.
    #[must_use]
    pub fn barcode(&self) -> String {
        text_of(&self.digits)
    }

    /// The line's 47 digits.
    #[must_use]
    pub fn line(&self) -> String {
        self.formatted().chars().filter(char::is_ascii_digit).collect()
    }

    /// The line as it is printed: `00190.00009 01234.567004 00001.234178 1 87890000108680`.
    #[must_use]
    pub fn formatted(&self) -> String {
        let fields = [
            [&self.digits[0..4], &self.digits[19..24]].concat(),
            self.digits[24..34].to_vec(),
            self.digits[34..44].to_vec(),
        ];
        let printed = fields.map(|field| format!("{}.{}{}", text_of(&field[..5]), text_of(&field[5..]), field_digit(&field)));
        format!("{} {} {}", printed.join(" "), self.digits[4], text_of(&self.digits[5..19]))
    }

    /// The bank's number, three digits.
    #[must_use]
    pub fn bank(&self) -> String {
        text_of(&self.digits[0..3])
    }

    /// The value in reais; none when the boleto leaves it open (zero).
    #[must_use]
    pub fn value(&self) -> Option<Cents> {
        // Ten digits: at most 9,999,999,999 cents.
        let cents = self.digits[9..19]
            .iter()
            .fold(0, |cents: i64, digit| cents * 10 + i64::from(*digit));
        (cents > 0).then(|| Cents::new(cents))
    }

    /// The due date; none for factor 0000, "no date", and where the calendar ends (year 9999).
    ///
    /// A factor names one day in every 9,000: of these, the one nearest to `reference` (usually today) is taken, the later one if two are
    /// equally near. Factors below 1000 were in use before the first turn only, until 2000-07-02.
    #[must_use]
    pub fn due_on(&self, reference: Date) -> Option<Date> {
        let factor = self.digits[5..9].iter().fold(0, |factor, digit| factor * 10 + i32::from(*digit));
        if factor == 0 {
            return None;
        }
        let turns = if factor < FIRST_FACTOR {
            0
        } else {
            let distance = days_from_base(reference) - factor;
            (distance + FACTOR_CYCLE_DAYS / 2).div_euclid(FACTOR_CYCLE_DAYS).max(0)
        };
        FACTOR_BASE.checked_add((factor + turns * FACTOR_CYCLE_DAYS).days()).ok()
    }
}

impl fmt::Debug for Boleto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Boleto(banco {})", self.bank())
    }
}

fn days_from_base(date: Date) -> i32 {
    // Between two dates of jiff's calendar there are less than 7.4 million days, and days are the largest unit asked for.
    FACTOR_BASE.until(date).map_or(0, |span| span.get_days())
}

fn text_of(digits: &[u8]) -> String {
    digits.iter().map(|digit| char::from(b'0' + digit % 10)).collect()
}

/// Modulo 10: weights 2, 1, 2, ... from the right, products of two digits counted digit by digit.
fn field_digit(digits: &[u8]) -> u8 {
    let products = digits.iter().rev().enumerate().map(|(index, digit)| {
        let product = if index % 2 == 0 { digit * 2 } else { *digit };
        product / 10 + product % 10
    });
    // Ten digits add up to 90 at most.
    (10 - products.sum::<u8>() % 10) % 10
}

/// Modulo 11 over the barcode without its fifth digit: weights 2 to 9 from the right, again and again.
fn general_digit(barcode: &[u8; BARCODE_DIGITS]) -> u8 {
    match 11 - general_remainder(barcode) {
        10 | 11 => 1,
        digit => digit,
    }
}

fn general_remainder(barcode: &[u8; BARCODE_DIGITS]) -> u8 {
    let weighed = barcode[..4].iter().chain(&barcode[5..]).rev().zip((2..=9).cycle());
    let sum: u16 = weighed.map(|(digit, weight)| u16::from(*digit) * weight).sum();
    // Less than 11.
    u8::try_from(sum % 11).unwrap_or_default()
}

#[cfg(test)]
mod tests;
