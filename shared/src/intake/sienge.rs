//! Sienge's webhooks: receivers, events and where their bodies point.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::digest::sha256_hex;
use crate::portfolio::{BillId, CustomerId, InstallmentId, SalesContractId, UnitId};

/// The deepest nesting a body may have; Sienge's have two levels.
const MAX_DEPTH: usize = 16;
/// The most bills one event may name.
const MAX_BILLS: usize = 1_000;

/// An address a webhook may be sent to: `POST /webhook/{receiver}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    /// `sienge`: the event is named by the header `x-sienge-event`.
    Sienge,
    /// A name of its own (`SiengePagamentos`), which stands for the event when the header is missing.
    Named(&'static str, Event),
}

const NAMED: [(&str, Event); 10] = [
    ("SiengePagamentos", Event::ReceiptProcessed),
    ("SiengeContratoCancelado", Event::SalesContractCanceled),
    ("SiengeParcelaCriada", Event::InstallmentCreated),
    ("SiengeParcelaAlterada", Event::InstallmentUpdated),
    ("SiengeInstallmentUpdated", Event::InstallmentUpdated),
    ("SiengeParcelaRemovida", Event::InstallmentRemoved),
    ("SiengeBoletoCriado", Event::BoletoChanged),
    ("SiengeSpcInclusao", Event::CreditBureau),
    ("SiengeSpcAtualizado", Event::CreditBureau),
    ("SiengeSpcExclusao", Event::CreditBureau),
];

impl Receiver {
    /// Finds the receiver by its name in the address; letter case does not matter.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("sienge") {
            return Some(Self::Sienge);
        }
        NAMED
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(known, event)| Self::Named(known, *event))
    }

    /// Canonical name, used in keys and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sienge => "sienge",
            Self::Named(name, _) => name,
        }
    }

    /// The event of a delivery. The header wins, because the same address may be registered for several events;
    /// `None` when nothing names it.
    #[must_use]
    pub fn event(self, header: Option<&str>) -> Option<Event> {
        match (self, header.map(str::trim).filter(|name| !name.is_empty())) {
            (Self::Named(_, Event::CreditBureau), _) => Some(Event::CreditBureau),
            (_, Some(name)) => Some(Event::named(name)),
            (Self::Named(_, event), None) => Some(event),
            (Self::Sienge, None) => None,
        }
    }
}

/// What an event is about, as far as Ponte cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// `RECEIPT_PROCESSED`.
    ReceiptProcessed,
    /// `RECEIVABLE_INSTALLMENT_CREATED`.
    InstallmentCreated,
    /// `RECEIVABLE_INSTALLMENT_UPDATED`.
    InstallmentUpdated,
    /// `RECEIVABLE_INSTALLMENT_REMOVED`.
    InstallmentRemoved,
    /// `UPDATE_RECEIVABLE_BILL_SITUATION`: names several bills.
    BillSituationUpdated,
    /// `ASSIGNMENT_RIGHTS_AGREEMENT_UPDATED`.
    RightsAssigned,
    /// `BOOK_COLLECTION_CONFIRMED` and `PAYMENT_SLIP_REGISTERED`.
    BoletoChanged,
    /// `SALES_CONTRACT_CANCELED` (one L).
    SalesContractCanceled,
    /// The other `SALES_CONTRACT_*`.
    SalesContractChanged,
    /// `CUSTOMER_*`.
    CustomerChanged,
    /// `UNIT_*`.
    UnitChanged,
    /// The playbook's three SPC receivers: Sienge publishes no such event, the daily load reads the state instead.
    CreditBureau,
    /// An event Ponte has no use for: accepted, noted, not processed.
    Unused,
}

impl Event {
    /// Reads an event's name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "RECEIPT_PROCESSED" => Self::ReceiptProcessed,
            "RECEIVABLE_INSTALLMENT_CREATED" => Self::InstallmentCreated,
            "RECEIVABLE_INSTALLMENT_UPDATED" => Self::InstallmentUpdated,
            "RECEIVABLE_INSTALLMENT_REMOVED" => Self::InstallmentRemoved,
            "UPDATE_RECEIVABLE_BILL_SITUATION" => Self::BillSituationUpdated,
            "ASSIGNMENT_RIGHTS_AGREEMENT_UPDATED" => Self::RightsAssigned,
            "BOOK_COLLECTION_CONFIRMED" | "PAYMENT_SLIP_REGISTERED" => Self::BoletoChanged,
            "SALES_CONTRACT_CANCELED" => Self::SalesContractCanceled,
            "SALES_CONTRACT_CREATED" | "SALES_CONTRACT_UPDATED" | "SALES_CONTRACT_REMOVED" | "SALES_CONTRACT_ISSUED" => {
                Self::SalesContractChanged
            }
            "CUSTOMER_CREATED" | "CUSTOMER_UPDATED" | "CUSTOMER_REMOVED" | "CUSTOMER_DISABLED" | "CUSTOMER_ENABLED" => {
                Self::CustomerChanged
            }
            "UNIT_CREATED" | "UNIT_UPDATED" | "UNIT_REMOVED" => Self::UnitChanged,
            _ => Self::Unused,
        }
    }
}

/// Where a delivery tells us to look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Bills to read.
    pub bills: BTreeSet<BillId>,
    /// Whether the boletos of those bills are the matter, which only some sources tell.
    pub boleto: bool,
    /// The installment of the (only) bill that it is news of, if Sienge has it.
    pub installment: Option<InstallmentId>,
    /// Whether that one was paid or changed: it was there before.
    pub was_there: bool,
    /// The installment of the (only) bill that was removed.
    pub gone: Option<InstallmentId>,
    /// Sales contracts to read.
    pub sales_contracts: BTreeSet<SalesContractId>,
    /// Customers to read.
    pub customers: BTreeSet<CustomerId>,
    /// Units to read.
    pub units: BTreeSet<UnitId>,
}

/// Why a body can't be used; the Portuguese text names the field and a correct value, and quotes nothing of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, or not UTF-8.
    #[error("o corpo não é JSON: envie um objeto como {{\"billId\": 295, \"installmentId\": 1}}")]
    NotJson,
    /// JSON, but not an object, or nested too deeply.
    #[error("o corpo não é um objeto JSON simples: envie um objeto como {{\"billId\": 295, \"installmentId\": 1}}")]
    NotAnObject,
    /// The id that the event needs is missing or not a positive whole number.
    #[error("{field}: ausente ou não é um número inteiro positivo; por exemplo {{\"{field}\": 295}}")]
    Field {
        /// The field.
        field: &'static str,
    },
}

/// Reads where the body points. Extra fields are welcome, numbers may be written as strings.
pub fn read_hints(event: Event, body: &[u8]) -> Result<Hints, Unreadable> {
    let body = parse(body)?;
    let mut hints = Hints::default();
    match event {
        Event::ReceiptProcessed | Event::InstallmentUpdated => {
            hints.bills = bills(&body)?;
            hints.installment = installment(&body, &hints.bills);
            hints.was_there = hints.installment.is_some();
        }
        Event::InstallmentCreated => {
            hints.bills = bills(&body)?;
            hints.installment = installment(&body, &hints.bills);
        }
        Event::InstallmentRemoved => {
            hints.bills = bills(&body)?;
            hints.gone = installment(&body, &hints.bills);
        }
        Event::BillSituationUpdated | Event::RightsAssigned => hints.bills = bills(&body)?,
        Event::BoletoChanged => {
            hints.bills = bills(&body)?;
            hints.installment = installment(&body, &hints.bills);
            hints.boleto = true;
        }
        Event::SalesContractCanceled | Event::SalesContractChanged => {
            hints.sales_contracts.insert(SalesContractId(required(&body, "salesContractId")?));
        }
        Event::CustomerChanged => {
            hints.customers.insert(CustomerId(required(&body, "customerId")?));
        }
        Event::UnitChanged => {
            hints.units.insert(UnitId(required(&body, "unitId")?));
        }
        // No published body: whatever bill it names is looked at, and naming none is no error.
        Event::CreditBureau => hints.bills = bills(&body).unwrap_or_default(),
        Event::Unused => {}
    }
    Ok(hints)
}

/// The deduplication key: `x-sienge-id` where given, else the hash of receiver, event and body.
#[must_use]
pub fn dedup_key(receiver: Receiver, event: Option<&str>, sienge_id: Option<&str>, body: &[u8]) -> String {
    let usable = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    let given = sienge_id.map(str::trim).filter(usable);
    given.map_or_else(
        || {
            format!(
                "sha256-{}",
                sha256_hex(&[receiver.name().as_bytes(), event.unwrap_or_default().as_bytes(), body])
            )
        },
        str::to_owned,
    )
}

fn parse(body: &[u8]) -> Result<serde_json::Map<String, Value>, Unreadable> {
    let value: Value = serde_json::from_slice(body).map_err(|_| Unreadable::NotJson)?;
    match value {
        Value::Object(object) if object.values().all(|value| shallower_than(value, MAX_DEPTH)) => Ok(object),
        _ => Err(Unreadable::NotAnObject),
    }
}

fn shallower_than(value: &Value, depth: usize) -> bool {
    depth > 0
        && match value {
            Value::Array(items) => items.iter().all(|item| shallower_than(item, depth - 1)),
            Value::Object(fields) => fields.values().all(|item| shallower_than(item, depth - 1)),
            _ => true,
        }
}

/// `billId` (receipts, collection book) or `receivableBillId` (one or an array).
fn bills(body: &serde_json::Map<String, Value>) -> Result<BTreeSet<BillId>, Unreadable> {
    const FIELD: &str = "receivableBillId";
    let named = body
        .get(FIELD)
        .or_else(|| body.get("billId"))
        .or_else(|| body.get("billReceivableId"));
    let field = if body.contains_key("billId") { "billId" } else { FIELD };
    let listed: Vec<&Value> = match named {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
        None => return Err(Unreadable::Field { field }),
    };
    if listed.is_empty() || listed.len() > MAX_BILLS {
        return Err(Unreadable::Field { field });
    }
    listed
        .into_iter()
        .map(|value| positive(value).map(BillId).ok_or(Unreadable::Field { field }))
        .collect()
}

/// The installment named; with several bills it could be of any.
fn installment(body: &serde_json::Map<String, Value>, bills: &BTreeSet<BillId>) -> Option<InstallmentId> {
    let named = body.get("installmentId").and_then(positive).map(InstallmentId);
    named.filter(|_| bills.len() == 1)
}

fn required(body: &serde_json::Map<String, Value>, field: &'static str) -> Result<i64, Unreadable> {
    body.get(field).and_then(positive).ok_or(Unreadable::Field { field })
}

fn positive(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_names_its_bill_as_bill_id() {
        let hints = read_hints(Event::ReceiptProcessed, br#"{"billId": 295, "installmentId": 1}"#).unwrap();
        assert_eq!(hints.bills, BTreeSet::from([BillId(295)]));
        assert!(!hints.boleto);
    }

    #[test]
    fn only_payments_and_changes_are_news_of_an_installment_that_was_there() {
        let told = |event, body: &str| {
            let hints = read_hints(event, body.as_bytes()).unwrap();
            (hints.installment, hints.was_there)
        };
        let gone = |event| read_hints(event, br#"{"receivableBillId": 295, "installmentId": 1}"#).unwrap().gone;
        assert_eq!(gone(Event::InstallmentRemoved), Some(InstallmentId(1)));
        assert_eq!(gone(Event::InstallmentUpdated), None);
        let one = r#"{"billId": 295, "installmentId": 1}"#;
        for event in [Event::ReceiptProcessed, Event::InstallmentUpdated] {
            assert_eq!(told(event, one), (Some(InstallmentId(1)), true), "{event:?}");
            assert_eq!(told(event, r#"{"billId": 295}"#), (None, false), "{event:?}: of which one?");
            let several = r#"{"receivableBillId": [295, 296], "installmentId": 1}"#;
            assert_eq!(told(event, several), (None, false), "{event:?}: of which bill?");
        }
        for event in [Event::InstallmentCreated, Event::BoletoChanged] {
            assert_eq!(told(event, one), (Some(InstallmentId(1)), false), "{event:?}");
        }
        for event in [Event::InstallmentRemoved, Event::RightsAssigned, Event::BillSituationUpdated] {
            assert_eq!(told(event, one), (None, false), "{event:?}");
        }
    }

    #[test]
    fn numbers_may_be_strings_and_extra_fields_are_welcome() {
        let hints = read_hints(
            Event::InstallmentUpdated,
            br#"{"receivableBillId": " 295 ", "installmentId": "1", "x": [1, {"y": null}]}"#,
        )
        .unwrap();
        assert_eq!(hints.bills, BTreeSet::from([BillId(295)]));
    }

    #[test]
    fn a_situation_names_many_bills() {
        let hints = read_hints(Event::BillSituationUpdated, br#"{"receivableBillId": [2, 1, 2], "situation": "x"}"#).unwrap();
        assert_eq!(hints.bills, BTreeSet::from([BillId(1), BillId(2)]));
    }

    #[test]
    fn a_missing_or_wrong_id_names_the_field() {
        for body in [
            &br#"{"installmentId": 1}"#[..],
            br#"{"receivableBillId": -1}"#,
            br#"{"receivableBillId": 1.5}"#,
            br#"{"receivableBillId": []}"#,
        ] {
            assert_eq!(
                read_hints(Event::InstallmentCreated, body),
                Err(Unreadable::Field { field: "receivableBillId" })
            );
        }
        assert_eq!(
            read_hints(Event::CustomerChanged, b"{}"),
            Err(Unreadable::Field { field: "customerId" })
        );
    }

    #[test]
    fn what_is_not_a_json_object_is_unreadable() {
        assert_eq!(read_hints(Event::ReceiptProcessed, b"\xff\xfe"), Err(Unreadable::NotJson));
        assert_eq!(read_hints(Event::Unused, b"[1]"), Err(Unreadable::NotAnObject));
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(read_hints(Event::Unused, deep.as_bytes()), Err(Unreadable::NotAnObject));
        let deeper = "[".repeat(100_000);
        assert_eq!(read_hints(Event::Unused, deeper.as_bytes()), Err(Unreadable::NotJson));
    }

    #[test]
    fn the_header_names_the_event_and_the_receiver_stands_in_for_it() {
        let payments = Receiver::find("siengepagamentos").unwrap();
        assert_eq!(payments.event(None), Some(Event::ReceiptProcessed));
        assert_eq!(
            payments.event(Some("RECEIVABLE_INSTALLMENT_REMOVED")),
            Some(Event::InstallmentRemoved)
        );
        assert_eq!(Receiver::Sienge.event(None), None);
        assert_eq!(Receiver::Sienge.event(Some("PURCHASE_ORDER_X")), Some(Event::Unused));
        assert_eq!(
            Receiver::find("SiengeSpcInclusao").unwrap().event(Some("ANY")),
            Some(Event::CreditBureau)
        );
        assert_eq!(Receiver::find("other"), None);
    }

    #[test]
    fn an_spc_notice_may_name_no_bill() {
        assert!(read_hints(Event::CreditBureau, b"{}").unwrap().bills.is_empty());
        assert_eq!(
            read_hints(Event::CreditBureau, br#"{"billReceivableId": 7}"#).unwrap().bills,
            BTreeSet::from([BillId(7)])
        );
    }

    #[test]
    fn deliveries_without_an_id_are_told_apart_by_receiver_and_body() {
        let payments = Receiver::find("SiengePagamentos").unwrap();
        assert_eq!(dedup_key(payments, None, Some("abc-1"), b"x"), "abc-1");
        assert_ne!(dedup_key(payments, None, None, b"x"), dedup_key(payments, None, None, b"y"));
        assert_ne!(dedup_key(payments, None, None, b"x"), dedup_key(Receiver::Sienge, None, None, b"x"));
        assert!(dedup_key(payments, None, Some("a#b"), b"x").starts_with("sha256-"));
    }
}
