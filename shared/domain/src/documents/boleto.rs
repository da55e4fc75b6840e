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
use crate::text;
use jiff::ToSpan;

/// Digits of a barcode.
const BARCODE_DIGITS: usize = 44;
/// Digits of a digitable line.
const LINE_DIGITS: usize = 47;
/// Digits of the line of a utility or tax slip (arrecadação), another document.
const COLLECTION_DIGITS: usize = 48;
/// What a collection's line and barcode begin with; no bank's number does.
const COLLECTION: u8 = 8;
/// Where the line's last field begins: due factor (4) and value (10).
const LAST_FIELD: usize = 33;
/// Longer texts are no boleto, whatever is in them. A line whose digits are wide, or stand apart, takes some 300 bytes, and words come with it.
const TEXT_LIMIT_BYTES: usize = 1_000;
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
    /// Something else than digits, dots, commas, blanks and dashes.
    #[error("a linha digitável só pode ter dígitos, pontos, espaços e hifens")]
    NotDigits,
    /// Too many or too few digits.
    #[error("a linha digitável deve ter 47 dígitos (ou o código de barras, 44), mas tem {digits}")]
    Length {
        /// How many there are.
        digits: usize,
    },
    /// The 48 digits of a utility or tax slip, or the 44 of its barcode.
    #[error(
        "é uma guia de arrecadação (começa por 8 e tem 48 dígitos, ou 44 no código de barras), e não um boleto bancário, que tem 47 ou, no código de barras, 44"
    )]
    Collection,
    /// The currency is not the real.
    #[error("o código da moeda não é 9 (real)")]
    Currency,
    /// A field's modulo-10 digit is wrong.
    #[error(
        "o dígito verificador do campo {field} da linha digitável não confere: há um dígito errado nesse campo"
    )]
    Field {
        /// 1 to 3.
        field: u8,
    },
    /// The modulo-11 digit is wrong.
    #[error("o dígito verificador geral não confere: há um dígito errado no boleto")]
    General,
}

impl Boleto {
    /// Reads a digitable line, with or without dots, dashes and blanks, or a barcode, and checks every check digit. Words before or after
    /// it do not matter, nor do invisible characters.
    ///
    /// The last field may be printed short: `000` when due date and value are open, the value alone without the zeros before it when the
    /// date is, and the factor with fewer zeros when the value is.
    pub fn parse(text: &str) -> Result<Self, InvalidBoleto> {
        if text.len() > TEXT_LIMIT_BYTES {
            return Err(InvalidBoleto::Length {
                digits: text.bytes().filter(u8::is_ascii_digit).count(),
            });
        }
        let digits = digits_of(text)?;
        match (digits.len(), digits.first()) {
            (COLLECTION_DIGITS | BARCODE_DIGITS, Some(&COLLECTION)) => {
                Err(InvalidBoleto::Collection)
            }
            (LINE_DIGITS, _) => Self::from_line(&digits)?.checked(),
            (BARCODE_DIGITS, _) => Self::from_barcode(&digits)
                .checked()
                .or_else(|wrong| Self::from_short_line(&digits).ok_or(wrong)),
            (count, _) => {
                Self::from_short_line(&digits).ok_or(InvalidBoleto::Length { digits: count })
            }
        }
    }

    fn checked(self) -> Result<Self, InvalidBoleto> {
        if self.digits[3] != REAL {
            Err(InvalidBoleto::Currency)
        } else if self.digits[4] == general_digit(&self.digits) {
            Ok(self)
        } else {
            Err(InvalidBoleto::General)
        }
    }

    /// A line whose last field lacks zeros. Its check digits decide what is missing; nothing else than zeros is ever made up, and a
    /// field that may be read in two ways is none.
    fn from_short_line(digits: &[u8]) -> Option<Self> {
        let missing = vec![0; LINE_DIGITS.checked_sub(digits.len())?];
        let (fields, last) = digits.split_at_checked(LAST_FIELD)?;
        let whole = |line: Vec<u8>| Self::from_line(&line).and_then(Self::checked).ok();
        let is_value =
            !last.is_empty() && (last.len() <= 10 || last.iter().all(|digit| *digit == 0));
        let is_factor =
            last.len() >= 4 && last[0] != 0 && last[4..].iter().all(|digit| *digit == 0);
        let value = is_value
            .then(|| [fields, &missing, last].concat())
            .and_then(whole);
        let factor = is_factor
            .then(|| [fields, last, &missing].concat())
            .and_then(whole);
        value.xor(factor)
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
        let parts = [
            &line[0..4],
            &line[32..47],
            &line[4..9],
            &line[10..20],
            &line[21..31],
        ];
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
        self.formatted()
            .chars()
            .filter(char::is_ascii_digit)
            .collect()
    }

    /// The line as it is printed: `00190.00009 01234.567004 00001.234178 1 87890000108680`.
    #[must_use]
    pub fn formatted(&self) -> String {
        let fields = [
            [&self.digits[0..4], &self.digits[19..24]].concat(),
            self.digits[24..34].to_vec(),
            self.digits[34..44].to_vec(),
        ];
        let printed = fields.map(|field| {
            format!(
                "{}.{}{}",
                text_of(&field[..5]),
                text_of(&field[5..]),
                field_digit(&field)
            )
        });
        format!(
            "{} {} {}",
            printed.join(" "),
            self.digits[4],
            text_of(&self.digits[5..19])
        )
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
        let factor = self.digits[5..9]
            .iter()
            .fold(0, |factor, digit| factor * 10 + i32::from(*digit));
        if factor == 0 {
            return None;
        }
        let turns = if factor < FIRST_FACTOR {
            0
        } else {
            let distance = days_from_base(reference) - factor;
            (distance + FACTOR_CYCLE_DAYS / 2)
                .div_euclid(FACTOR_CYCLE_DAYS)
                .max(0)
        };
        FACTOR_BASE
            .checked_add((factor + turns * FACTOR_CYCLE_DAYS).days())
            .ok()
    }
}

impl fmt::Debug for Boleto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Boleto(banco {})", self.bank())
    }
}

/// The digits of a line or barcode as people paste it.
fn digits_of(text: &str) -> Result<Vec<u8>, InvalidBoleto> {
    let text = text::code(text);
    let is_word = |c: char| !c.is_ascii_digit();
    let bare = text.trim_matches(is_word);
    let (before, after) = text.split_once(bare).unwrap_or_default();
    // What touches the digits belongs to them: a letter O is a zero mistyped.
    let touches = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    if touches(before.chars().next_back()) || touches(after.chars().next()) {
        return Err(InvalidBoleto::NotDigits);
    }
    let printed =
        |c: &char| !c.is_whitespace() && !matches!(c, '.' | ',' | '-' | '\u{2010}'..='\u{2015}');
    let digit = |c: char| {
        c.to_digit(10)
            .and_then(|digit| u8::try_from(digit).ok())
            .ok_or(InvalidBoleto::NotDigits)
    };
    bare.chars().filter(printed).map(digit).collect()
}

fn days_from_base(date: Date) -> i32 {
    // Between two dates of jiff's calendar there are less than 7.4 million days, and days are the largest unit asked for.
    FACTOR_BASE.until(date).map_or(0, |span| span.get_days())
}

fn text_of(digits: &[u8]) -> String {
    digits
        .iter()
        .map(|digit| char::from(b'0' + digit % 10))
        .collect()
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
    let weighed = barcode[..4]
        .iter()
        .chain(&barcode[5..])
        .rev()
        .zip((2..=9).cycle());
    let sum: u16 = weighed
        .map(|(digit, weight)| u16::from(*digit) * weight)
        .sum();
    // Less than 11.
    u8::try_from(sum % 11).unwrap_or_default()
}

#[cfg(test)]
mod tests;
