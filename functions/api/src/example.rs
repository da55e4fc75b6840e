//! The event shown to an operator whose call was refused for its fields.

use ponte::flow::{ApiCall, Refusal};
use serde_json::{Value, json};

use crate::routes;

/// A right event.
pub(crate) enum RightEvent {
    /// The call alone: nothing but its query, its body or its key can be wrong.
    Bare(Value),
    /// The sample of a call: only the operator knows what it must name, so it is shown and not offered to be sent.
    Sample(String),
}

/// The right event of a call; none when its route is unknown.
pub(crate) fn right_event(call: &ApiCall) -> Option<RightEvent> {
    let (route, _) = routes::find(&call.method, &call.path).ok()?;
    if let Some(sample) = sample(route.name) {
        return Some(RightEvent::Sample(
            sample.split_whitespace().collect::<Vec<_>>().join(" "),
        ));
    }
    let what = format!("{} {}", call.method, call.path);
    Some(RightEvent::Bare(
        json!({"tenant": call.tenant, "call": what}),
    ))
}

impl RightEvent {
    /// The refusal of an event, with this one.
    pub(crate) fn instead_of(self, why: &str) -> Refusal {
        let why = why.trim_end_matches('.');
        match self {
            Self::Bare(event) => {
                Refusal::new(format!("{why}. Exemplo: {event}")).with_next(Some(event))
            }
            Self::Sample(event) => Refusal::new(format!("{why}. Exemplo: {event}")),
        }
    }
}

/// The sample event of an operation; a test runs each of them.
fn sample(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "openContract" => include_str!("../../../events/api-contract-open.json"),
        "readAgreement" => include_str!("../../../events/api-agreement-read.json"),
        "confirmAgreement" => include_str!("../../../events/api-proposal-confirm.json"),
        "readBoleto" => include_str!("../../../events/api-boleto.json"),
        "readCampaigns" => include_str!("../../../events/api-campaigns.json"),
        "quote" => include_str!("../../../events/api-quote.json"),
        "smallestPlan" => include_str!("../../../events/api-smallest-plan.json"),
        "saveAgreement" => include_str!("../../../events/api-agreement-save.json"),
        "breakAgreement" => include_str!("../../../events/api-agreement-break.json"),
        "cancelAgreement" => include_str!("../../../events/api-agreement-cancel.json"),
        "listAgreements" => include_str!("../../../events/api-agreements-of-a-contract.json"),
        "renewBoleto" => include_str!("../../../events/api-boleto-renew.json"),
        "emailBoleto" => include_str!("../../../events/api-boleto-email.json"),
        "replaceCampaigns" => include_str!("../../../events/api-campaigns-save.json"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use ponte::calendar::Date;
    use ponte::flow::{Command, Function};

    use super::*;
    use crate::ROUTES;

    #[test]
    fn every_call_that_needs_more_than_its_path_has_a_sample_of_its_own() {
        let today = Date::constant(2026, 11, 30);
        for route in ROUTES {
            let Some(sample) = sample(route.name) else {
                let is_whole = route.request.is_none() && !route.path.contains('{');
                assert!(is_whole, "{}", route.name);
                continue;
            };
            let event: Value = serde_json::from_str(sample).unwrap();
            let Ok(Command::Call(call)) = Command::read(Function::Api, event, today) else {
                panic!("{sample}")
            };
            let (found, _) = routes::find(&call.method, &call.path).unwrap();
            assert_eq!(found.name, route.name);
            let refusal = right_event(&call).unwrap().instead_of("x.").to_string();
            let (_, shown) = refusal.split_once("x. Exemplo: ").unwrap();
            assert!(serde_json::from_str::<Value>(shown).is_ok(), "{shown}");
        }
    }
}
