//! The payload of Recuperador CRM's agreement webhook: its field names and codes, built from an agreement and the names the agreement does not hold.
//!
//! Where its documentation leaves a choice: amounts are JSON numbers with two places, dates ISO without a time; `valor_original` is the sum of the debts'
//! original values, so that it equals the sum of `lista_dividas`; the anticipation discount counts as one on the principal;
//! there is no discount on the correction; a text id becomes the number [`super::AgreementId::code`].

use serde::Serialize;

use super::{AgreedDebt, AgreedRow, Agreement, AgreementState};
use crate::calculation::Periodicity;
use crate::calendar::Date;
use crate::money::{Cents, JsonNumber};
use crate::portfolio::Breaking;

/// The names that an agreement does not hold: personal data that the sender of the payload looks up.
#[derive(Debug, Clone, Copy)]
pub struct Parties<'a> {
    /// The customer's name.
    pub customer_name: &'a str,
    /// CPF or CNPJ.
    pub customer_document: &'a str,
    /// The creditor's name.
    pub creditor_name: &'a str,
    /// The consultant's code and name.
    pub consultant: (i64, &'a str),
}

#[derive(Serialize)]
struct Payload<'a> {
    id: i64,
    id_credor: i64,
    id_acordo: i64,
    id_cliente: i64,
    id_consultor: i64,
    nome_cliente: &'a str,
    cpf_cnpj: &'a str,
    nome_credor: &'a str,
    nome_consultor: &'a str,
    data: String,
    atraso: i32,
    datavencto_original: String,
    valor_original: JsonNumber,
    valor_acordo: JsonNumber,
    parcelas: usize,
    periodicidade: &'static str,
    dataprivencto: String,
    entrada: &'static str,
    data_entrada: Option<String>,
    valor_entrada: JsonNumber,
    feito_via_portal_negociacao: &'static str,
    valor_desconto_juros_multa_correcao: JsonNumber,
    valor_desconto_principal: JsonNumber,
    valor_juros_proporcional_acordado: JsonNumber,
    valor_multa_proporcional_acordada: JsonNumber,
    valor_correcao_proporcional_acordada: JsonNumber,
    obs: &'a str,
    obs_publicas: &'a str,
    cancelado: &'static str,
    data_cancelamento: Option<String>,
    motivo_cancelamento: Option<String>,
    situacao: &'static str,
    lista_dividas: Vec<PayloadDebt<'a>>,
    lista_parcelas: Vec<PayloadRow>,
}

#[derive(Serialize)]
struct PayloadDebt<'a> {
    id: i64,
    datavencto: String,
    datapagto: Option<String>,
    valor: JsonNumber,
    descricao: String,
    obs: &'static str,
    contrato: String,
    unidade: &'a str,
    competencia: String,
    codigo: String,
    situacao: &'static str,
}

#[derive(Serialize)]
struct PayloadRow {
    id: u16,
    datavencto: String,
    datapagto: Option<String>,
    valor: JsonNumber,
    situacao: &'static str,
}

/// A number with two decimal places.
fn amount(cents: Cents) -> JsonNumber {
    JsonNumber(cents.decimal())
}

/// The payload as JSON text; `webhook` is the delivery's own number.
pub fn recuperador_payload(
    agreement: &Agreement,
    parties: &Parties<'_>,
    webhook: i64,
) -> Result<String, serde_json::Error> {
    let ended = ended(&agreement.state);
    let settled = matches!(agreement.state, AgreementState::Settled { .. });
    let oldest = agreement.debts.iter().min_by_key(|debt| debt.due_on);
    let down = agreement.rows.iter().find(|row| row.down_payment);
    let first = agreement.rows.iter().find(|row| !row.down_payment);
    let totals = &agreement.totals;
    serde_json::to_string(&Payload {
        id: webhook,
        id_credor: agreement.creditor.0,
        id_acordo: agreement.id.code(),
        id_cliente: agreement.customer.0,
        id_consultor: parties.consultant.0,
        nome_cliente: parties.customer_name,
        cpf_cnpj: parties.customer_document,
        nome_credor: parties.creditor_name,
        nome_consultor: parties.consultant.1,
        data: agreement.created_on.to_string(),
        atraso: oldest.map_or(0, |debt| debt.days_late.max(0)),
        datavencto_original: oldest
            .map(|debt| debt.due_on.to_string())
            .unwrap_or_default(),
        valor_original: amount(totals.original),
        valor_acordo: amount(agreement.total),
        parcelas: agreement.rows.len(),
        periodicidade: match agreement.periodicity {
            Periodicity::Monthly => "M",
            Periodicity::Fortnightly => "Q",
            Periodicity::Weekly => "S",
        },
        dataprivencto: first.map(|row| row.due_on.to_string()).unwrap_or_default(),
        entrada: yes_no(down.is_some()),
        data_entrada: down.map(|row| row.due_on.to_string()),
        valor_entrada: amount(down.map_or(Cents::ZERO, |row| row.amount)),
        feito_via_portal_negociacao: yes_no(agreement.via_portal),
        valor_desconto_juros_multa_correcao: amount(
            totals.interest_discount + totals.fine_discount,
        ),
        valor_desconto_principal: amount(totals.principal_discount + totals.anticipation),
        valor_juros_proporcional_acordado: amount(totals.interest_discount),
        valor_multa_proporcional_acordada: amount(totals.fine_discount),
        valor_correcao_proporcional_acordada: amount(Cents::ZERO),
        obs: &agreement.notes,
        obs_publicas: &agreement.public_notes,
        cancelado: yes_no(ended.is_some()),
        data_cancelamento: ended.as_ref().map(|(on, _)| on.to_string()),
        motivo_cancelamento: ended.as_ref().map(|(_, why)| why.clone()),
        situacao: if settled {
            "Q"
        } else if ended.is_some() {
            "I"
        } else {
            "A"
        },
        lista_dividas: agreement
            .debts
            .iter()
            .map(|debt| debt_of(agreement, debt))
            .collect(),
        lista_parcelas: agreement.rows.iter().map(row_of).collect(),
    })
}

/// When it ended without being paid, and why.
fn ended(state: &AgreementState) -> Option<(Date, String)> {
    match state {
        AgreementState::Broken { on, how } => Some((*on, Breaking::text(how))),
        AgreementState::Cancelled { on, reason } => Some((*on, reason.clone())),
        AgreementState::Expired { on } => Some((*on, "Proposta expirada".to_owned())),
        _ => None,
    }
}

fn debt_of<'a>(agreement: &Agreement, debt: &'a AgreedDebt) -> PayloadDebt<'a> {
    let bill = debt.contract.bill;
    // "data de pagamento da dívida, definida apenas quando o acordo estiver quitado"
    let settled_on = match agreement.state {
        AgreementState::Settled { on } => Some(debt.paid_on.unwrap_or(on)),
        _ => None,
    };
    PayloadDebt {
        id: bill
            .0
            .saturating_mul(1_000_000)
            .saturating_add(debt.installment.0),
        datavencto: debt.due_on.to_string(),
        datapagto: settled_on.map(|day| day.to_string()),
        valor: amount(debt.amounts.original),
        descricao: format!(
            "Parcela {}",
            debt.label
                .clone()
                .unwrap_or_else(|| debt.installment.to_string())
        ),
        obs: "",
        contrato: bill.to_string(),
        unidade: debt.unit.as_deref().unwrap_or(""),
        competencia: format!("{:02}/{:04}", debt.due_on.month(), debt.due_on.year()),
        codigo: format!("{bill}/{}", debt.installment),
        situacao: paid_word(settled_on),
    }
}

fn row_of(row: &AgreedRow) -> PayloadRow {
    PayloadRow {
        id: row.number,
        datavencto: row.due_on.to_string(),
        datapagto: row.paid_on.map(|day| day.to_string()),
        valor: amount(row.amount),
        situacao: paid_word(row.paid_on),
    }
}

const fn yes_no(yes: bool) -> &'static str {
    if yes { "S" } else { "N" }
}

const fn paid_word(paid_on: Option<Date>) -> &'static str {
    if paid_on.is_some() { "P" } else { "N" }
}
