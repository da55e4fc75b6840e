//! `/v1/agreements`: quoting again and saving, reading, confirming, breaking, cancelling.

mod answer;
mod read;
mod save;
mod steps;

use ponte::agreement::{Agreement, AgreementKind, AgreementState};
use ponte::ids::AgreementId;
use ponte::store::AuditObject;

use crate::{Call, Caller, HttpAnswer, Problem};

use answer::AgreementAnswer;
pub(crate) use read::{LIST, READ};
#[cfg(test)]
pub(crate) use save::AgreementRequest;
pub(crate) use save::SAVE;
pub(crate) use steps::{BREAK, CANCEL, CONFIRM};

/// The agreement, or an error when Sienge refused the remake: then the agreement is stored as cancelled and claims nothing.
fn made(agreement: Agreement, reader: &Caller) -> Result<HttpAnswer, Problem> {
    match &agreement.state {
        AgreementState::Cancelled { reason, .. } if agreement.kind == AgreementKind::Integrated => {
            let (id, reason) = (&agreement.id, reason.trim_end_matches('.'));
            let detail = format!(
                "o acordo {id} foi cancelado: {reason}. Para tentar de novo, corrija a causa e use uma Idempotency-Key nova"
            );
            Err(Problem::field("", detail))
        }
        _ => shown(agreement, reader),
    }
}

/// The agreement as it stands.
fn shown(agreement: Agreement, reader: &Caller) -> Result<HttpAnswer, Problem> {
    let path = format!("/v1/agreements/{}", agreement.id);
    HttpAnswer::at(path, &AgreementAnswer::of(agreement, reader))
}

/// The agreement in the path, for the audit.
fn about(call: &Call) -> Vec<AuditObject> {
    id(call).ok().as_ref().map(object).into_iter().collect()
}

fn object(id: &AgreementId) -> AuditObject {
    AuditObject::new("agreement", id)
}

fn id(call: &Call) -> Result<AgreementId, Problem> {
    AgreementId::parse(call.text("agreement")).map_err(|why| Problem::field("agreement", why))
}
