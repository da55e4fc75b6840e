//! The splitter against every cut and many shapes.

use super::*;
use proptest::prelude::*;

fn split(chunks: &[&[u8]]) -> Result<Vec<String>, SplitError> {
    let mut splitter = RowSplitter::default();
    let mut rows = Vec::new();
    for chunk in chunks {
        let mut input = *chunk;
        while let Some(row) = splitter.next_row(&mut input)? {
            rows.push(String::from_utf8(row.to_vec()).unwrap());
        }
    }
    splitter.finish().map(|()| rows)
}

const ANSWER: &str = r#" {"meta":{"a":[1,"}"]},"n":-1.5e3,"t":"x\"]","data" : [ {"a":"]}\\","b":[{"c":"\"{"}]} , null,
        {"id":2} ] , "count":2, "z":null} "#;

#[test]
fn finds_the_rows_of_the_data_array() {
    assert_eq!(
        split(&[ANSWER.as_bytes()]).unwrap(),
        [r#"{"a":"]}\\","b":[{"c":"\"{"}]}"#, r#"{"id":2}"#]
    );
}

#[test]
fn accepts_the_known_variants() {
    assert_eq!(split(&[br#"[{"a":1},{"a":2}]"#]).unwrap().len(), 2);
    assert_eq!(split(&[br#"{"results":[{"a":1}]}"#]).unwrap().len(), 1);
    assert_eq!(split(&[br#"{"data":{"a":1}}"#]).unwrap().len(), 1);
    assert_eq!(split(&[br#"{"data":null}"#]).unwrap().len(), 0);
    assert_eq!(split(&[br#"{"data":[]}"#]).unwrap().len(), 0);
    assert_eq!(split(&[br#"{"data":[null]}"#]).unwrap().len(), 0);
    assert_eq!(
        split(&[br#"{"api-error":null,"data":[{"a":1}]}"#])
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn an_odd_element_hides_no_other() {
    for odd in [
        "7",
        "-1.5e3",
        "true",
        "\"x\"",
        "[]",
        r#"[{"a":1},[2]]"#,
        "{}",
    ] {
        let answer = format!(r#"{{"data":[{{"a":1}},{odd} ,{{"a":2}}]}}"#);
        assert_eq!(
            split(&[answer.as_bytes()]).unwrap(),
            [r#"{"a":1}"#, odd, r#"{"a":2}"#],
            "{odd}"
        );
    }
}

#[test]
fn refuses_what_is_not_rows() {
    for (json, expected) in [
        ("", SplitError::Truncated),
        ("  ", SplitError::Truncated),
        ("{}", SplitError::Shape("sem lista de registros")),
        (
            r#"{"status":500}"#,
            SplitError::Shape("sem lista de registros"),
        ),
        ("<html>", SplitError::NotJson),
        (
            r#"{"data":7}"#,
            SplitError::Shape("lista de registros de outro tipo"),
        ),
        (r#"{"data":[{}]}x"#, SplitError::NotJson),
        (r#"{"data":[{}],"api-error":"x"}"#, SplitError::ApiError),
        (r#"{"data":[{},{"api-error":"x"}]}"#, SplitError::ApiError),
        (r#"{"data":[{},"api-error":"x"}"#, SplitError::ApiError),
        (r#"{"data":[{},"api-error"]}"#, SplitError::ApiError),
    ] {
        assert_eq!(split(&[json.as_bytes()]), Err(expected), "{json}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    let answer = ANSWER.trim_end().as_bytes();
    for end in 0..answer.len() {
        assert_eq!(
            split(&[&answer[..end]]),
            Err(SplitError::Truncated),
            "cut at {end}"
        );
    }
}

#[test]
fn a_row_has_a_largest_size_and_depth() {
    let mut splitter = RowSplitter::default();
    let mut input: &[u8] = br#"{"data":[{"a":""#;
    splitter.next_row(&mut input).unwrap();
    let block = vec![b'x'; 1024 * 1024];
    let outcome = (0..5).try_for_each(|_| splitter.next_row(&mut &block[..]).map(|_| ()));
    assert_eq!(outcome, Err(SplitError::RowTooLarge));
    let deep = format!(r#"{{"data":[{{"a":{}"#, "[".repeat(100));
    assert!(matches!(
        split(&[deep.as_bytes()]),
        Err(SplitError::Shape(_))
    ));
}

#[test]
fn memory_does_not_grow_with_the_answer() {
    let mut splitter = RowSplitter::default();
    splitter.next_row(&mut &b"{\"data\":["[..]).unwrap();
    let row = format!("{{\"text\":\"{}\"}},", "y".repeat(2000));
    let mut largest = 0;
    for _ in 0..3_000 {
        let mut input = row.as_bytes();
        while splitter.next_row(&mut input).unwrap().is_some() {}
        largest = largest.max(splitter.held_bytes());
    }
    assert!(largest < 16 * 1024, "{largest} bytes held");
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
        "[\\[\\]{}\",:\\\\]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec(("[a-z\"\\\\]{0,6}", inner), 0..4)
                .prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_chunking_yields_the_same_rows(
        rows in prop::collection::vec(prop::collection::vec(("[a-z]{1,5}", json()), 0..4), 0..6),
        other in json(),
        sizes in prop::collection::vec(1_usize..9, 1..20),
    ) {
        let rows: Vec<serde_json::Value> = rows.into_iter().map(|pairs| pairs.into_iter().collect()).collect();
        let answer = serde_json::json!({"before": other.clone(), "data": rows, "zafter": other}).to_string();
        let mut chunks = Vec::new();
        let mut rest = answer.as_bytes();
        let mut size = sizes.iter().cycle();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(*size.next().unwrap()));
            chunks.push(head);
            rest = tail;
        }
        let whole = split(&[answer.as_bytes()]).unwrap();
        prop_assert_eq!(split(&chunks).unwrap(), whole.clone());
        let read: Vec<serde_json::Value> = whole.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        prop_assert_eq!(read, rows);
    }
}
