//! What the ERP answers, as plain functions of the world and the request. No socket, no clock:
//! the shell around it adds authentication, quotas and faults.

pub mod bulk;
mod contracts;
mod customers;
mod debit_balance;
mod odd;
pub mod payment_slips;
mod query;
mod receivables;
mod registers;
pub mod shapes;
mod statement;

use serde_json::{Value, json};

pub use odd::{Odd, Twice};
pub use query::Query;

use crate::world::World;

/// Which field shapes to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shapes {
    /// As observed in production.
    Production,
    /// As the vendor documents them.
    Documented,
}

/// Rows that one answer leaves out (a fault).
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// Share of the rows, in hundredths.
    pub percent: u32,
    /// Rows by name: `bill/installment`, or the id alone (all rows of that bill).
    pub ids: Vec<String>,
    /// Varies which rows a share hits.
    pub salt: u64,
}

impl Missing {
    /// Whether the row goes.
    pub fn hits(&self, id: u32, part: u32) -> bool {
        if self
            .ids
            .iter()
            .any(|name| *name == id.to_string() || *name == format!("{id}/{part}"))
        {
            return true;
        }
        let key = u64::from(id) << 32 | u64::from(part);
        let mut rng = fastrand::Rng::with_seed(self.salt ^ key.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        self.percent > 0 && rng.u32(0..100) < self.percent
    }
}

/// What a request is answered from.
pub struct Context<'a> {
    /// The world.
    pub world: &'a World,
    /// The request's parameters.
    pub query: &'a Query,
    /// Field shapes.
    pub shapes: Shapes,
    /// Rows to leave out.
    pub missing: Option<&'a Missing>,
}

impl Context<'_> {
    /// Whether a row stays in the answer.
    pub fn keeps(&self, id: u32, part: u32) -> bool {
        self.missing.is_none_or(|missing| !missing.hits(id, part))
    }

    /// Documented shapes asked for.
    pub fn documented(&self) -> bool {
        self.shapes == Shapes::Documented
    }
}

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
        Self { status, detail: None }
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
            404 => ("Recurso não encontrado", "O recurso que tentou acessar não existe."),
            415 => ("Content-Type não suportado.", "Content-Type não suportado."),
            422 => ("Unprocessable entity.", "A operação não pôde ser realizada."),
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
        let mut body = json!({"status": self.status, "developerMessage": developer, "clientMessage": client});
        if let Some((field, message)) = &self.detail {
            body["errors"] = json!([{"field": field, "message": message}]);
        }
        body
    }
}

/// Answers a REST read. `path` is what follows `/v1/`, split at the slashes.
pub fn rest(context: &Context, path: &[&str]) -> Result<Value, ApiError> {
    let answer = match path {
        ["companies"] => registers::companies(context),
        ["companies", id] => registers::company(context, number(id)?),
        ["cost-centers"] => registers::cost_centers(context),
        ["cost-centers", id] => registers::cost_center(context, number(id)?),
        ["enterprises"] => registers::enterprises(context),
        ["enterprises", id] => registers::enterprise(context, number(id)?),
        ["units"] => registers::units(context),
        ["units", id] => registers::unit(context, number(id)?),
        ["payment-condition-types"] => registers::condition_types(context),
        ["document-identifications", id] => registers::document(id),
        ["indexers"] => registers::indexers(context),
        ["bearers-receivable"] => registers::bearers(context),
        ["customers"] => customers::list(context),
        ["customers", id] => customers::one(context, number(id)?),
        ["sales-contracts"] => contracts::list(context),
        ["sales-contracts", id] => contracts::one(context, number(id)?),
        ["accounts-receivable", "receivable-bills"] => receivables::bills(context),
        ["accounts-receivable", "receivable-bills", id] => receivables::bill(context, number(id)?),
        ["accounts-receivable", "receivable-bills", id, "installments"] => receivables::installments(context, number(id)?),
        ["remade-installments"] => receivables::remade(context),
        ["current-debit-balance"] => debit_balance::balance(context),
        ["customer-financial-statements"] => statement::statement(context),
        ["payment-slip-notification"] => payment_slips::payment_slip(context),
        _ => Err(ApiError::status(404)),
    }?;
    Ok(if context.documented() {
        shapes::documented(path, answer)
    } else {
        answer
    })
}

fn number(text: &str) -> Result<u32, ApiError> {
    query::int32(text).ok_or_else(|| ApiError::parameter("id", "deve ser um número inteiro de 32 bits"))
}

/// One page of rows in the ERP's envelope.
pub fn page<T>(
    context: &Context,
    rows: impl Iterator<Item = T>,
    key: impl Fn(&T) -> (u32, u32),
    render: impl Fn(&T) -> Value,
) -> Result<Value, ApiError> {
    let (limit, offset) = context.query.page()?;
    let rows = rows.filter(|row| {
        let (id, part) = key(row);
        context.keeps(id, part)
    });
    let mut results = Vec::new();
    let mut count = 0;
    for row in rows {
        if count >= offset && results.len() < limit {
            results.push(render(&row));
        }
        count += 1;
    }
    Ok(json!({"resultSetMetadata": {"count": count, "offset": offset, "limit": limit}, "results": results}))
}

/// All rows in the ERP's envelope, for the resources that take no page.
pub fn everything(results: &[Value]) -> Value {
    json!({"resultSetMetadata": {"count": results.len(), "offset": 0, "limit": 200}, "results": results})
}
