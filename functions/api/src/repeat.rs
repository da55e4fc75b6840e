//! `Idempotency-Key`: a call is carried out once, and repetitions get its answer. What may hold free text is not kept: it is read again
//! where it stands.
//!
//! A call that dies midway begins again when its lease has expired, if its effects are repeatable ([`Repeat::Again`]).

use std::time::Duration;

use ponte::flow::Adapters;
use ponte::store::{Begun, StoredAnswer, StoredContent, Term};

use crate::fingerprint::fingerprint;
use crate::{Call, HttpAnswer, Problem, Repeat, Route, routes};

/// Longer than a function lives.
const LEASE: Duration = Duration::from_mins(1);
/// Longest key accepted.
const MAX_KEY: usize = 255;

/// Carries out the call unless it was carried out before.
pub(crate) async fn once(
    adapters: &Adapters,
    route: &'static Route,
    call: &Call,
    key: &str,
) -> Result<HttpAnswer, Problem> {
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(Problem::field(
            "Idempotency-Key",
            format!("informe de 1 a {MAX_KEY} caracteres, por exemplo um UUID"),
        ));
    }
    let (store, tenant) = (&adapters.store, call.tenant()?);
    let term = match route.repeat {
        Repeat::Once => Term::Once(LEASE),
        Repeat::No | Repeat::Again => Term::Again(LEASE),
    };
    let claim = match store
        .begin_call(tenant, key, &fingerprint(route, call), term, call.at)
        .await?
    {
        Begun::New(claim) => claim,
        Begun::Same(answer) => return again(adapters, call, answer).await,
        Begun::InProgress { until } => {
            let wait = until
                .as_second()
                .saturating_sub(call.at.as_second())
                .clamp(1, 60);
            let detail =
                "Esta chamada ainda está em andamento; repita-a depois para ler a resposta.";
            return Err(Problem::conflict_for(detail, wait));
        }
        Begun::Died => {
            let detail = "Uma chamada com esta chave foi interrompida, e não se sabe o que ela fez: confira antes de pedir de novo, com outra chave.";
            return Err(Problem::unclear(detail));
        }
        Begun::OtherBody => return Err(Problem::other_request()),
    };
    let answer: HttpAnswer = (route.handle)(adapters, call)
        .await
        .unwrap_or_else(Into::into);
    if !answer.kept {
        store.forget_call(&claim).await?;
        return Ok(answer);
    }
    let kept = StoredAnswer {
        status: answer.status,
        content: match &answer.location {
            Some(path) => StoredContent::Location(path.clone()),
            None => StoredContent::Body(answer.body.clone().into_bytes()),
        },
    };
    if let Err(error) = store.finish_call(&claim, &kept, call.at).await {
        // It was carried out: a repetition finds its effects.
        tracing::warn!(%tenant, %error, "an answer could not be stored for repetitions");
    }
    Ok(answer)
}

/// The answer to a repetition.
async fn again(
    adapters: &Adapters,
    call: &Call,
    stored: StoredAnswer,
) -> Result<HttpAnswer, Problem> {
    let mut again = match stored.content {
        StoredContent::Body(body) => {
            HttpAnswer::written(stored.status, String::from_utf8_lossy(&body).into_owned())
        }
        StoredContent::Location(path) => {
            let (route, parameters) = routes::find("GET", &path)?;
            let read = (route.handle)(adapters, &call.reading(parameters)).await?;
            HttpAnswer::written(stored.status, read.body)
        }
    };
    if stored.status >= 400 {
        again.content_type = "application/problem+json";
    }
    again
        .headers
        .push(("idempotency-replayed", "true".to_owned()));
    Ok(again)
}
