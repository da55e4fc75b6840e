//! Sienge's error bodies.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::lenient::{list, text};

/// Sienge's error body. Only its field names are repeated: its texts may quote what we sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ErrorBody {
    status: Option<IgnoredAny>,
    developer_message: Option<IgnoredAny>,
    client_message: Option<IgnoredAny>,
    user_message: Option<IgnoredAny>,
    #[serde(deserialize_with = "list")]
    errors: Vec<RefusedField>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RefusedField {
    #[serde(deserialize_with = "text")]
    field: Option<String>,
}

impl ErrorBody {
    /// Reads a body; `None` when it is not a JSON object.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether Sienge itself wrote it, rather than a gateway in front of it.
    pub(super) fn is_siengean(&self) -> bool {
        self.status.is_some()
            || self.developer_message.is_some()
            || self.client_message.is_some()
            || self.user_message.is_some()
    }

    /// The fields it complains about.
    pub(super) fn fields(&self) -> Vec<String> {
        let name = |text: &&str| {
            text.len() <= 60
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphabetic() || matches!(b, b'.' | b'_' | b'[' | b']'))
        };
        self.errors
            .iter()
            .filter_map(|error| error.field.as_deref())
            .filter(name)
            .take(10)
            .map(str::to_owned)
            .collect()
    }
}
