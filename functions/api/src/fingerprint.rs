//! What makes two requests the same.

use ponte::digest::sha256_hex;

use crate::{Call, Route};

/// Identifies a request by its method, address and body.
pub(crate) fn fingerprint(route: &Route, call: &Call) -> String {
    let mut parts: Vec<&[u8]> = vec![route.method.as_bytes(), route.path.as_bytes()];
    parts.extend(call.parameters.iter().map(|(_, text)| text.as_bytes()));
    parts.push(&call.body);
    sha256_hex(&parts)
}
