//! The template and the code agree on what each function may do and how often a message comes.

use harness::permissions;
use ponte::flow::MAX_DELIVERIES;
use serde_json::json;

#[test]
fn the_last_delivery_is_the_queues_last() {
    assert_eq!(permissions::inbox_deliveries(), MAX_DELIVERIES);
}

#[test]
fn a_right_to_items_of_some_keys_is_none_to_the_others() {
    let allowed = permissions::of_function("webhook");
    for (pk, is_allowed) in [
        ("buckets#617", true),
        ("tenant#617", false),
        ("buckets", false),
        ("tenant#buckets#617", false),
    ] {
        let put = json!({"TableName": "control", "Item": {"pk": {"S": pk}}}).to_string();
        for needed in permissions::needed("PutItem", put.as_bytes()) {
            assert!(!allowed.contains(&needed), "{needed:?}");
            let found = permissions::allows_by_key(allowed, &needed, put.as_bytes());
            assert_eq!(found, is_allowed, "{pk}");
        }
    }
}
