use super::support::*;
use crate::ids::CustomerId;
use crate::money::Cents;
use crate::portfolio::*;

fn says_all(ours: &Ours, seen: &Observation) -> bool {
    ours.compare(seen, Scope::Webhook)
        .says_all(&ours.held, seen)
}

/// Three installments, the first paid.
fn bill() -> (Sienge, Ours) {
    let mut sienge = Sienge::with(3);
    sienge.receive(1, "Recebimento", Cents::new(100_000), Cents::ZERO);
    let mut ours = Ours::of(&Sienge::with(3));
    ours.sync(&sienge);
    (sienge, ours)
}

#[test]
fn a_whole_read_that_shows_everything_held_says_all() {
    let (mut sienge, ours) = bill();
    assert!(says_all(&ours, &sienge.says(Coverage::WholeOnce)));
    sienge.receive(2, "Recebimento", Cents::new(100_000), Cents::ZERO);
    sienge.add(4, Cents::new(100_000));
    assert!(
        says_all(&ours, &sienge.says(Coverage::WholeOnce)),
        "news is no question"
    );
}

#[test]
fn rows_of_a_bill_do_not_say_all_of_it() {
    let (sienge, ours) = bill();
    assert!(!says_all(&ours, &sienge.shows(&[1, 2, 3])));
}

#[test]
fn an_answer_without_an_installment_that_is_held_does_not_say_all() {
    let (sienge, ours) = bill();
    for missing in [1, 2] {
        for coverage in [Coverage::WholeOnce, Coverage::WholeConfirmed] {
            let mut short = sienge.clone();
            short.rows.remove(&missing);
            assert!(
                !says_all(&ours, &short.says(coverage)),
                "{missing} {coverage:?}"
            );
        }
    }
}

#[test]
fn an_answer_that_is_criticised_does_not_say_all() {
    let (mut sienge, ours) = bill();
    sienge.header.customer = CustomerId(11);
    let seen = sienge.says(Coverage::WholeOnce);
    assert!(!ours.compare(&seen, Scope::Webhook).critiques.is_empty());
    assert!(!says_all(&ours, &seen));
}
