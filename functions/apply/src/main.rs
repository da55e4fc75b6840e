//! The bootstrap of `apply`: wires the adapters and nothing else.

// The SDK's futures are nested deeply.
#![recursion_limit = "256"]

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use ponte::flow::Adapters;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    ponte::telemetry::init();
    let adapters = Adapters::from_env()?;
    let adapters = &adapters;
    run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = ponte::flow::deadline(event.context.deadline());
        Ok::<_, Error>(apply::handle(adapters, event.payload, deadline).await)
    }))
    .await
}
