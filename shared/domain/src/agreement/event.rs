//! The timeline events of an agreement: one for each of its contracts.

use super::{Agreement, AgreementKind};
use crate::calendar::Date;
use crate::digest::sha256_hex;
use crate::ids::InstallmentId;
use crate::portfolio::{AgreementChange, AgreementEvent, ContractKey, EventKind, TimelineEvent};

/// The events of one transition: one on each of its contracts' timelines, naming the original installments.
pub(super) fn emit(
    agreement: &Agreement,
    change: &AgreementChange,
    on: Date,
) -> Vec<TimelineEvent> {
    let contracts = agreement.originals().into_iter();
    contracts
        .enumerate()
        .map(|(index, (contract, installments))| {
            let event = event_of(agreement, change.clone(), index == 0);
            timeline(
                contract,
                on,
                event,
                installments,
                &agreement.revision.to_string(),
            )
        })
        .collect()
}

/// `Pagamento` of a row, on the contract where the payment was found.
pub(super) fn emit_payment(
    agreement: &Agreement,
    change: AgreementChange,
    contract: &ContractKey,
    paid: Vec<InstallmentId>,
    on: Date,
) -> TimelineEvent {
    let number = match &change {
        AgreementChange::Paid { number, .. } => *number,
        _ => 0,
    };
    let detail = format!("{}|{number}", agreement.revision);
    timeline(
        contract,
        on,
        event_of(agreement, change, true),
        paid,
        &detail,
    )
}

fn event_of(agreement: &Agreement, change: AgreementChange, leads: bool) -> AgreementEvent {
    AgreementEvent {
        agreement: agreement.id.clone(),
        change,
        leads,
        creditor: agreement.creditor,
        integrated: agreement.kind == AgreementKind::Integrated,
        bills: agreement.bills().into_iter().collect(),
        original: agreement.totals.original,
        discount: agreement.totals.discount,
        total: agreement.total,
        payments: u16::try_from(agreement.rows.len()).unwrap_or(u16::MAX),
        first_due: agreement
            .rows
            .first()
            .map_or(agreement.created_on, |row| row.due_on),
    }
}

/// The id follows from the change and the agreement's revision: repeating the same action yields the same id.
fn timeline(
    contract: &ContractKey,
    on: Date,
    event: AgreementEvent,
    installments: Vec<InstallmentId>,
    detail: &str,
) -> TimelineEvent {
    let parts = [
        event.agreement.as_str(),
        event.change.name(),
        detail,
        &contract.bill.to_string(),
        contract.document_type.as_str(),
        &contract.customer.to_string(),
    ];
    let mut id = sha256_hex(&parts.map(str::as_bytes));
    id.truncate(32);
    TimelineEvent {
        id,
        contract: contract.clone(),
        on,
        kind: EventKind::Agreement(Box::new(event)),
        revisions: vec![0; installments.len()],
        installments,
        contract_revision: 0,
    }
}
