//! Counts the list elements in a JSON text: they decide the memory that reading takes, however small each is.
//!
//! `[{},{},...]` takes three bytes of text and about a hundred of memory per element, so a limit in bytes alone bounds nothing.

/// Most list elements in a REST answer, or in one row of a bulk answer: 200 rows with 250 each.
pub(super) const ELEMENTS_LIMIT: usize = 50_000;
/// Deepest nesting of lists and objects; the documented shapes need six.
const DEPTH_LIMIT: u32 = 64;

/// The elements of all lists in a JSON text; as far as it can be counted when it is nested too deeply.
pub(super) fn elements(json: &str) -> usize {
    let mut elements: usize = 0;
    let mut depth: u32 = 0;
    // One bit per level: whether it is a list.
    let mut lists: u64 = 0;
    let mut string = false;
    let mut escaped = false;
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if string => escaped = true,
            b'"' => string = !string,
            _ if string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_LIMIT {
                    return usize::MAX;
                }
                let is_list = byte == b'[';
                lists = lists << 1 | u64::from(is_list);
                elements += usize::from(is_list);
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                lists >>= 1;
            }
            b',' => elements += usize::from(lists & 1 == 1),
            _ => {}
        }
    }
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_in_lists_counts() {
        for (json, count) in [
            ("{}", 0),
            (r#"{"a":1,"b":2}"#, 0),
            ("[1]", 1),
            (r#"[{},{"a":1,"b":[1,2,3]},[4,5]]"#, 3 + 3 + 2),
            (r#"{"a":["x,[\",","y"],"b":"[,,"}"#, 2),
            (r#"{"a":[{"b":{"c":1,"d":2}},7]}"#, 2),
        ] {
            assert_eq!(elements(json), count, "{json}");
        }
    }

    #[test]
    fn what_is_nested_too_deeply_counts_as_too_much() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(elements(&nested(64)), 64);
        assert_eq!(elements(&nested(65)), usize::MAX);
    }
}
