//! Claims follow the agreement's state.

use super::support::*;
use crate::agreement::*;
use crate::portfolio::{Breaking, Claims};

#[test]
fn a_living_agreement_claims_its_installments_and_an_ended_one_gives_them_back() {
    let none = Claims::default();
    let saved = agreement(AgreementKind::Integrated, 2);
    let waiting = saved.claims_on(BILL, &none);
    assert_eq!((waiting.version, waiting.live.len()), (1, 1));
    assert_eq!(waiting.live[0].remade_on, Some(today()));
    assert_eq!(waiting.owner(ids(&[2])[0]), Some(&saved.id));
    assert_eq!(waiting.owner(ids(&[3])[0]), None);
    assert_eq!(
        saved.claims_on(BILL, &waiting),
        waiting,
        "the same again changes nothing"
    );

    let confirmed = integrated();
    let active = confirmed.claims_on(BILL, &waiting);
    assert_eq!(
        (active.version, active.owner(ids(&[4])[0])),
        (2, Some(&confirmed.id)),
        "generated ones are claimed too"
    );
    assert_eq!(active.integrated(), Some(&confirmed.id));

    let how = Breaking::ErpGone;
    let broken = step(&confirmed, &AgreementAction::Break { how }).agreement;
    let after = broken.claims_on(BILL, &active);
    assert_eq!((after.version, after.live.len()), (3, 0));
}

#[test]
fn a_proposal_claims_nothing() {
    let mut new = wanted(AgreementKind::NonIntegrated, &[(BILL, 1)], asked(1));
    new.start = Start::Proposal { expires_on: None };
    let proposed = drafted(&new, &bills(&[(BILL, &held(BILL, 3))]))
        .unwrap()
        .agreement;
    assert_eq!(
        proposed.claims_on(BILL, &Claims::default()),
        Claims::default()
    );
}
