//! What the tests of this folder begin with.

use jiff::civil::date;

use crate::ids::{BillId, CreditorId, CustomerId, InstallmentId};
use crate::money::Cents;
use crate::portfolio::{ContractKey, Installment, InstallmentState};

/// An open installment that has a boleto.
pub(super) fn installment() -> Installment {
    Installment {
        contract: ContractKey {
            bill: BillId(10001),
            document_type: "CT".into(),
            customer: CustomerId(7),
        },
        creditor: CreditorId(1),
        id: InstallmentId(3),
        negotiation: 1,
        label: Some("2/120".to_owned()),
        due_on: date(2026, 12, 10),
        condition: "PM".to_owned(),
        original: Cents::new(108_680),
        balance: Cents::new(108_680),
        boleto: true,
        receipts: Vec::new(),
        state: InstallmentState::Open,
        revision: 1,
    }
}
