//! What `template.yaml` lets each function do with the tables. The harness refuses everything else, as AWS would: the embedded
//! database and the local stack know no permissions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

use crate::template::{TEMPLATE, at, list, text};

/// An action on a table, such as `("dynamodb:Query", "portfolio/index/outbox")`, or on items of it by their partition key, such as
/// `("dynamodb:PutItem", "control: buckets#*")`.
pub type Permission = (String, String);

static ROLES: LazyLock<BTreeMap<String, BTreeSet<Permission>>> = LazyLock::new(|| {
    let functions = at(&TEMPLATE, &["Resources"]).as_mapping().unwrap().values();
    let functions = functions
        .filter(|resource| at(resource, &["Type"]).as_str() == Some("AWS::Serverless::Function"));
    functions
        .map(|function| {
            let name = at(function, &["Metadata", "BuildProperties", "Binary"])
                .as_str()
                .unwrap();
            let role = text(at(function, &["Properties", "Role"])).trim_end_matches(".Arn");
            (name.to_owned(), of_role(role))
        })
        .collect()
});

/// Everything that the role of a function allows it to do with the tables.
pub fn of_function(name: &str) -> &'static BTreeSet<Permission> {
    ROLES
        .get(name)
        .unwrap_or_else(|| panic!("template.yaml has no function {name}"))
}

/// Deliveries of a message of the inbox queue before it is put aside.
pub fn inbox_deliveries() -> u32 {
    let path = [
        "Resources",
        "InboxQueue",
        "Properties",
        "RedrivePolicy",
        "maxReceiveCount",
    ];
    at(&TEMPLATE, &path)
        .as_integer()
        .unwrap()
        .try_into()
        .unwrap()
}

/// What a call to DynamoDB needs to be allowed.
pub fn needed(operation: &str, body: &[u8]) -> BTreeSet<Permission> {
    let json: Value = serde_json::from_slice(body).unwrap();
    let action = |name: &str| format!("dynamodb:{name}");
    let table = |value: &Value| value["TableName"].as_str().unwrap().to_owned();
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = json["RequestItems"].as_object().unwrap().keys();
            tables
                .map(|name| (action(operation), name.clone()))
                .collect()
        }
        "TransactWriteItems" => {
            let parts = json["TransactItems"].as_array().unwrap().iter();
            let parts = parts.flat_map(|part| part.as_object().unwrap());
            let named = parts.map(|(kind, part)| {
                let item_action = if kind == "ConditionCheck" {
                    "ConditionCheckItem".to_owned()
                } else {
                    format!("{kind}Item")
                };
                (action(&item_action), table(part))
            });
            named.collect()
        }
        _ => {
            let index = json["IndexName"]
                .as_str()
                .map(|name| format!("/index/{name}"));
            BTreeSet::from([(action(operation), table(&json) + &index.unwrap_or_default())])
        }
    }
}

/// What a role allows of what a call needs, where it does so for items of some partition keys only.
pub fn allows_by_key(allowed: &BTreeSet<Permission>, needed: &Permission, body: &[u8]) -> bool {
    let json: Value = serde_json::from_slice(body).unwrap();
    let Some(pk) = json["Item"]["pk"]["S"].as_str() else {
        return false;
    };
    let (action, table) = needed;
    let mut prefixes = pk.match_indices('#').map(|(end, _)| &pk[..=end]);
    prefixes.any(|prefix| allowed.contains(&(action.clone(), format!("{table}: {prefix}*"))))
}

fn of_role(name: &str) -> BTreeSet<Permission> {
    let policies = at(&TEMPLATE, &["Resources", name, "Properties", "Policies"]);
    let statements = list(policies)
        .into_iter()
        .flat_map(|policy| list(at(policy, &["PolicyDocument", "Statement"])));
    let pairs = statements.flat_map(|statement| {
        let resources = list(at(statement, &["Resource"]))
            .into_iter()
            .filter_map(|resource| table(text(resource)));
        let keys = statement.as_mapping_get("Condition").map(|condition| {
            let path = ["ForAllValues:StringLike", "dynamodb:LeadingKeys"];
            let keys = list(at(condition, &path)).into_iter();
            keys.map(|key| format!(": {}", text(key))).collect()
        });
        let keys: Vec<String> = keys.unwrap_or_else(|| vec![String::new()]);
        let resources: Vec<String> = resources
            .flat_map(|resource| keys.iter().map(move |key| format!("{resource}{key}")))
            .collect();
        let actions = list(at(statement, &["Action"])).into_iter().map(text);
        actions.flat_map(move |action| {
            resources
                .clone()
                .into_iter()
                .map(move |resource| (action.to_owned(), resource))
        })
    });
    pairs.collect()
}

/// `PortfolioTable.Arn` and `${PortfolioTable.Arn}/index/outbox` as the harness names them.
fn table(resource: &str) -> Option<String> {
    let plain = resource
        .replace("${", "")
        .replace(".Arn}", "")
        .replace(".Arn", "");
    let (name, index) = plain.split_once('/').unwrap_or((&plain, ""));
    let name = name.strip_suffix("Table")?.to_lowercase();
    Some(if index.is_empty() {
        name
    } else {
        format!("{name}/{index}")
    })
}
