//! The bootstrap of `api`: wires the adapters and nothing else.

// The SDK's futures are nested deeply.
#![recursion_limit = "256"]

use api::{Api, ClaimNames};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use ponte::aws;
use ponte::flow::{Adapters, Invoker};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    ponte::telemetry::init();
    let claims = ClaimNames {
        tenant: aws::variable("JWT_TENANT_CLAIM")?,
        role: aws::variable("JWT_ROLE_CLAIM")?,
    };
    let api = Api::new(Adapters::from_env()?, claims);
    // Without TLS, as on the local stack, there is nothing to gain.
    if std::env::var("AWS_ENDPOINT_URL").map_or(true, |url| url.starts_with("https")) {
        api.connect().await;
    }
    let api = &api;
    run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = ponte::flow::deadline(event.context.deadline());
        let by = Invoker {
            request: event.context.request_id,
            identity: event.context.identity.map(|known| known.identity_id),
        };
        api.handle(event.payload, &by, deadline)
            .await
            .map_err(|failure| Diagnostic {
                error_type: failure.kind,
                error_message: failure.text,
            })
    }))
    .await
}
