//! What the ERP refuses, and how it says so.

use serde_json::{Value, json};

/// An error answer of the ERP.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// What was wrong, for the field list of the body.
    pub detail: Option<(String, String)>,
}

impl ApiError {
    /// An error by its status alone.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            detail: None,
        }
    }

    /// A bad parameter.
    pub fn parameter(field: &str, message: &str) -> Self {
        Self {
            status: 400,
            detail: Some((field.to_owned(), message.to_owned())),
        }
    }

    /// The body the ERP sends.
    pub fn body(&self) -> Value {
        let (developer, client) = match self.status {
            400 => (
                "Parâmetro obrigatório ausente",
                "A requisição contém dados inválidos ou incompletos.",
            ),
            401 => (
                "Erro na autenticação",
                "Ocorreu um erro na autenticação. Verifique suas credenciais, chave ou token de acesso.",
            ),
            403 => (
                "Ocorreu um erro na autorização",
                "Você tentou realizar uma operação para a qual não tem autorização.",
            ),
            404 => (
                "Recurso não encontrado",
                "O recurso que tentou acessar não existe.",
            ),
            415 => ("Content-Type não suportado.", "Content-Type não suportado."),
            422 => (
                "Unprocessable entity.",
                "A operação não pôde ser realizada.",
            ),
            429 => (
                "Violação do Rate Limit",
                "Você fez mais requisições do que o permitido. Espere um pouco e tente novamente.",
            ),
            503 => (
                "Servidor temporariamente indisponível.",
                "Nossos serviços estão temporariamente indisponíveis. Tente novamente mais tarde.",
            ),
            _ => ("Erro Interno", "Ocorreu um erro no servidor."),
        };
        let mut body =
            json!({"status": self.status, "developerMessage": developer, "clientMessage": client});
        if let Some((field, message)) = &self.detail {
            body["errors"] = json!([{"field": field, "message": message}]);
        }
        body
    }
}
