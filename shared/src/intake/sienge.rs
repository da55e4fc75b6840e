//! Sienge's webhooks: receivers, events and where their bodies point.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::body::{Body, Ids};
use super::event::{EventHeader, SiengeEvent};
use super::unreadable::Unreadable;
use crate::digest::sha256_hex;
use crate::ids::{BillId, CustomerId, InstallmentId, SalesContractId, UnitId};

/// The most bills one event may name.
const MAX_BILLS: usize = 1_000;
/// Largest body accepted: Sienge's hold ids, and a thousand of them are some 12 KB.
const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// Longest `x-sienge-id` that is kept as it is.
const ID_CHARS: usize = 128;
/// Placeholders that systems write for a missing id.
const NO_IDS: [&str; 5] = [
    "",
    "null",
    "undefined",
    "none",
    "00000000-0000-0000-0000-000000000000",
];

/// An address a webhook may be sent to: `POST /webhook/{receiver}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    /// `sienge`: the event is named by the header `x-sienge-event`.
    Sienge,
    /// A name of its own (`SiengePagamentos`), which says what to read.
    Named(&'static str, SiengeEvent),
}

const NAMED: [(&str, SiengeEvent); 10] = [
    ("SiengePagamentos", SiengeEvent::ReceiptProcessed),
    (
        "SiengeContratoCancelado",
        SiengeEvent::SalesContractCanceled,
    ),
    ("SiengeParcelaCriada", SiengeEvent::InstallmentCreated),
    ("SiengeParcelaAlterada", SiengeEvent::InstallmentUpdated),
    ("SiengeInstallmentUpdated", SiengeEvent::InstallmentUpdated),
    ("SiengeParcelaRemovida", SiengeEvent::InstallmentRemoved),
    ("SiengeBoletoCriado", SiengeEvent::BoletoChanged),
    ("SiengeSpcInclusao", SiengeEvent::CreditBureau),
    ("SiengeSpcAtualizado", SiengeEvent::CreditBureau),
    ("SiengeSpcExclusao", SiengeEvent::CreditBureau),
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

    /// The largest body accepted here, in bytes: a sender of whole documents needs more than Sienge.
    #[must_use]
    pub const fn body_limit_bytes(self) -> usize {
        match self {
            Self::Sienge | Self::Named(..) => BODY_LIMIT_BYTES,
        }
    }

    /// The event that its name stands for, which a header only refines.
    const fn own(self) -> Option<SiengeEvent> {
        match self {
            Self::Sienge => None,
            Self::Named(_, event) => Some(event),
        }
    }

    /// The unknown event in a header, safe to show. Sienge publishes no SPC events, so anything is accepted there.
    #[must_use]
    pub fn unknown_event(self, header: &EventHeader) -> Option<&str> {
        match self.own() {
            Some(SiengeEvent::CreditBureau) => None,
            _ => header.unknown.as_deref(),
        }
    }

    /// The events that a delivery may be, the likeliest first. At a named receiver the address decides, and the header refines it among the used
    /// events; at the general one the header names it, and an unknown one is unused.
    fn events(self, header: &EventHeader) -> Vec<SiengeEvent> {
        let known = &header.known;
        let useful = known
            .iter()
            .copied()
            .find(|event| *event != SiengeEvent::Unused);
        let unused = known
            .contains(&SiengeEvent::Unused)
            .then_some(SiengeEvent::Unused);
        match self.own() {
            Some(own) if own == SiengeEvent::CreditBureau || known.contains(&own) => vec![own],
            Some(own) => useful.into_iter().chain([own]).chain(unused).collect(),
            None => {
                let unknown = header.unknown.as_ref().map(|_| SiengeEvent::Unused);
                useful.or(unused).or(unknown).into_iter().collect()
            }
        }
    }
}

/// What a delivery points at: ids, and nothing else of the body.
///
/// Stored with the webhook, without empty fields. An unknown field is an error, because older code would ignore the ids in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hints {
    /// Bills to read.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub bills: BTreeSet<BillId>,
    /// Whether it concerns the boletos of those bills, which only some sources have.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub boleto: bool,
    /// The installment of the (only) bill that the news concerns, if Sienge has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installment: Option<InstallmentId>,
    /// Whether it was paid or changed: then it existed before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub was_there: bool,
    /// The installment of the (only) bill that was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<InstallmentId>,
    /// Sales contracts to read.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub sales_contracts: BTreeSet<SalesContractId>,
    /// Customers to read.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub customers: BTreeSet<CustomerId>,
    /// Units to read.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub units: BTreeSet<UnitId>,
    /// How many values among these ids cannot be ids of Sienge's.
    #[serde(skip_serializing_if = "is_zero")]
    pub unusable: usize,
}

/// Reads a delivery: its event and what it points at. If the body does not fit the header's event, the address decides; if it fits
/// neither, an unused event counts as unused.
pub fn read(
    receiver: Receiver,
    header: &EventHeader,
    body: &[u8],
) -> Result<(SiengeEvent, Hints), Unreadable> {
    let events = receiver.events(header);
    let body = if events.is_empty() {
        Err(Unreadable::NoEvent)
    } else {
        Body::read(body)
    }?;
    let mut read = Err(Unreadable::NoEvent);
    for event in events {
        read = hints(event, &body).map(|hints| (event, hints));
        if read.is_ok() {
            break;
        }
    }
    read
}

/// Extra fields are welcome, numbers may be written as strings.
fn hints(event: SiengeEvent, body: &Body<'_>) -> Result<Hints, Unreadable> {
    let mut hints = Hints::default();
    match event {
        SiengeEvent::ReceiptProcessed | SiengeEvent::InstallmentUpdated => {
            hints.of_bills(body)?;
            hints.installment = installment(body, &hints.bills);
            hints.was_there = hints.installment.is_some();
        }
        SiengeEvent::InstallmentCreated => {
            hints.of_bills(body)?;
            hints.installment = installment(body, &hints.bills);
        }
        SiengeEvent::InstallmentRemoved => {
            hints.of_bills(body)?;
            hints.gone = installment(body, &hints.bills);
        }
        SiengeEvent::BillSituationUpdated | SiengeEvent::RightsAssigned => hints.of_bills(body)?,
        SiengeEvent::BoletoChanged => {
            hints.of_bills(body)?;
            hints.installment = installment(body, &hints.bills);
            hints.boleto = true;
        }
        SiengeEvent::SalesContractCanceled | SiengeEvent::SalesContractChanged => {
            hints.sales_contracts = hints.required(body, "salesContractId", SalesContractId)?;
        }
        SiengeEvent::CustomerChanged => {
            hints.customers = hints.required(body, "customerId", CustomerId)?;
        }
        SiengeEvent::UnitChanged => hints.units = hints.required(body, "unitId", UnitId)?,
        // There is no published body: any bill in it is read, and having none is not an error.
        SiengeEvent::CreditBureau => {
            if hints.of_bills(body).is_err() {
                hints.bills.clear();
            }
        }
        SiengeEvent::Unused => {}
    }
    Ok(hints)
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Hints {
    /// The ids of a field; there must be at least one.
    fn required<T: Ord>(
        &mut self,
        body: &Body<'_>,
        field: &'static str,
        id: impl Fn(i64) -> T,
    ) -> Result<BTreeSet<T>, Unreadable> {
        let Ids { good, bad } = body.ids(field);
        if good.is_empty() {
            return Err(Unreadable::Field { field });
        }
        self.unusable += bad;
        Ok(good.into_iter().map(id).collect())
    }

    /// `billId` (receipts, collection book) or `receivableBillId` (one or an array).
    fn of_bills(&mut self, body: &Body<'_>) -> Result<(), Unreadable> {
        const FIELDS: [&str; 3] = ["billId", "receivableBillId", "billReceivableId"];
        let field = if body.has("billId") {
            "billId"
        } else {
            "receivableBillId"
        };
        for ids in FIELDS.map(|field| body.ids(field)) {
            self.bills.extend(ids.good.into_iter().map(BillId));
            self.unusable += ids.bad;
        }
        if self.bills.is_empty() || self.bills.len() > MAX_BILLS {
            return Err(Unreadable::Field { field });
        }
        Ok(())
    }
}

/// The installment; with several bills it could belong to any of them.
fn installment(body: &Body<'_>, bills: &BTreeSet<BillId>) -> Option<InstallmentId> {
    let named = body.ids("installmentId").good;
    let one = named
        .first()
        .filter(|_| bills.len() == 1 && named.len() == 1);
    one.copied().map(InstallmentId)
}

/// The identity of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventId {
    /// Safe in a key.
    pub text: String,
    /// Whether it is a digest of the delivery. Sienge's bodies only say what to read, so two events may look alike: the digest identifies one only while
    /// it is pending.
    pub is_digest: bool,
}

/// `x-sienge-id` if given, else the digest of receiver, event and body.
#[must_use]
pub fn event_id(
    receiver: Receiver,
    header: &EventHeader,
    sienge_id: Option<&str>,
    body: &[u8],
) -> EventId {
    if let Some(text) = sienge_id.and_then(stored_id) {
        return EventId {
            text,
            is_digest: false,
        };
    }
    let digest = sha256_hex(&[receiver.name().as_bytes(), header.as_str().as_bytes(), body]);
    EventId {
        text: format!("sha256-{digest}"),
        is_digest: true,
    }
}

/// How an `x-sienge-id` is stored: as it is, or as its digest if it does not fit into a key. `None` for a placeholder, which
/// would make all events one.
#[must_use]
pub fn stored_id(sienge_id: &str) -> Option<String> {
    let id = sienge_id.trim();
    let fits = id.len() <= ID_CHARS && id.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    let names_nothing = |part: &str| NO_IDS.iter().any(|none| part.eq_ignore_ascii_case(none));
    match id {
        // A repeated header is a list.
        id if id.split(',').map(unquoted).all(names_nothing) => None,
        id if fits => Some(id.to_owned()),
        id => Some(format!("id-sha256-{}", sha256_hex(&[id.as_bytes()]))),
    }
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_hints(event: &str, body: &[u8]) -> Result<Hints, Unreadable> {
        read(Receiver::Sienge, &header(Some(event)), body).map(|(_, hints)| hints)
    }

    fn header(text: Option<&str>) -> EventHeader {
        EventHeader::read(text)
    }

    #[test]
    fn a_receipt_names_its_bill_as_bill_id() {
        let hints = read_hints(
            "RECEIPT_PROCESSED",
            br#"{"billId": 295, "installmentId": 1}"#,
        )
        .unwrap();
        assert_eq!(hints.bills, BTreeSet::from([BillId(295)]));
        assert!(!hints.boleto);
    }

    #[test]
    fn what_is_kept_of_hints_is_small_and_read_back_whole() {
        let hints = read_hints(
            "RECEIPT_PROCESSED",
            br#"{"billId": 295, "installmentId": 1, "billReceivableId": "x"}"#,
        );
        let hints = hints.unwrap();
        let kept = serde_json::to_string(&hints).unwrap();
        assert_eq!(
            kept,
            r#"{"bills":[295],"installment":1,"was_there":true,"unusable":1}"#
        );
        assert_eq!(serde_json::from_str::<Hints>(&kept).unwrap(), hints);
        assert_eq!(serde_json::to_string(&Hints::default()).unwrap(), "{}");
        assert_eq!(
            serde_json::from_str::<Hints>("{}").unwrap(),
            Hints::default()
        );
        assert!(serde_json::from_str::<Hints>(r#"{"invoices":[7]}"#).is_err());
    }

    #[test]
    fn only_payments_and_changes_are_news_of_an_installment_that_was_there() {
        let read = |event, body: &str| {
            let hints = read_hints(event, body.as_bytes()).unwrap();
            (hints.installment, hints.was_there)
        };
        let gone = |event| {
            read_hints(event, br#"{"receivableBillId": 295, "installmentId": 1}"#)
                .unwrap()
                .gone
        };
        assert_eq!(
            gone("RECEIVABLE_INSTALLMENT_REMOVED"),
            Some(InstallmentId(1))
        );
        assert_eq!(gone("RECEIVABLE_INSTALLMENT_UPDATED"), None);
        let one = r#"{"billId": 295, "installmentId": 1}"#;
        for event in ["RECEIPT_PROCESSED", "RECEIVABLE_INSTALLMENT_UPDATED"] {
            assert_eq!(read(event, one), (Some(InstallmentId(1)), true), "{event}");
            assert_eq!(
                read(event, r#"{"billId": 295}"#),
                (None, false),
                "{event}: of which one?"
            );
            let null = r#"{"billId": 295, "installmentId": null}"#;
            assert_eq!(
                read(event, null),
                (None, false),
                "{event}: null counts as absent"
            );
            let beyond = r#"{"billId": 295, "installmentId": 4294967296}"#;
            assert_eq!(
                read(event, beyond),
                (None, false),
                "{event}: no installment, but a bill"
            );
            let several = r#"{"receivableBillId": [295, 296], "installmentId": 1}"#;
            assert_eq!(
                read(event, several),
                (None, false),
                "{event}: of which bill?"
            );
        }
        for event in ["RECEIVABLE_INSTALLMENT_CREATED", "PAYMENT_SLIP_REGISTERED"] {
            assert_eq!(read(event, one), (Some(InstallmentId(1)), false), "{event}");
        }
        for event in [
            "RECEIVABLE_INSTALLMENT_REMOVED",
            "ASSIGNMENT_RIGHTS_AGREEMENT_UPDATED",
            "UPDATE_RECEIVABLE_BILL_SITUATION",
        ] {
            assert_eq!(read(event, one), (None, false), "{event}");
        }
    }

    #[test]
    fn numbers_may_be_strings_and_extra_fields_are_welcome() {
        let hints = read_hints(
            "RECEIVABLE_INSTALLMENT_UPDATED",
            br#"{"receivableBillId": " 295 ", "installmentId": "1.0", "x": [1, {"y": 1e400}], "z": "\ud800"}"#,
        )
        .unwrap();
        assert_eq!(
            (hints.bills, hints.installment),
            (BTreeSet::from([BillId(295)]), Some(InstallmentId(1)))
        );
    }

    #[test]
    fn a_bill_is_found_under_whichever_name_it_stands() {
        let bills = |body: &str| {
            read_hints("RECEIPT_PROCESSED", body.as_bytes())
                .unwrap()
                .bills
        };
        let one = BTreeSet::from([BillId(295)]);
        assert_eq!(bills(r#"{"receivableBillId": null, "billId": 295}"#), one);
        assert_eq!(bills(r#"{"billId": null, "receivableBillId": 295}"#), one);
        assert_eq!(
            bills(r#"{"receivableBillId": "?", "billReceivableId": 295.0}"#),
            one
        );
        assert_eq!(bills(r#"{"billId": 295, "receivableBillId": 295}"#), one);
    }

    #[test]
    fn a_situation_names_many_bills_and_one_that_none_can_be_hides_no_other() {
        let read = |body: &[u8]| read_hints("UPDATE_RECEIVABLE_BILL_SITUATION", body).unwrap();
        let hints = read(br#"{"receivableBillId": [2, 1, 2], "situation": "x"}"#);
        assert_eq!(
            (hints.bills.into_iter().collect::<Vec<_>>(), hints.unusable),
            (vec![BillId(1), BillId(2)], 0)
        );
        let hints = read(br#"{"receivableBillId": [2, 4294967296, null, "x"]}"#);
        assert_eq!(
            (hints.bills.into_iter().collect::<Vec<_>>(), hints.unusable),
            (vec![BillId(2)], 2)
        );
    }

    #[test]
    fn a_missing_or_wrong_id_names_the_field() {
        for body in [
            &br#"{"installmentId": 1}"#[..],
            br#"{"receivableBillId": -1}"#,
            br#"{"receivableBillId": 1.5}"#,
            br#"{"receivableBillId": []}"#,
            br#"{"receivableBillId": [null]}"#,
            br#"{"receivableBillId": 2147483648}"#,
            br#"{"receivableBillId": null}"#,
        ] {
            assert_eq!(
                read_hints("RECEIVABLE_INSTALLMENT_CREATED", body),
                Err(Unreadable::Field {
                    field: "receivableBillId"
                })
            );
        }
        let beyond = read_hints("RECEIPT_PROCESSED", br#"{"billId": 4294967296}"#).unwrap_err();
        assert_eq!(beyond, Unreadable::Field { field: "billId" });
        assert!(beyond.to_string().contains("1 a 2147483647"), "{beyond}");
        for (event, field) in [
            ("CUSTOMER_UPDATED", "customerId"),
            ("UNIT_UPDATED", "unitId"),
            ("SALES_CONTRACT_CANCELED", "salesContractId"),
        ] {
            assert_eq!(read_hints(event, b"{}"), Err(Unreadable::Field { field }));
            let beyond = format!("{{\"{field}\": 4294967296}}");
            assert_eq!(
                read_hints(event, beyond.as_bytes()),
                Err(Unreadable::Field { field })
            );
        }
    }

    #[test]
    fn what_is_not_a_json_object_is_unreadable() {
        let unused = |body: &[u8]| read_hints("PURCHASE_ORDER_CREATED", body);
        assert_eq!(
            read_hints("RECEIPT_PROCESSED", b"\xff\xfe"),
            Err(Unreadable::NotJson)
        );
        assert_eq!(unused(b"[1]"), Err(Unreadable::NotAnObject));
        assert_eq!(
            unused("[".repeat(100_000).as_bytes()),
            Err(Unreadable::NotJson)
        );
    }

    #[test]
    fn at_a_named_receiver_the_address_decides_and_the_header_refines_it() {
        const BODY: &[u8] = br#"{"billId": 295, "installmentId": 1}"#;
        let payments = Receiver::find("siengepagamentos").unwrap();
        let event = |text| read(payments, &header(text), BODY).unwrap().0;
        for own in [
            None,
            Some(""),
            Some("RECEIPT_PROCESSED"),
            Some("receipt-processed"),
            Some("RECEIPT_PROCESSED, RECEIPT_PROCESSED"),
            Some("RECEIPT_PROCESSED_V2"),
            Some("UNIT_UPDATED"),
            Some("UNIT_UPDATED, RECEIPT_PROCESSED"),
        ] {
            assert_eq!(event(own), SiengeEvent::ReceiptProcessed, "{own:?}");
        }
        assert_eq!(
            event(Some("RECEIVABLE_INSTALLMENT_REMOVED")),
            SiengeEvent::InstallmentRemoved
        );
        let newer = header(Some("RECEIPT_PROCESSED_V2"));
        let nothing = read(payments, &newer, b"{}");
        assert_eq!(
            nothing,
            Err(Unreadable::Field {
                field: "receivableBillId"
            })
        );
        assert_eq!(payments.unknown_event(&newer), Some("RECEIPT_PROCESSED_V2"));
        let known = header(Some("UNIT_UPDATED"));
        assert_eq!(payments.unknown_event(&known), None);
        let spc = Receiver::find("SiengeSpcInclusao").unwrap();
        assert_eq!(
            read(spc, &header(Some("ANY")), b"{}").unwrap().0,
            SiengeEvent::CreditBureau
        );
        assert_eq!(spc.unknown_event(&header(Some("ANY"))), None);
        assert_eq!(Receiver::find("other"), None);
    }

    #[test]
    fn at_a_named_receiver_an_event_of_no_use_is_of_use_where_the_body_names_what_the_address_looks_at()
     {
        let payments = Receiver::find("siengepagamentos").unwrap();
        let read = |text, body: &str| read(payments, &header(Some(text)), body.as_bytes());
        for header in [
            "PAYMENT_RECEIPT_CREATED",
            "PURCHASE_ORDER_CREATED, KEYS_HANDOVER_CREATED",
        ] {
            let (event, hints) = read(header, r#"{"billId": 295, "installmentId": 1}"#).unwrap();
            assert_eq!(
                (event, hints.bills),
                (SiengeEvent::ReceiptProcessed, BTreeSet::from([BillId(295)])),
                "{header}"
            );
            let of_no_use = (SiengeEvent::Unused, Hints::default());
            assert_eq!(
                read(header, r#"{"purchaseOrderId": 7}"#),
                Ok(of_no_use),
                "{header}"
            );
            assert_eq!(read(header, "x"), Err(Unreadable::NotJson));
        }
        let useful = read(
            "PURCHASE_ORDER_CREATED, RECEIVABLE_INSTALLMENT_REMOVED",
            r#"{"billId": 295}"#,
        );
        assert_eq!(useful.unwrap().0, SiengeEvent::InstallmentRemoved);
    }

    #[test]
    fn at_the_general_receiver_the_header_names_the_event() {
        let event = |text| {
            read(Receiver::Sienge, &header(text), br#"{"billId": 295}"#).map(|(event, _)| event)
        };
        assert_eq!(event(None), Err(Unreadable::NoEvent));
        assert_eq!(event(Some(" , ")), Err(Unreadable::NoEvent));
        assert_eq!(event(Some("PURCHASE_ORDER_X")), Ok(SiengeEvent::Unused));
        assert_eq!(event(Some("RECEIPT_PROCESSED_V2")), Ok(SiengeEvent::Unused));
        assert_eq!(
            event(Some("NEW_ONE, RECEIPT_PROCESSED")),
            Ok(SiengeEvent::ReceiptProcessed)
        );
        for (text, unknown) in [
            (Some("PURCHASE_ORDER_X"), None),
            (Some("BILL_SPLIT"), Some("BILL_SPLIT")),
            (None, None),
        ] {
            assert_eq!(Receiver::Sienge.unknown_event(&header(text)), unknown);
        }
    }

    #[test]
    fn an_spc_notice_may_name_no_bill() {
        let spc = |body| {
            let spc = Receiver::find("SiengeSpcInclusao").unwrap();
            read(spc, &header(None), body).unwrap().1
        };
        assert!(spc(b"{}").bills.is_empty());
        assert_eq!(
            spc(br#"{"billReceivableId": 7}"#).bills,
            BTreeSet::from([BillId(7)])
        );
    }

    #[test]
    fn an_id_is_an_id_whatever_its_length_and_letters() {
        let payments = Receiver::find("SiengePagamentos").unwrap();
        let of = |id: Option<&str>, body: &[u8]| event_id(payments, &header(None), id, body);
        assert_eq!(of(Some(" abc-1 "), b"x").text, "abc-1");
        let long = "a".repeat(129);
        for odd in ["a#b", "a b", "ação", long.as_str()] {
            let id = of(Some(odd), b"x");
            assert!(id.text.starts_with("id-sha256-") && !id.is_digest, "{id:?}");
            assert_eq!(id, of(Some(odd), b"y"), "whatever comes with it");
            assert_ne!(id, of(Some(&format!("{odd}.")), b"x"));
        }
    }

    #[test]
    fn deliveries_without_an_id_are_told_apart_by_receiver_and_body() {
        let payments = Receiver::find("SiengePagamentos").unwrap();
        for none in [
            None,
            Some(""),
            Some("  "),
            Some("null"),
            Some("NULL, null"),
            Some("\"undefined\""),
            Some("None"),
            Some(" , "),
            Some("00000000-0000-0000-0000-000000000000"),
        ] {
            let id = |receiver, body: &[u8]| event_id(receiver, &header(None), none, body);
            assert!(id(payments, b"x").text.starts_with("sha256-") && id(payments, b"x").is_digest);
            assert_eq!(id(payments, b"x"), id(payments, b"x"));
            assert_ne!(id(payments, b"x"), id(payments, b"y"));
            assert_ne!(id(payments, b"x"), id(Receiver::Sienge, b"x"));
        }
    }
}
