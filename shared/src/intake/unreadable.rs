//! Why a webhook cannot be read.

/// Why a body can't be used; the Portuguese text names the field and a correct value, and quotes nothing of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, or not UTF-8.
    #[error("o corpo não é JSON: envie um objeto como {{\"billId\": 295, \"installmentId\": 1}}")]
    NotJson,
    /// JSON, but not an object.
    #[error(
        "o corpo não é um objeto JSON: envie um objeto como {{\"billId\": 295, \"installmentId\": 1}}"
    )]
    NotAnObject,
    /// Nothing names the event.
    #[error("falta o cabeçalho x-sienge-event, por exemplo RECEIPT_PROCESSED")]
    NoEvent,
    /// The id that the event needs is missing, or cannot be an id of Sienge's.
    #[error(
        "{field}: ausente ou não é um número inteiro de 1 a 2147483647; por exemplo {{\"{field}\": 295}}"
    )]
    Field {
        /// The field.
        field: &'static str,
    },
}
