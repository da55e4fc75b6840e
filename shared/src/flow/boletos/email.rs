//! The e-mail with a boleto: what the caller may set, and the default texts. Pure.

use std::fmt;

use super::BoletoError;
use crate::calendar;
use crate::documents::{has_link, is_email_address};
use crate::portfolio::Installment;
use crate::sienge::{Personal, SlipEmail};
use crate::text::one_line;

const TITLE_CHARACTERS: usize = 150;
const BODY_CHARACTERS: usize = 5_000;
const LABEL_CHARACTERS: usize = 30;

/// A requested e-mail. `Debug` shows none of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BoletoEmail {
    /// One address.
    pub to: String,
    /// Whether it may be another address than the customer's.
    pub anywhere: bool,
    /// Subject; a default when none is given.
    pub title: Option<String>,
    /// A text that follows ours. Sienge adds the boleto.
    pub body: Option<String>,
}

impl fmt::Debug for BoletoEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoletoEmail(***)")
    }
}

impl BoletoEmail {
    /// The e-mail to send for an installment, once every field is right.
    pub(super) fn checked(
        &self,
        held: &Installment,
        creditor: &str,
    ) -> Result<SlipEmail, BoletoError> {
        let to = self.to.trim();
        if !is_email_address(to) {
            return Err(BoletoError::NotAnAddress);
        }
        let title = match &self.title {
            Some(title) => text(title, TITLE_CHARACTERS, |character| {
                !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}')
            })
            .ok_or(BoletoError::TitleUnfit {
                most: TITLE_CHARACTERS,
            })?,
            None => default_title(creditor),
        };
        let own = match &self.body {
            Some(body) => text(body, BODY_CHARACTERS, |character| {
                !character.is_control() || matches!(character, '\n' | '\r' | '\t')
            })
            .map(Some)
            .ok_or(BoletoError::BodyUnfit {
                most: BODY_CHARACTERS,
            })?,
            None => None,
        };
        // In our name a link would be believed.
        if self.title.as_deref().is_some_and(has_link) {
            return Err(BoletoError::LinkInTitle);
        }
        if own.as_deref().is_some_and(has_link) {
            return Err(BoletoError::LinkInBody);
        }
        Ok(SlipEmail {
            to: Personal::new(to),
            title,
            body: body(held, creditor, own.as_deref()),
        })
    }
}

/// The trimmed text, if it is not empty, not too long, and every character fits.
fn text(given: &str, most: usize, fits: impl Fn(char) -> bool) -> Option<String> {
    let given = given.trim();
    let right = (1..=most).contains(&given.chars().count()) && given.chars().all(fits);
    right.then(|| given.to_owned())
}

fn default_title(creditor: &str) -> String {
    match one_line(creditor, TITLE_CHARACTERS).as_str() {
        "" => "Segunda via do boleto".to_owned(),
        name => one_line(&format!("Segunda via do boleto - {name}"), TITLE_CHARACTERS),
    }
}

/// Which installment it is, always; what the caller adds; who sends it.
fn body(held: &Installment, creditor: &str, own: Option<&str>) -> String {
    let label = match one_line(held.label.as_deref().unwrap_or_default(), LABEL_CHARACTERS) {
        none if none.is_empty() => held.id.to_string(),
        label => label,
    };
    let ours = format!(
        "Olá.\n\nSegue a segunda via do boleto da parcela {label} do contrato {}, com vencimento em {}.\nSe o pagamento já foi feito, desconsidere este e-mail.",
        held.contract.bill,
        calendar::brazilian(held.due_on)
    );
    let name = one_line(creditor, TITLE_CHARACTERS);
    let parts = [ours.as_str(), own.unwrap_or_default(), &name];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::installment;
    use super::*;

    fn email(to: &str, title: Option<&str>, body: Option<&str>) -> BoletoEmail {
        BoletoEmail {
            to: to.to_owned(),
            anywhere: false,
            title: title.map(str::to_owned),
            body: body.map(str::to_owned),
        }
    }

    #[test]
    fn what_is_not_said_is_ours() {
        let plain = email(" fulana@exemplo.com.br ", None, None)
            .checked(&installment(), "Construtora Boa")
            .unwrap();
        assert_eq!(plain.to.as_str(), "fulana@exemplo.com.br");
        assert_eq!(plain.title, "Segunda via do boleto - Construtora Boa");
        assert_eq!(
            plain.body,
            "Olá.\n\nSegue a segunda via do boleto da parcela 2/120 do contrato 10001, com vencimento em 10/12/2026.\nSe o pagamento já foi feito, desconsidere este e-mail.\n\nConstrutora Boa"
        );
        let nameless = email("a@b.co", None, None)
            .checked(&installment(), "")
            .unwrap();
        assert_eq!(nameless.title, "Segunda via do boleto");
        let odd = email("a@b.co", None, None)
            .checked(
                &installment(),
                &"Construc\u{327}o\u{303}es\r\nBcc: x\u{200b} ".repeat(20),
            )
            .unwrap();
        assert!(
            odd.title
                .starts_with("Segunda via do boleto - Construções Bcc: x Construções "),
            "{}",
            odd.title
        );
        assert!(
            odd.title.chars().count() <= TITLE_CHARACTERS && !odd.body.contains('\r'),
            "{odd:?}"
        );
        let own = email("a@b.co", Some(" Seu boleto "), Some("Linha 1\nLinha 2"))
            .checked(&installment(), "X")
            .unwrap();
        assert_eq!(own.title, "Seu boleto");
        assert_eq!(
            own.body,
            "Olá.\n\nSegue a segunda via do boleto da parcela 2/120 do contrato 10001, com vencimento em 10/12/2026.\nSe o pagamento já foi feito, desconsidere este e-mail.\n\nLinha 1\nLinha 2\n\nX",
            "ours stays"
        );
    }

    #[test]
    fn a_link_goes_out_in_nobodys_name() {
        let link = "veja exemplo.com/segredo";
        for (mail, at_title) in [
            (email("a@b.co", Some(link), None), true),
            (email("a@b.co", None, Some(link)), false),
        ] {
            let error = mail.checked(&installment(), "X").unwrap_err();
            assert_eq!(matches!(error, BoletoError::LinkInTitle), at_title);
            assert!(!error.to_string().contains("segredo"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_and_not_repeated() {
        let (long_title, long_body) = ("t".repeat(151), "b".repeat(5_001));
        let (to, title, body) = (
            "um endereço",
            "de 1 a 150 caracteres",
            "de 1 a 5000 caracteres",
        );
        for (wrong, told) in [
            (email("segredo", None, None), to),
            (email("segredo@x.co;b@x.co", None, None), to),
            (email("a@b.co", Some("  "), None), title),
            (email("a@b.co", Some("segredo\r\nBcc: x@y.co"), None), title),
            (
                email("a@b.co", Some("segredo\u{2028}Bcc: x@y.co"), None),
                title,
            ),
            (email("a@b.co", Some(&long_title), None), title),
            (email("a@b.co", None, Some("")), body),
            (email("a@b.co", None, Some("segredo\u{0}")), body),
            (email("a@b.co", None, Some(&long_body)), body),
        ] {
            let error = wrong.checked(&installment(), "X").unwrap_err().to_string();
            assert!(error.starts_with(&format!("informe {told}")), "{error}");
            assert!(
                !error.contains("segredo") && !format!("{wrong:?}").contains("segredo"),
                "{error}"
            );
        }
    }
}
