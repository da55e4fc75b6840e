//! The tables and their indexes, made as `template.yaml` declares them.

use dynoxide::Database;
use saphyr::YamlOwned;
use serde_json::{Map, Value, json};

use crate::template::{TEMPLATE, at, text};

/// What a table's properties have in common with the call that makes one.
const SHAPE: [&str; 4] = [
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
];

/// Makes every table of the template, named as the harness names it: `PortfolioTable` is `portfolio`.
pub fn create(engine: &Database) {
    for (resource, declared) in at(&TEMPLATE, &["Resources"]).as_mapping().unwrap() {
        if at(declared, &["Type"]).as_str() != Some("AWS::DynamoDB::Table") {
            continue;
        }
        let name = text(resource).trim_end_matches("Table").to_lowercase();
        let properties = at(declared, &["Properties"]);
        let shape = SHAPE
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), json_of(properties.as_mapping_get(key)?))));
        let mut request: Map<String, Value> = shape.collect();
        request.insert("TableName".to_owned(), json!(name));
        engine
            .create_table(serde_json::from_value(Value::Object(request)).unwrap())
            .unwrap();
        if let Some(expiry) = properties.as_mapping_get("TimeToLiveSpecification") {
            let request = json!({"TableName": name, "TimeToLiveSpecification": json_of(expiry)});
            engine
                .update_time_to_live(serde_json::from_value(request).unwrap())
                .unwrap();
        }
    }
}

fn json_of(yaml: &YamlOwned) -> Value {
    if let Some(list) = yaml.as_sequence() {
        list.iter().map(json_of).collect()
    } else if let Some(fields) = yaml.as_mapping() {
        fields
            .iter()
            .map(|(key, value)| (text(key).to_owned(), json_of(value)))
            .collect()
    } else if let Some(flag) = yaml.as_bool() {
        json!(flag)
    } else {
        json!(text(yaml))
    }
}
