//! Rows that come odd (a fault): with other fields than the ERP documents, or told twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is odd about which rows.
#[derive(Clone, Debug, Default)]
pub struct Odd {
    /// Fields by row: `bill/installment`, or a bill alone for what names a bill and no installment. A name is a path
    /// (`paymentTerm.id`, `receipts.netAmount`: of every receipt); a value replaces the field; the row `""` as name replaces the row itself.
    pub rows: BTreeMap<String, Map<String, Value>>,
    /// The rows come twice, once as they are.
    pub twice: Option<Twice>,
}

/// Which of two rows comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Twice {
    /// The true one.
    TrueFirst,
    /// The odd one.
    OddFirst,
}

impl Odd {
    /// Makes an answer odd, wherever its rows stand in it.
    pub fn spoil(&self, answer: &mut Value) {
        self.walk(answer, None, false);
    }

    /// Makes one row odd; answers what comes in its place.
    pub fn row(&self, row: &Value) -> Vec<Value> {
        let mut rows = Value::Array(vec![row.clone()]);
        self.walk(&mut rows, None, false);
        match rows {
            Value::Array(rows) => rows,
            other => vec![other],
        }
    }

    fn walk(&self, value: &mut Value, bill: Option<u64>, installments: bool) {
        match value {
            Value::Array(items) => {
                let mut told = Vec::with_capacity(items.len());
                for mut item in std::mem::take(items) {
                    let before = item.clone();
                    self.walk(&mut item, bill, installments);
                    let spoilt =
                        item != before && self.meant(&before, bill, installments).is_some();
                    match self.twice.filter(|_| spoilt) {
                        Some(Twice::TrueFirst) => told.extend([before, item]),
                        Some(Twice::OddFirst) => told.extend([item, before]),
                        None => told.push(item),
                    }
                }
                *items = told;
            }
            Value::Object(fields) => {
                let bill = bill_of(fields).or(bill);
                for (name, field) in fields.iter_mut() {
                    self.walk(field, bill, name == "installments");
                }
                if let Some(changes) = self.meant(value, bill, installments) {
                    for (path, into) in changes {
                        set(value, path, into);
                    }
                }
            }
            _ => {}
        }
    }

    fn meant(
        &self,
        row: &Value,
        bill: Option<u64>,
        installments: bool,
    ) -> Option<&Map<String, Value>> {
        let fields = row.as_object()?;
        let own = bill_of(fields);
        let id = fields
            .get("installmentId")
            .or_else(|| fields.get("id").filter(|_| installments));
        let name = match (own.or(bill)?, id.and_then(Value::as_u64)) {
            (bill, Some(installment)) => format!("{bill}/{installment}"),
            (bill, None) if own.is_some() => bill.to_string(),
            _ => return None,
        };
        self.rows.get(&name)
    }
}

fn bill_of(fields: &Map<String, Value>) -> Option<u64> {
    let names = ["billId", "receivableBillId", "billReceivableId"];
    names
        .into_iter()
        .find_map(|name| fields.get(name)?.as_u64())
}

fn set(value: &mut Value, path: &str, into: &Value) {
    if path.is_empty() {
        *value = into.clone();
        return;
    }
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| set(item, path, into)),
        Value::Object(fields) => {
            if let Some(field) = fields.get_mut(name) {
                set(field, rest, into);
            }
        }
        _ => {}
    }
}
