//! The short text that brings a boleto to a telephone: one SMS, whatever the names in it.

use super::Boleto;
use crate::calendar::{self, Date};
use crate::money::Cents;
use crate::text;

/// Characters of one SMS in the GSM 7-bit alphabet.
pub const SMS_CHARACTERS: usize = 160;
/// The installment's label at most: `120/120` and some more.
const LABEL_CHARACTERS: usize = 15;

/// What the text says.
#[derive(Debug, Clone, Copy)]
pub struct BoletoSms<'a> {
    /// The creditor's short name; cut where it does not fit.
    pub creditor: &'a str,
    /// The installment as the debtor knows it (`2/120`).
    pub label: &'a str,
    /// When it falls due.
    pub due_on: Date,
    /// What is to be paid.
    pub amount: Cents,
    /// The boleto.
    pub boleto: &'a Boleto,
}

impl BoletoSms<'_> {
    /// The text, at most [`SMS_CHARACTERS`] characters, all of the GSM alphabet and of one septet each ([`text::gsm`]). The line comes last and in one piece, so that one touch selects it.
    #[must_use]
    pub fn text(&self) -> String {
        let label: String = text::gsm(self.label)
            .chars()
            .take(LABEL_CHARACTERS)
            .collect();
        let parcel = if label.is_empty() {
            "parcela".to_owned()
        } else {
            format!("parcela {label}")
        };
        let body = format!(
            "{parcel}, venc. {}, R$ {}. Boleto: {}",
            calendar::brazilian(self.due_on),
            self.amount.brazilian(),
            self.boleto.line()
        );
        let room = SMS_CHARACTERS.saturating_sub(body.len() + 2);
        let creditor: String = text::gsm(self.creditor).chars().take(room).collect();
        let creditor = creditor.trim_end();
        if creditor.is_empty() {
            body
        } else {
            format!("{creditor}: {body}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    const LINE: &str = "00190.00009 01234.567004 00001.234178 1 87890000108680";

    fn text(creditor: &str, label: &str, amount: Cents) -> String {
        let boleto = Boleto::parse(LINE).unwrap();
        let sms = BoletoSms {
            creditor,
            label,
            due_on: date(2021, 10, 30),
            amount,
            boleto: &boleto,
        };
        sms.text()
    }

    #[test]
    fn it_says_who_what_when_how_much_and_the_line() {
        assert_eq!(
            text("Construções São João", "2/120", Cents::new(108_680)),
            "Construcoes Sao Joao: parcela 2/120, venc. 30/10/2021, R$ 1.086,80. Boleto: 00190000090123456700400001234178187890000108680"
        );
        assert_eq!(
            text("", "", Cents::new(108_680)),
            "parcela, venc. 30/10/2021, R$ 1.086,80. Boleto: 00190000090123456700400001234178187890000108680"
        );
    }

    #[test]
    fn names_in_any_writing_reach_the_telephone() {
        for (creditor, label, told) in [
            (
                "Construc\u{327}o\u{303}es Sa\u{303}o Joa\u{303}o",
                "2/120",
                "Construcoes Sao Joao: parcela 2/120, ",
            ),
            (
                "Conﬁança – “Lar”",
                "1ª/2",
                "Confianca - \"Lar\": parcela 1a/2, ",
            ),
            ("Дом 🏠", "２", "Dom: parcela 2, "),
            ("\u{200b}\u{301}🏠\r\n", "\u{a0}", "parcela, "),
        ] {
            let text = text(creditor, label, Cents::new(100));
            assert!(text.starts_with(told), "{text}");
        }
    }

    #[test]
    fn a_long_name_is_cut_and_the_line_never() {
        let long = text(
            &"Incorporadora Imobiliária ".repeat(9),
            &"120/120 ".repeat(9),
            Cents::new(9_999_999_999),
        );
        assert_eq!(long.len(), SMS_CHARACTERS, "{long}");
        assert!(
            long.ends_with(" 00190000090123456700400001234178187890000108680"),
            "{long}"
        );
        assert!(long.starts_with("Incorporadora Imobiliaria"), "{long}");
    }

    proptest! {
        #[test]
        fn it_is_one_sms_whatever_the_names(creditor in "\\PC{0,80}", label in "\\PC{0,40}", cents in 0..10_000_000_000_i64) {
            let text = text(&creditor, &label, Cents::new(cents));
            prop_assert!(text.len() <= SMS_CHARACTERS, "{}", text);
            let gsm = |byte: u8| (32..127).contains(&byte) && !b"[\\]^`{|}~".contains(&byte);
            prop_assert!(text.bytes().all(gsm), "{}", text);
            prop_assert!(text.ends_with("187890000108680"), "{}", text);
        }
    }
}
