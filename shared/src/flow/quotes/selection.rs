//! Resolves a selection to installments of the portfolio. Pure; all faults are reported at once, each at its field.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Fault, QuoteError};
use crate::calculation::{Correction, Debt, is_computable};
use crate::calendar::{Date, brazilian};
use crate::ids::{BillId, CreditorId, CustomerId, InstallmentId};
use crate::portfolio::{Contract, ContractState, HeldBill, Installment, InstallmentState};

/// A bill and its selected installments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The bill.
    pub bill: BillId,
    /// Its installments.
    pub installments: Vec<InstallmentId>,
    /// Their indexer in Sienge, if all have the same one.
    pub indexer: Option<i32>,
}

/// A bill's part of a selection, as its debts without Sienge's figures.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    /// Its place in the request.
    pub index: usize,
    pub bill: BillId,
    pub customer: CustomerId,
    creditor: CreditorId,
    pub debts: Vec<Debt>,
    /// As in [`Selected`]; none before Sienge is read.
    pub indexer: Option<i32>,
}

impl Chosen {
    pub fn selected(&self) -> Selected {
        Selected {
            bill: self.bill,
            installments: self.debts.iter().map(|debt| debt.installment).collect(),
            indexer: self.indexer,
        }
    }
}

/// Checks a selection before anything is read.
pub(super) fn check_bills(bills: &[SelectedBill]) -> Result<(), QuoteError> {
    if bills.is_empty() {
        return Err(QuoteError::fault(
            "bills",
            "nenhum título selecionado; selecione ao menos um",
        ));
    }
    if bills.len() > MAX_BILLS {
        let detail = format!(
            "{} títulos selecionados; selecione no máximo {MAX_BILLS}",
            bills.len()
        );
        return Err(QuoteError::fault("bills", detail));
    }
    let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
    for (index, SelectedBill { bill, installments }) in bills.iter().enumerate() {
        if !seen.insert(*bill) {
            faults.push(fault(
                format!("bills[{index}].bill"),
                format!("o título {bill} foi selecionado duas vezes; selecione-o uma vez"),
            ));
        }
        let mut ids = BTreeSet::new();
        for (place, id) in installments.iter().flatten().enumerate() {
            if !ids.insert(*id) {
                let detail = format!(
                    "a parcela {id} do título {bill} foi selecionada duas vezes; selecione-a uma vez"
                );
                faults.push(fault(
                    format!("bills[{index}].installments[{place}]"),
                    detail,
                ));
            }
        }
        if installments.as_ref().is_some_and(Vec::is_empty) {
            let detail = "nenhuma parcela selecionada; selecione ao menos uma, ou omita o campo para todas as abertas";
            faults.push(fault(format!("bills[{index}].installments"), detail));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(QuoteError::Invalid(faults))
    }
}

/// The creditor and the debts of each bill, in the request's order.
pub(super) fn choose(
    bills: &[SelectedBill],
    held: &[(BillId, HeldBill)],
) -> Result<(CreditorId, Vec<Chosen>), QuoteError> {
    let mut faults = Vec::new();
    let mut chosen: Vec<Chosen> = Vec::with_capacity(bills.len());
    for (index, selected) in bills.iter().enumerate() {
        let held = held
            .iter()
            .find(|(bill, _)| *bill == selected.bill)
            .map(|(_, held)| held);
        match open_contract(selected.bill, held) {
            Err(detail) => faults.push(fault(format!("bills[{index}].bill"), detail)),
            Ok((held, contract)) => {
                let found = installments(index, selected, held, contract, &mut faults);
                chosen.push(Chosen {
                    index,
                    bill: selected.bill,
                    customer: contract.key.customer,
                    creditor: contract.creditor,
                    debts: found,
                    indexer: None,
                });
            }
        }
    }
    let creditor = chosen.first().map(|first| first.creditor);
    for other in &chosen {
        if let Some(creditor) = creditor
            && other.creditor != creditor
        {
            let detail = format!(
                "o título {} é do credor {} e o primeiro é do credor {creditor}; calcule um credor de cada vez",
                other.bill, other.creditor
            );
            faults.push(fault(format!("bills[{}].bill", other.index), detail));
        }
    }
    match creditor {
        Some(creditor) if faults.is_empty() => Ok((creditor, chosen)),
        _ => Err(QuoteError::Invalid(faults)),
    }
}

fn open_contract(bill: BillId, held: Option<&HeldBill>) -> Result<(&HeldBill, &Contract), String> {
    let unknown = || {
        format!(
            "título {bill} não encontrado na carteira; confira o número ou aguarde a próxima carga"
        )
    };
    let held = held
        .filter(|held| held.has_contracts())
        .ok_or_else(unknown)?;
    if let Some(contract) = held
        .contracts()
        .find(|contract| contract.state == ContractState::Open)
    {
        return match contract.waiting() {
            Some(waiting) if contract.waits_for_assignment() => Err(waiting),
            _ => Ok((held, contract)),
        };
    }
    let ended = held
        .contracts()
        .max_by_key(|contract| match contract.state {
            ContractState::Finished { on }
            | ContractState::Cancelled { on }
            | ContractState::Assigned { on } => Some(on),
            ContractState::Open => None,
        });
    let retyped = ended.is_some_and(Contract::is_retyped);
    Err(match ended.map(|contract| contract.state) {
        Some(ContractState::Finished { on }) => format!(
            "o título {bill} está finalizado desde {}: nada em aberto",
            brazilian(on)
        ),
        Some(ContractState::Cancelled { on }) => format!(
            "o título {bill} foi cancelado (distrato) em {}",
            brazilian(on)
        ),
        Some(ContractState::Assigned { on }) if retyped => {
            format!(
                "o título {bill} mudou de tipo em {}; aguarde a próxima carga",
                brazilian(on)
            )
        }
        Some(ContractState::Assigned { on }) => format!(
            "o título {bill} mudou de titular em {}; aguarde a próxima carga",
            brazilian(on)
        ),
        _ => unknown(),
    })
}

fn installments(
    index: usize,
    selected: &SelectedBill,
    held: &HeldBill,
    contract: &Contract,
    faults: &mut Vec<Fault>,
) -> Vec<Debt> {
    let mut found = Vec::new();
    let Some(ids) = &selected.installments else {
        found.extend(
            held.installments_of(&contract.key)
                .filter(|row| row.is_open())
                .map(|row| debt(row, contract)),
        );
        if found.is_empty() {
            let detail = format!("o título {} não tem parcelas em aberto", selected.bill);
            faults.push(fault(format!("bills[{index}].bill"), detail));
        }
        return found;
    };
    for (place, id) in ids.iter().enumerate() {
        let row = held.installment(&contract.key, *id);
        let read = match row.map(|row| (row, row.state)) {
            None => Err(format!(
                "a parcela {id} não existe no título {}",
                selected.bill
            )),
            Some((_, InstallmentState::Closed { reason, on })) => Err(format!(
                "a parcela {id} do título {} não está em aberto: {} em {}",
                selected.bill,
                reason.text(),
                brazilian(on)
            )),
            Some((row, InstallmentState::Open)) => Ok(debt(row, contract)),
        };
        match read {
            Ok(debt) => found.push(debt),
            Err(detail) => faults.push(fault(
                format!("bills[{index}].installments[{place}]"),
                detail,
            )),
        }
    }
    found
}

fn debt(row: &Installment, contract: &Contract) -> Debt {
    Debt {
        bill: contract.key.bill,
        installment: row.id,
        due_on: row.due_on,
        original: row.balance,
        enterprise: contract.enterprise,
        document_type: Some(contract.key.document_type.clone()),
        condition: row.condition.clone(),
        correction: Correction::None,
        sienge: None,
        partly_paid: row.balance < row.original,
        late_terms: None,
    }
}

/// Names implausible due dates, so that the other installments can be calculated without them.
pub(super) fn check_due_dates(chosen: &[Chosen], on: Date) -> Result<(), QuoteError> {
    let mut faults = Vec::new();
    for chosen in chosen {
        for debt in chosen
            .debts
            .iter()
            .filter(|debt| !is_computable(debt.due_on, on))
        {
            let detail = format!(
                "a parcela {} do título {} vence em {}, o que não pode estar certo; corrija o vencimento no Sienge ou calcule as outras parcelas",
                debt.installment,
                debt.bill,
                brazilian(debt.due_on)
            );
            faults.push(fault(format!("bills[{}].bill", chosen.index), detail));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(QuoteError::Invalid(faults))
}

fn fault(path: String, detail: impl Into<String>) -> Fault {
    Fault {
        path,
        detail: detail.into(),
    }
}

/// Most bills of one quote: each costs two calls to Sienge.
pub const MAX_BILLS: usize = 20;

/// A bill in a selection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelectedBill {
    /// The bill (título), the contract's number for the CRM.
    pub bill: BillId,
    /// Its installments; all open ones when absent.
    #[serde(default)]
    pub installments: Option<Vec<InstallmentId>>,
}

#[cfg(test)]
mod tests;
