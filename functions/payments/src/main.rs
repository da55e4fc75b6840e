//! The bootstrap of `payments`: wires the adapters and nothing else.

// The SDK's futures are nested deeply.
#![recursion_limit = "256"]

use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use ponte::flow::Shop;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    ponte::telemetry::init();
    let shop = Shop::from_env()?;
    let shop = &shop;
    run(service_fn(move |event: LambdaEvent<Value>| async move {
        let deadline = ponte::flow::deadline(event.context.deadline());
        Box::pin(payments::handle(shop, event.payload, deadline))
            .await
            .map_err(|error| Diagnostic {
                error_type: error.kind().to_owned(),
                error_message: error.to_string(),
            })
    }))
    .await
}
