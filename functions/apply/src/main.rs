//! The bootstrap of `apply`: wires the adapters and nothing else.

// The SDK's futures are nested deeply.
#![recursion_limit = "256"]

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use ponte::flow::{APPLY_TIMEOUTS, Adapters};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    ponte::telemetry::init();
    let adapters = Adapters::from_env()?.with_timeouts(APPLY_TIMEOUTS)?;
    let adapters = &adapters;
    run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = ponte::flow::deadline(event.context.deadline());
        apply::answer(adapters, event.payload, deadline).await
    }))
    .await
}
