//! The bootstrap of `reconcile`: wires the adapters and nothing else.

// The SDK's futures are nested deeply.
#![recursion_limit = "256"]

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use ponte::flow::{Adapters, Invoker};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    ponte::telemetry::init();
    let adapters = Adapters::from_env()?;
    let adapters = &adapters;
    run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = ponte::flow::deadline(event.context.deadline());
        let by = Invoker {
            request: event.context.request_id,
            identity: event.context.identity.map(|known| known.identity_id),
        };
        reconcile::handle(adapters, event.payload, &by, deadline)
            .await
            .map_err(|error| Diagnostic {
                error_type: error.kind().to_owned(),
                error_message: error.to_string(),
            })
    }))
    .await
}
