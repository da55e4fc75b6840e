//! The content of a second copy: Sienge's answer, checked against the installment. Pure.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::BoletoError;
use crate::calendar::{Date, brazilian as day};
use crate::documents::{Boleto, BoletoSms};
use crate::ids::{BillId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::Installment;
use crate::sienge::{PaymentSlip, Personal};

/// How long Sienge's link is valid.
pub const LINK_LIFE_SECONDS: u32 = 300;

/// A boleto to hand to the debtor. `Debug` shows neither the link nor the line.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecondCopy {
    /// The bill.
    pub bill: BillId,
    /// The installment.
    pub installment: InstallmentId,
    /// The boleto as a PDF; a secret while it is valid. None when Sienge returned no usable link.
    pub url: Option<String>,
    /// [`LINK_LIFE_SECONDS`], counted from Sienge's answer.
    pub expires_in_seconds: u32,
    /// The same in words.
    pub notice: &'static str,
    /// The digitable line as it is printed, with dots and blanks.
    pub digitable_line: String,
    /// The barcode's 44 digits.
    pub barcode: String,
    /// The bank's number, three digits.
    pub bank: String,
    /// Amount to pay, in reais: the boleto's value, or the installment's balance when the boleto leaves it open.
    pub amount: Cents,
    /// Due date: the boleto's, or the installment's when the boleto has none.
    pub due_on: Date,
    /// One SMS with creditor, installment, due date, amount and line.
    pub sms_text: String,
    /// What an operator should check before sending it.
    pub warnings: Vec<String>,
}

impl fmt::Debug for SecondCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecondCopy")
            .field("bill", &self.bill)
            .field("installment", &self.installment)
            .field("warnings", &self.warnings.len())
            .finish_non_exhaustive()
    }
}

impl SecondCopy {
    /// Checks Sienge's answer. A line with wrong check digits is an error, because paying it would pay somebody else or nobody; a value
    /// or due date other than the installment's is a warning, because the bank's boleto may include charges or another date.
    pub(super) fn of(
        slip: &PaymentSlip,
        held: &Installment,
        creditor: &str,
    ) -> Result<Self, BoletoError> {
        let bill = held.contract.bill;
        let unusable = |fault| BoletoError::InvalidBoleto {
            bill,
            installment: held.id,
            fault,
        };
        let line = slip.digitable_number.as_ref().map(Personal::as_str);
        let line = line.ok_or_else(|| unusable(None))?;
        let boleto = Boleto::parse(line).map_err(|fault| unusable(Some(fault)))?;
        let balance = held.balance;
        let (value, due_on) = (boleto.value(), boleto.due_on(held.due_on));
        let url = slip
            .url_report
            .as_ref()
            .map(Personal::as_str)
            .filter(|url| url.starts_with("https://"));
        let (amount, payable_on) = (value.unwrap_or(balance), due_on.unwrap_or(held.due_on));
        let sms = BoletoSms {
            creditor,
            label: held.label.as_deref().unwrap_or_default(),
            due_on: payable_on,
            amount,
            boleto: &boleto,
        };
        Ok(Self {
            bill,
            installment: held.id,
            url: url.map(str::to_owned),
            expires_in_seconds: LINK_LIFE_SECONDS,
            notice: "O link do boleto expira em 5 minutos: abra ou envie agora, ou peça outra segunda via",
            digitable_line: boleto.formatted(),
            barcode: boleto.barcode(),
            bank: boleto.bank(),
            amount,
            due_on: payable_on,
            sms_text: sms.text(),
            warnings: warnings(held, value, due_on, url.is_some()),
        })
    }
}

fn warnings(
    held: &Installment,
    value: Option<Cents>,
    due_on: Option<Date>,
    has_link: bool,
) -> Vec<String> {
    let balance = held.balance;
    let by_value = match value {
        None => Some(format!(
            "O boleto não traz valor: o saldo da parcela é R$ {}",
            balance.brazilian()
        )),
        Some(value) if value != balance => Some(format!(
            "O valor do boleto (R$ {}) é diferente do saldo da parcela (R$ {}): confira se ele inclui correção, encargos ou desconto",
            value.brazilian(),
            balance.brazilian()
        )),
        Some(_) => None,
    };
    let by_date = match due_on {
        None => Some(format!(
            "O boleto não traz vencimento: o da parcela é {}",
            day(held.due_on)
        )),
        Some(due_on) if due_on != held.due_on => Some(format!(
            "O vencimento do boleto ({}) é diferente do da parcela ({})",
            day(due_on),
            day(held.due_on)
        )),
        Some(_) => None,
    };
    let by_link = (!has_link).then(|| {
        "O Sienge não informou um link https para o boleto: use a linha digitável".to_owned()
    });
    [by_value, by_date, by_link].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::fixtures::installment;
    use super::*;

    const LINE: &str = "00190.00009 01234.567004 00001.234178 7 16560000108680";

    fn slip(url: &str, line: &str) -> PaymentSlip {
        let personal = |text: &str| (!text.is_empty()).then(|| Personal::new(text));
        PaymentSlip {
            url_report: personal(url),
            digitable_number: personal(line),
        }
    }

    #[test]
    fn a_boleto_that_agrees_with_the_installment_has_no_warnings() {
        let copy = SecondCopy::of(
            &slip("https://b.example/1", LINE),
            &installment(),
            "Construtora Boa",
        )
        .unwrap();
        assert!(copy.warnings.is_empty(), "{:?}", copy.warnings);
        assert_eq!(
            (copy.url.as_deref(), copy.expires_in_seconds),
            (Some("https://b.example/1"), 300)
        );
        assert!(copy.notice.contains("5 minutos"));
        assert_eq!(
            (
                copy.digitable_line.as_str(),
                copy.bank.as_str(),
                copy.barcode.len()
            ),
            (LINE, "001", 44)
        );
        assert_eq!(
            (copy.amount, copy.due_on),
            (Cents::new(108_680), date(2026, 12, 10))
        );
        assert_eq!(
            copy.sms_text,
            "Construtora Boa: parcela 2/120, venc. 10/12/2026, R$ 1.086,80. Boleto: 00190000090123456700400001234178716560000108680"
        );
        let json = serde_json::to_value(&copy).unwrap();
        assert_eq!(
            (&json["amount"], &json["dueOn"]),
            (&"1086.80".into(), &"2026-12-10".into())
        );
        let printed = format!("{copy:?}");
        assert!(
            !printed.contains("b.example") && !printed.contains("0019"),
            "{printed}"
        );
    }

    #[test]
    fn another_value_or_due_date_is_a_warning() {
        let held = Installment {
            balance: Cents::new(100_000),
            due_on: date(2026, 12, 9),
            label: None,
            ..installment()
        };
        let copy = SecondCopy::of(&slip("http://b.example/1", LINE), &held, "").unwrap();
        assert_eq!(
            copy.warnings,
            [
                "O valor do boleto (R$ 1.086,80) é diferente do saldo da parcela (R$ 1.000,00): confira se ele inclui correção, encargos ou desconto",
                "O vencimento do boleto (10/12/2026) é diferente do da parcela (09/12/2026)",
                "O Sienge não informou um link https para o boleto: use a linha digitável",
            ]
        );
        assert_eq!(
            (copy.amount, copy.due_on, copy.url),
            (Cents::new(108_680), date(2026, 12, 10), None)
        );
    }

    #[test]
    fn what_the_boleto_leaves_open_comes_from_the_installment() {
        // Factor 0000 and value zero.
        let open = "00190.00009 01234.567004 00001.234178 4 00000000000000";
        let copy = SecondCopy::of(&slip("", open), &installment(), "").unwrap();
        assert_eq!(
            (copy.amount, copy.due_on),
            (Cents::new(108_680), date(2026, 12, 10))
        );
        assert_eq!(copy.warnings.len(), 3, "{:?}", copy.warnings);
    }

    #[test]
    fn the_factor_is_read_near_the_installments_due_date() {
        let held = Installment {
            due_on: date(2051, 7, 30),
            ..installment()
        };
        let copy = SecondCopy::of(&slip("", LINE), &held, "").unwrap();
        assert_eq!(copy.due_on, date(2051, 8, 1));
    }

    #[test]
    fn an_invalid_line_is_an_error_that_passes_nothing_on() {
        for (line, why) in [
            ("", "a linha digitável não veio"),
            (
                "00190.00009 01234.567104 00001.234178 7 16560000108680",
                "campo 2",
            ),
            (
                "00190.00009 01234.567004 00001.234178 7 16560000108681",
                "dígito verificador geral",
            ),
            ("123", "deve ter 47 dígitos"),
        ] {
            let error =
                SecondCopy::of(&slip("https://b.example/1", line), &installment(), "").unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, BoletoError::InvalidBoleto { .. }), "{text}");
            assert!(
                text.contains(why) && text.contains("parcela 3 do contrato 10001"),
                "{text}"
            );
            assert!(
                !text.contains("0019") && !text.contains("b.example"),
                "{text}"
            );
        }
    }
}
