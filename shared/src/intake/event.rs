//! Sienge's events, and the header that names them.

/// The subject of an event, as far as Ponte uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiengeEvent {
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
    /// The playbook's three SPC receivers: Sienge publishes no such event; the daily load reads the state instead.
    CreditBureau,
    /// An event Ponte has no use for: accepted, noted, not processed.
    Unused,
}

/// Published, but of no use here.
const UNUSED: [&str; 4] = [
    "COLLECTION_NOTIFIED",
    "ENTERPRISE_ID_UPDATED",
    "KEYS_HANDOVER_CREATED",
    "KEYS_HANDOVER_EXCLUDED",
];

/// Prefixes of all other names: payables, purchases, stock and so on. None of them concerns receivables.
const UNUSED_FAMILIES: [&str; 17] = [
    "ACCOUNTACY_",
    "ACCOUNTANCY_",
    "BANK_MOVEMENT_",
    "BUILDING_",
    "COST_CENTER_",
    "CREDITORS_",
    "INVENTORY_MOVEMENT_",
    "PAYMENT_ACKNOWLEDGMENT_",
    "PAYMENT_AUTHORIZATION_",
    "PAYMENT_BILL_",
    "PAYMENT_INSTALLMENT_",
    "PAYMENT_RECEIPT_",
    "PROPERTY_RENTAL_",
    "PURCHASE_",
    "SALES_COMMISSION_",
    "SERVICE_ORDER_",
    "TECHNICAL_ASSISTANCE_",
];

/// The longest header that is read and kept: some twenty names.
const HEADER_CHARS: usize = 1_000;
/// Longest name of an unknown event that is shown to people.
const NAME_CHARS: usize = 60;
/// Digits that such a name may have: enough for a version, too few for a document.
const NAME_DIGITS: usize = 4;

impl SiengeEvent {
    /// Reads an event's name as [`spelled`]; `None` when it is unknown.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RECEIPT_PROCESSED" => Self::ReceiptProcessed,
            "RECEIVABLE_INSTALLMENT_CREATED" => Self::InstallmentCreated,
            "RECEIVABLE_INSTALLMENT_UPDATED" => Self::InstallmentUpdated,
            "RECEIVABLE_INSTALLMENT_REMOVED" => Self::InstallmentRemoved,
            "UPDATE_RECEIVABLE_BILL_SITUATION" => Self::BillSituationUpdated,
            "ASSIGNMENT_RIGHTS_AGREEMENT_UPDATED" => Self::RightsAssigned,
            "BOOK_COLLECTION_CONFIRMED" | "PAYMENT_SLIP_REGISTERED" => Self::BoletoChanged,
            "SALES_CONTRACT_CANCELED" => Self::SalesContractCanceled,
            "SALES_CONTRACT_CREATED"
            | "SALES_CONTRACT_UPDATED"
            | "SALES_CONTRACT_REMOVED"
            | "SALES_CONTRACT_ISSUED" => Self::SalesContractChanged,
            "CUSTOMER_CREATED" | "CUSTOMER_UPDATED" | "CUSTOMER_REMOVED" | "CUSTOMER_DISABLED"
            | "CUSTOMER_ENABLED" => Self::CustomerChanged,
            "UNIT_CREATED" | "UNIT_UPDATED" | "UNIT_REMOVED" => Self::UnitChanged,
            _ if UNUSED.contains(&name)
                || UNUSED_FAMILIES
                    .iter()
                    .any(|family| name.starts_with(family)) =>
            {
                Self::Unused
            }
            _ => return None,
        })
    }
}

/// The header `x-sienge-event`, read once: its text, its known events, and an unknown one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventHeader {
    text: String,
    pub(super) known: Vec<SiengeEvent>,
    /// The first unknown name, safe to show.
    pub(super) unknown: Option<String>,
}

impl EventHeader {
    /// Reads the header, which may be absent. A repeated header arrives as a list; of an overlong one only the beginning counts.
    #[must_use]
    pub fn read(header: Option<&str>) -> Self {
        let mut named = Self {
            text: header
                .into_iter()
                .flat_map(str::chars)
                .take(HEADER_CHARS)
                .collect(),
            ..Self::default()
        };
        for name in named
            .text
            .split(',')
            .map(spelled)
            .filter(|name| !name.is_empty())
        {
            match SiengeEvent::named(&name) {
                Some(event) if !named.known.contains(&event) => named.known.push(event),
                Some(_) => {}
                None => drop(named.unknown.get_or_insert_with(|| shown(&name))),
            }
        }
        named
    }

    /// Its text; empty when it is absent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A name as Sienge spells it, whatever its case, blanks, quotes and hyphens.
fn spelled(name: &str) -> String {
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    let letter = |c: char| match c {
        '-' | '.' => '_',
        c if c.is_whitespace() => '_',
        c => c.to_ascii_uppercase(),
    };
    name.chars().map(letter).collect()
}

/// An unknown name in a form that is safe in a metric and a critique.
fn shown(name: &str) -> String {
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    if is_name && name.len() <= NAME_CHARS && digits <= NAME_DIGITS {
        name.to_owned()
    } else {
        OTHER.to_owned()
    }
}

/// Replaces a name that cannot be shown.
pub const OTHER: &str = "OTHER";

#[cfg(test)]
mod tests {
    use super::*;

    fn known(header: &str) -> Vec<SiengeEvent> {
        let named = EventHeader::read(Some(header));
        assert_eq!(named.unknown, None, "{header}");
        named.known
    }

    #[test]
    fn a_name_is_known_however_it_is_written_and_how_often() {
        for header in [
            "RECEIPT_PROCESSED",
            " receipt_processed ",
            "Receipt-Processed",
            "receipt processed",
            "\"RECEIPT_PROCESSED\"",
            "RECEIPT_PROCESSED, RECEIPT_PROCESSED",
            "RECEIPT_PROCESSED,,receipt-processed,",
        ] {
            assert_eq!(known(header), [SiengeEvent::ReceiptProcessed], "{header}");
        }
        assert_eq!(
            known("UNIT_UPDATED,RECEIPT_PROCESSED"),
            [SiengeEvent::UnitChanged, SiengeEvent::ReceiptProcessed]
        );
        assert_eq!(known("PURCHASE_ORDER_CREATED"), [SiengeEvent::Unused]);
        assert_eq!(known("KEYS_HANDOVER_CREATED"), [SiengeEvent::Unused]);
        assert_eq!(known(" , "), []);
        assert_eq!(EventHeader::read(None), EventHeader::default());
    }

    #[test]
    fn an_unknown_name_is_shown_and_nothing_else_is() {
        let unknown = |header: &str| EventHeader::read(Some(header)).unknown;
        for name in [
            "RECEIPT_PROCESSED_V2",
            "SALES_CONTRACT_CANCELLED",
            "PAYMENT_SLIP_REGISTERED_V2",
            "KEYS_HANDOVER_CREATED_V2",
            "CUSTOMER_MERGED",
        ] {
            assert_eq!(unknown(name).as_deref(), Some(name));
        }
        assert_eq!(
            unknown("receipt-refunded").as_deref(),
            Some("RECEIPT_REFUNDED")
        );
        assert_eq!(
            unknown("RECEIPT_PROCESSED, NEW_ONE, NEWER").as_deref(),
            Some("NEW_ONE")
        );
        let long = "A".repeat(61);
        for odd in [
            "52998224725",
            "MARIA@EXEMPLO.COM",
            "RECEIPT\u{e7}",
            "{\"a\":1}",
            long.as_str(),
        ] {
            assert_eq!(unknown(odd).as_deref(), Some(OTHER), "{odd}");
        }
    }
}
