//! What a function answered, as an operator reads it.

use serde_json::Value;

/// A count of an answer; it is left out when it is zero.
pub fn count(answer: &Value, name: &str) -> u64 {
    let count = &answer["contagens"][name];
    assert_ne!(*count, 0, "{answer}");
    count.as_u64().unwrap_or_default()
}

/// The text of an answer that refuses.
pub fn refused(answer: Result<Value, impl std::fmt::Debug>) -> String {
    let answer = answer.unwrap();
    assert_eq!(answer["situacao"], "recusado", "{answer}");
    answer["resumo"].as_str().unwrap().to_owned()
}
