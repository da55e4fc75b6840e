//! Asynchronous bulk: Sienge prepares a large answer and keeps it for 24 hours in chunks.

use serde::Deserialize;

use super::bulk_income::{IncomeRow, IncomeWindow, income_call};
use super::call::{SiengeCall, encoded};
use super::client::Client;
use super::error::SiengeError;
use super::lenient::{text, whole};
use super::pages::{self, Rows};

/// A job in progress at Sienge; its identifier may be stored between invocations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsyncJob {
    /// Sienge's identifier.
    pub identifier: String,
}

/// The progress of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsyncStatus {
    /// Waiting or being worked on.
    Working,
    /// Ready: chunks 1 to this.
    Finished {
        /// Number of chunks.
        chunks: u32,
    },
    /// Failed, or no longer known to Sienge.
    Failed,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Started {
    #[serde(deserialize_with = "text")]
    identifier: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Progress {
    #[serde(deserialize_with = "text")]
    status: Option<String>,
    #[serde(deserialize_with = "whole")]
    chunks: Option<i64>,
}

const RESOURCE: &str = "bulk-data/async";

impl Client {
    /// Asks for the installments of a period to be prepared, in chunks of about `chunk_kb` kilobytes.
    pub async fn start_income(
        &self,
        window: &IncomeWindow,
        chunk_kb: u32,
    ) -> Result<AsyncJob, SiengeError> {
        let call = income_call(window)
            .with("_async", true)
            .with("_asyncChunkMaxSize", chunk_kb);
        let started: Started = self.fetch(&call, |json| pages::one(RESOURCE, json)).await?;
        started
            .identifier
            .map(|identifier| AsyncJob { identifier })
            .ok_or(SiengeError::MissingField {
                resource: RESOURCE,
                field: "identifier",
                bill: None,
                installment: None,
            })
    }

    /// The progress of a job; an unknown one (Sienge keeps them for 24 hours) counts as failed.
    pub async fn async_status(&self, job: &AsyncJob) -> Result<AsyncStatus, SiengeError> {
        let call = SiengeCall::bulk(
            "ConsultarCargaAssincrona",
            RESOURCE,
            format!("async/{}", encoded(&job.identifier)),
        );
        let Some(progress) = self.fetch_one::<Progress>(&call).await? else {
            return Ok(AsyncStatus::Failed);
        };
        let status = progress.status.unwrap_or_default().to_lowercase();
        Ok(match (status.as_str(), progress.chunks) {
            ("waiting" | "processing", _) => AsyncStatus::Working,
            // A single chunk may come without a number.
            ("finished", chunks) => AsyncStatus::Finished {
                chunks: chunks
                    .and_then(|chunks| chunks.try_into().ok())
                    .unwrap_or(1),
            },
            ("failed", _) => AsyncStatus::Failed,
            _ => {
                return Err(SiengeError::Shape {
                    resource: RESOURCE,
                    what: "situação desconhecida",
                });
            }
        })
    }

    /// The rows of one chunk (from 1 to the reported number) of [`Client::start_income`].
    pub fn async_income_chunk(&self, job: &AsyncJob, chunk: u32) -> Rows<IncomeRow> {
        let path = format!("async/{}/result/{chunk}", encoded(&job.identifier));
        let mut call = SiengeCall::bulk("BaixarCargaAssincrona", RESOURCE, path);
        call.empty_on_404 = false;
        self.bulk_rows(call)
    }
}
