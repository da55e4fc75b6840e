use jiff::civil::date;

use super::*;
use crate::money::Cents;
use crate::portfolio::{ContractKey, ReturnReason};

fn held(bill: i64, creditor: i64, state: ContractState) -> (BillId, HeldBill) {
    let key = ContractKey {
        bill: BillId(bill),
        document_type: "CT".into(),
        customer: CustomerId(3),
    };
    let contract = Contract {
        key: key.clone(),
        creditor: CreditorId(creditor),
        number: "77".to_owned(),
        enterprise: None,
        unit: None,
        sales_contract: None,
        issued_on: None,
        negotiation: 1,
        state,
        opened: None,
        successor: None,
        revision: 1,
    };
    let closed = InstallmentState::Closed {
        reason: ReturnReason::Receipt,
        on: date(2026, 11, 2),
    };
    let rows = [
        (1, closed),
        (2, InstallmentState::Open),
        (3, InstallmentState::Open),
    ];
    let rows = rows.map(|(id, state)| Installment {
        contract: key.clone(),
        creditor: CreditorId(creditor),
        id: InstallmentId(id),
        negotiation: 1,
        label: None,
        due_on: date(2026, 11, 10),
        condition: "PM".to_owned(),
        original: Cents::new(100_000),
        balance: Cents::new(40_000),
        boleto: false,
        receipts: Vec::new(),
        state,
        revision: 1,
    });
    let mut held = HeldBill::of([contract], rows);
    held.version = 1;
    (BillId(bill), held)
}

fn asked(bill: i64, installments: Option<&[i64]>) -> SelectedBill {
    SelectedBill {
        bill: BillId(bill),
        installments: installments.map(|ids| ids.iter().copied().map(InstallmentId).collect()),
    }
}

fn faults(error: QuoteError) -> Vec<(String, String)> {
    match error {
        QuoteError::Invalid(faults) => faults
            .into_iter()
            .map(|fault| (fault.path, fault.detail))
            .collect(),
        QuoteError::Flow(error) => panic!("{error}"),
    }
}

#[test]
fn without_a_list_all_open_installments_are_meant_at_their_open_balance() {
    let book = [
        held(10, 1, ContractState::Open),
        held(11, 1, ContractState::Open),
    ];
    let (creditor, chosen) = choose(&[asked(11, Some(&[3])), asked(10, None)], &book).unwrap();
    assert_eq!(creditor, CreditorId(1));
    let selected: Vec<Selected> = chosen.iter().map(Chosen::selected).collect();
    let ids = |ids: &[i64]| ids.iter().copied().map(InstallmentId).collect::<Vec<_>>();
    assert_eq!(selected[0].installments, ids(&[3]), "the request's order");
    assert_eq!(selected[1].installments, ids(&[2, 3]));
    assert_eq!(chosen[0].debts[0].original, Cents::new(40_000));
}

#[test]
fn every_fault_is_told_at_its_place() {
    let finished = ContractState::Finished {
        on: date(2026, 10, 1),
    };
    let book = [
        held(10, 1, ContractState::Open),
        held(11, 2, ContractState::Open),
        held(12, 1, finished),
        (BillId(13), HeldBill::default()),
    ];
    let bills = [
        asked(10, Some(&[1, 2, 9])),
        asked(11, None),
        asked(12, None),
        asked(13, None),
    ];
    let found = faults(choose(&bills, &book).unwrap_err());
    let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "bills[0].installments[0]",
            "bills[0].installments[2]",
            "bills[2].bill",
            "bills[3].bill",
            "bills[1].bill"
        ]
    );
    let details: Vec<&str> = found.iter().map(|(_, detail)| detail.as_str()).collect();
    assert_eq!(
        details[0],
        "a parcela 1 do título 10 não está em aberto: Recebimento em 02/11/2026"
    );
    assert_eq!(details[1], "a parcela 9 não existe no título 10");
    assert_eq!(
        details[2],
        "o título 12 está finalizado desde 01/10/2026: nada em aberto"
    );
    assert!(details[3].contains("não encontrado na carteira"));
    assert!(details[4].contains("é do credor 2"));
}

#[test]
fn what_is_selected_twice_or_not_at_all_is_refused_before_anything_is_read() {
    let path = |bills: &[SelectedBill]| faults(check_bills(bills).unwrap_err())[0].0.clone();
    assert_eq!(path(&[]), "bills");
    assert_eq!(path(&[asked(1, None), asked(1, None)]), "bills[1].bill");
    assert_eq!(
        path(&[asked(1, Some(&[2, 3, 2]))]),
        "bills[0].installments[2]"
    );
    assert_eq!(path(&[asked(1, Some(&[]))]), "bills[0].installments");
    let many: Vec<SelectedBill> = (0..21).map(|bill| asked(bill, None)).collect();
    assert_eq!(path(&many), "bills");
    assert!(check_bills(&many[..20]).is_ok());
}

#[test]
fn a_bill_whose_assignment_waits_is_refused_and_one_whose_type_changes_is_not() {
    let moving = |customer: i64, document_type: &str| {
        let (bill, mut held) = held(10, 1, ContractState::Open);
        let mut contract = held.contracts().next().unwrap().clone();
        contract.successor = Some(ContractKey {
            bill,
            document_type: document_type.into(),
            customer: CustomerId(customer),
        });
        held.put_contract(contract);
        choose(&[asked(10, None)], &[(bill, held)])
    };
    let found = faults(moving(4, "CT").unwrap_err());
    assert_eq!(found[0].0, "bills[0].bill");
    assert!(
        found[0].1.starts_with("Cessão de direitos no contrato 10")
            && found[0].1.contains("domingo, 07:30"),
        "{found:?}"
    );
    assert!(moving(3, "FAT").is_ok());
}

#[test]
fn a_contract_that_was_left_says_for_what() {
    let left = |customer: i64| {
        let (bill, mut held) = held(
            10,
            1,
            ContractState::Assigned {
                on: date(2026, 11, 8),
            },
        );
        let mut contract = held.contracts().next().unwrap().clone();
        contract.successor = Some(ContractKey {
            bill,
            document_type: "FAT".into(),
            customer: CustomerId(customer),
        });
        held.put_contract(contract);
        faults(choose(&[asked(10, None)], &[(bill, held)]).unwrap_err())[0]
            .1
            .clone()
    };
    assert_eq!(
        left(4),
        "o título 10 mudou de titular em 08/11/2026; aguarde a próxima carga"
    );
    assert_eq!(
        left(3),
        "o título 10 mudou de tipo em 08/11/2026; aguarde a próxima carga"
    );
}
