//! Answers in pages.

use serde_json::{Value, json};

use super::{ApiError, Context};

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
    Ok(
        json!({"resultSetMetadata": {"count": count, "offset": offset, "limit": limit}, "results": results}),
    )
}

/// All rows in the ERP's envelope, for the resources that take no page.
pub fn everything(results: &[Value]) -> Value {
    json!({"resultSetMetadata": {"count": results.len(), "offset": 0, "limit": 200}, "results": results})
}
