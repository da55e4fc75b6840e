//! Sienge's figures for one bill: its present debit balance and its late-charge terms, read together.

use super::QuoteError;
use super::selection::Chosen;
use crate::calculation::{LateTerms, SiengeBalance};
use crate::calendar::Date;
use crate::flow::{FlowError, Session};
use crate::ids::InstallmentId;
use crate::money::{Decimal, Rate};
use crate::portfolio::Document;
use crate::sienge::{DebitBalance, DebitInstallment, Priority, SiengeError, StatementBill};

/// Fills in Sienge's figures for the debts. A person waits, so the calls go ahead of the batches.
pub(super) async fn read(
    session: &Session,
    chosen: &mut Chosen,
    on: Date,
) -> Result<(), QuoteError> {
    let (bill, customer) = (chosen.bill, chosen.customer);
    let refuse =
        |detail: String| QuoteError::fault(format!("bills[{}].bill", chosen.index), detail);
    let customers = session
        .adapters
        .store
        .customers(&session.tenant, &[customer])
        .await
        .map_err(FlowError::from)?;
    let document = customers
        .get(&customer)
        .and_then(|customer| customer.document.clone());
    let document = document.filter(is_usable).ok_or_else(|| {
        refuse(format!(
            "o cliente do título {bill} não tem na carteira um CPF (11 dígitos) ou CNPJ (14 caracteres, letras inclusive) utilizável, e o Sienge só \
             informa o saldo por ele; corrija o cadastro do cliente no Sienge"
        ))
    })?;
    let sienge = session.sienge.clone().with_priority(Priority::Interactive);
    let correct_annual = session.settings.apply_annual_correction;
    let (balance, statement) = tokio::join!(
        sienge.current_debit_balance(&document, bill, on, correct_annual),
        sienge.customer_statement(customer, Some(bill)),
    );
    let balance = balance.map_err(FlowError::from)?.ok_or_else(|| {
        refuse(format!(
            "o Sienge não informa o saldo do título {bill} para o CPF ou CNPJ do cliente; confira o documento no cadastro do cliente no Sienge"
        ))
    })?;
    let statement = statement.map_err(FlowError::from)?;
    let terms = statement
        .iter()
        .find(|held| held.bill_receivable_id == Some(bill.0))
        .map(late_terms);
    let terms = terms.transpose().map_err(FlowError::from)?.flatten();
    let mut indexers = Vec::with_capacity(chosen.debts.len());
    for debt in &mut chosen.debts {
        let of = |row: &&DebitInstallment| row.installment_id == Some(debt.installment.0);
        let row = balance.owed().find(of).ok_or_else(|| {
            let detail = not_owed(&balance, debt.installment);
            QuoteError::fault(
                format!("bills[{}].bill", chosen.index),
                format!("a parcela {} do título {bill} {detail}", debt.installment),
            )
        })?;
        let unread = || {
            let detail = format!(
                "a parcela {} do título {bill} está ilegível no saldo devedor do Sienge: campo adjustedValue, additionalValue ou currentBalance; corrija-a no Sienge ou calcule as outras parcelas",
                debt.installment
            );
            QuoteError::fault(format!("bills[{}].bill", chosen.index), detail)
        };
        debt.sienge = Some(amounts(row).ok_or_else(unread)?);
        debt.late_terms = terms;
        indexers.push(row.indexer_code);
    }
    chosen.indexer = one_indexer(&indexers);
    Ok(())
}

/// The common indexer, if all have the same one.
fn one_indexer(indexers: &[Option<i64>]) -> Option<i32> {
    let first = indexers.first().copied().flatten()?;
    let same = indexers.iter().all(|indexer| *indexer == Some(first));
    i32::try_from(first).ok().filter(|_| same)
}

/// Eleven digits, or fourteen characters the last two of which are digits: letters are part of a CNPJ since July 2026.
fn is_usable(document: &Document) -> bool {
    let text = document.as_str().as_bytes();
    match text.len() {
        11 => text.iter().all(u8::is_ascii_digit),
        14 => text[12..].iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn not_owed(balance: &DebitBalance, id: InstallmentId) -> &'static str {
    let paid = balance
        .paid_installments
        .iter()
        .any(|row| row.installment_id == Some(id.0));
    if paid {
        "já está quitada no Sienge; a baixa ainda não chegou à carteira"
    } else {
        "não consta no saldo devedor do Sienge; ela mudou lá e a mudança ainda não chegou à carteira"
    }
}

/// The amounts of a row; absent late charges are zero, an absent present value is the sum.
fn amounts(row: &DebitInstallment) -> Option<SiengeBalance> {
    let adjusted = row.adjusted_value?;
    let additional = row.additional_value.unwrap_or_default();
    Some(SiengeBalance {
        adjusted,
        additional,
        current: row.current_balance.unwrap_or(adjusted + additional),
    })
}

/// The bill's late-charge terms ("informações sobre acréscimos de mora"); Sienge writes zeros where they are not filled in.
fn late_terms(bill: &StatementBill) -> Result<Option<LateTerms>, SiengeError> {
    let rate = |value: Option<Decimal>| {
        Rate::percent("percentual", value.unwrap_or_default()).map_err(|_| SiengeError::Shape {
            resource: "customer-financial-statements",
            what: "percentual de multa ou juros fora de 0 a 100",
        })
    };
    let (fine, interest) = (rate(bill.fine_percent)?, rate(bill.interest_percent)?);
    let filled = !fine.is_zero() || !interest.is_zero();
    Ok(filled.then_some(LateTerms {
        fine,
        interest,
        pro_rata: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Cents;
    use rust_decimal_macros::dec;

    #[test]
    fn a_document_is_a_cpf_or_a_cnpj_with_letters_or_it_is_not_asked_with() {
        for (text, usable) in [
            ("529.982.247-25", true),
            ("12.abc.345/01de-35", true),
            ("11444777000161", true),
            ("12ABC34501DEXY", false),
            ("5299822472A", false),
            ("123", false),
            ("", false),
        ] {
            assert_eq!(is_usable(&Document::from(text)), usable, "{text}");
        }
    }

    #[test]
    fn the_indexer_is_known_when_all_have_the_same() {
        assert_eq!(one_indexer(&[Some(8), Some(8)]), Some(8));
        for unknown in [
            &[][..],
            &[None],
            &[Some(8), None],
            &[Some(8), Some(9)],
            &[Some(i64::MAX)],
        ] {
            assert_eq!(one_indexer(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn zeros_are_no_late_charge_terms() {
        let bill = |fine, interest| StatementBill {
            fine_percent: fine,
            interest_percent: interest,
            ..StatementBill::default()
        };
        assert_eq!(late_terms(&bill(None, None)).unwrap(), None);
        assert_eq!(
            late_terms(&bill(Some(dec!(0)), Some(dec!(0.00)))).unwrap(),
            None
        );
        let terms = late_terms(&bill(Some(dec!(2)), None)).unwrap().unwrap();
        assert_eq!(
            (terms.fine, terms.interest, terms.pro_rata),
            (Rate::TWO_PERCENT, Rate::ZERO, None)
        );
        assert!(late_terms(&bill(Some(dec!(200)), None)).is_err());
    }

    #[test]
    fn what_is_absent_of_the_amounts_follows() {
        let row = DebitInstallment {
            adjusted_value: Some(Cents::new(100_001)),
            additional_value: Some(Cents::new(9_558)),
            ..DebitInstallment::default()
        };
        let balance = amounts(&row).unwrap();
        assert_eq!(
            (balance.adjusted, balance.current),
            (Cents::new(100_001), Cents::new(109_559))
        );
        assert_eq!(amounts(&DebitInstallment::default()), None);
    }
}
