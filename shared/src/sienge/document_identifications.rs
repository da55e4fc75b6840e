//! Document identifications (tipos de documento).

use serde::Deserialize;

use super::call::{SiengeCall, encoded};
use super::client::Client;
use super::error::SiengeError;
use super::lenient::text;
use crate::ids::DocumentType;

/// A document identification (tipo de documento).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DocumentIdentification {
    /// Code, such as `CT`.
    #[serde(deserialize_with = "text")]
    pub id: Option<String>,
    /// Name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
}

impl Client {
    /// One document identification; Sienge has no list of them.
    pub async fn document_identification(
        &self,
        code: &DocumentType,
    ) -> Result<Option<DocumentIdentification>, SiengeError> {
        let path = format!("document-identifications/{}", encoded(code.as_str()));
        self.fetch_one(&SiengeCall::rest(
            "ConsultarTipoDocumento",
            "document-identifications",
            path,
        ))
        .await
    }
}
