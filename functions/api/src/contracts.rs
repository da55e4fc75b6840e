//! `POST /v1/contracts/{bill}/open`: a contract, made equal to Sienge.

use ponte::calendar::{Date, brazilian};
use ponte::flow::Adapters;
use ponte::flow::OpenedBill;
use ponte::ids::{BillId, CreditorId, CustomerId, InstallmentId};
use ponte::money::Cents;
use ponte::portfolio::{
    Contract, ContractState, HeldBill, Installment, InstallmentState, TimelineEvent,
};
use ponte::store::Role;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;

use crate::{Call, HttpAnswer, Problem, Repeat, Route, audit};

pub(crate) const OPEN: Route = Route {
    method: "POST",
    path: "/v1/contracts/{bill}/open",
    query: &[],
    role: Some(Role::Operator),
    repeat: Repeat::No,
    name: "openContract",
    summary: "Reads a contract of the portfolio in Sienge, makes the portfolio equal (an agreement whose remake is gone there is broken), and answers \
              its installments and its newest events. Call it when an operator opens the customer.",
    request: None,
    response: SchemaGenerator::subschema_for::<OpenedContract>,
    sienge_calls: |_| 3,
    emails: 0,
    audit: Some(audit::bill),
    handle: |adapters, call| Box::pin(open(adapters, call)),
};

/// A contract in its present state.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenedContract {
    /// The receivable bill.
    bill: BillId,
    /// Whether Sienge was read; false when the tenant's settings say "Sincronizar dados ao abrir Telecobrança" = Não.
    synchronised: bool,
    /// What could not be read in Sienge, or waits for a reconciliation, in Portuguese; the rest equals Sienge.
    warnings: Vec<String>,
    /// Usually one; after an assignment of rights the former customer's, after a change of the document type the former type's, too.
    contracts: Vec<ContractOfCustomer>,
    /// The newest events, newest first.
    timeline: Vec<ContractEvent>,
}

/// The bill under one customer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContractOfCustomer {
    /// The customer.
    customer: CustomerId,
    /// The creditor (company).
    creditor: CreditorId,
    /// Document number as Sienge shows it.
    number: String,
    /// Main unit's name.
    unit: Option<String>,
    /// Whether it is being collected.
    open: bool,
    /// The same in words.
    state_text: String,
    /// What waits for the next reconciliation, in Portuguese: an assignment of rights, during which nothing is quoted, agreed on or handed
    /// out for this customer, or a change of the document type.
    notice: Option<String>,
    /// All of them, including settled and returned ones.
    installments: Vec<HeldInstallment>,
}

/// An installment.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldInstallment {
    /// Its id within the bill.
    id: InstallmentId,
    /// Number as Sienge shows it (`2/120`).
    label: Option<String>,
    /// Due date.
    due_on: Date,
    /// Payment condition type ("observação de parcela").
    condition: String,
    /// Original value, in reais.
    original: Cents,
    /// Open balance in original money.
    balance: Cents,
    /// Whether a boleto was generated for it.
    boleto: bool,
    /// Whether it is being collected.
    open: bool,
    /// The same in words.
    state_text: String,
}

/// An event of the timeline.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ContractEvent {
    /// Business date.
    on: Date,
    /// What happened, in Portuguese.
    text: String,
}

async fn open(adapters: &Adapters, call: &Call) -> Result<HttpAnswer, Problem> {
    let bill = BillId(call.id("bill")?);
    let session = call.session(adapters).await?;
    let opened = session.open_bill(bill).await;
    session.close().await;
    HttpAnswer::ok(&answer(bill, &opened?))
}

fn answer(bill: BillId, opened: &OpenedBill) -> OpenedContract {
    let event = |event: &TimelineEvent| ContractEvent {
        on: event.on,
        text: event.text(),
    };
    OpenedContract {
        bill,
        synchronised: opened.synchronised,
        warnings: opened.warnings.clone(),
        contracts: opened
            .held
            .contracts()
            .map(|one| contract(one, &opened.held))
            .collect(),
        timeline: opened.timeline.iter().map(event).collect(),
    }
}

fn contract(contract: &Contract, held: &HeldBill) -> ContractOfCustomer {
    let rows = held.installments_of(&contract.key);
    ContractOfCustomer {
        customer: contract.key.customer,
        creditor: contract.creditor,
        number: contract.number.clone(),
        unit: contract.unit.clone(),
        open: contract.state == ContractState::Open,
        state_text: match contract.state {
            ContractState::Open => "em aberto".to_owned(),
            ContractState::Finished { on } => format!("finalizado em {}", brazilian(on)),
            ContractState::Cancelled { on } => format!("cancelado (distrato) em {}", brazilian(on)),
            ContractState::Assigned { on } if contract.is_retyped() => {
                format!("continuado com outro tipo de contrato em {}", brazilian(on))
            }
            ContractState::Assigned { on } => {
                format!("cedido a outro titular em {}", brazilian(on))
            }
        },
        notice: contract.waiting(),
        installments: rows.map(installment).collect(),
    }
}

fn installment(row: &Installment) -> HeldInstallment {
    HeldInstallment {
        id: row.id,
        label: row.label.clone(),
        due_on: row.due_on,
        condition: row.condition.clone(),
        original: row.original,
        balance: row.balance,
        boleto: row.boleto,
        open: row.is_open(),
        state_text: match row.state {
            InstallmentState::Open => "em aberto".to_owned(),
            InstallmentState::Closed { reason, on } => {
                format!("{} em {}", reason.text(), brazilian(on))
            }
        },
    }
}
