//! `Idempotency-Key`: a call is carried out once, and what it answered is answered again.
//!
//! A call that dies on the way may be begun again when its lease has run out: what it does must bear that.

use std::time::Duration;

use ponte::digest::sha256_hex;
use ponte::store::{Begun, StoredAnswer};

use crate::{Answer, Api, Call, FieldError, Problem, Route};

/// Longer than a function lives.
const LEASE: Duration = Duration::from_mins(1);
/// Longest key taken.
const MAX_KEY: usize = 255;

/// Carries the call out unless it was before.
pub(crate) async fn once(api: &Api, route: &'static Route, call: &Call, key: &str) -> Result<Answer, Problem> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(fault(format!("informe de 1 a {MAX_KEY} caracteres, por exemplo um UUID")));
    }
    let (store, tenant) = (&api.shop().store, &call.caller.tenant);
    let mut parts: Vec<&[u8]> = vec![route.method.as_bytes(), route.path.as_bytes()];
    parts.extend(call.parameters.iter().map(|(_, text)| text.as_bytes()));
    parts.push(&call.body);
    let claim = match store.begin_call(tenant, key, &sha256_hex(&parts), LEASE, call.at).await? {
        Begun::New(claim) => claim,
        Begun::Same(answer) => {
            let mut again = Answer::written(answer.status, String::from_utf8_lossy(&answer.body).into_owned());
            if answer.status >= 400 {
                again.content_type = "application/problem+json";
            }
            again.headers.push(("idempotency-replayed", "true".to_owned()));
            return Ok(again);
        }
        Begun::InProgress { until } => {
            let wait = until.as_second().saturating_sub(call.at.as_second()).clamp(1, 60);
            let detail = "Esta chamada ainda está em andamento; repita-a depois para ler a resposta.";
            return Err(Problem::conflict_for(detail, wait));
        }
        Begun::OtherBody => {
            return Err(fault(
                "a chave já foi usada com outro pedido; use uma chave nova para um pedido novo".to_owned(),
            ));
        }
    };
    let answer: Answer = (route.handle)(api, call).await.unwrap_or_else(Into::into);
    // Only what will be the same the next time is kept: nothing may have happened, or it may be made good.
    if answer.status >= 500 || answer.status == 409 {
        store.forget_call(&claim).await?;
        return Ok(answer);
    }
    let kept = StoredAnswer {
        status: answer.status,
        body: answer.body.clone().into_bytes(),
    };
    if let Err(error) = store.finish_call(&claim, &kept, call.at).await {
        // It was carried out: a repetition finds that in what it did.
        tracing::warn!(%tenant, %error, "an answer could not be kept for repetitions");
    }
    Ok(answer)
}

fn fault(detail: String) -> Problem {
    Problem::invalid(vec![FieldError {
        path: "Idempotency-Key".to_owned(),
        detail,
    }])
}
