//! The webhook's token, compared in constant time.

use subtle::{Choice, ConstantTimeEq};

/// The credential inside an `Authorization` header: what follows `Bearer` or `Basic` (any case).
///
/// The playbook registers base64 of `user:password` as the token, so both schemes carry an opaque text.
#[must_use]
pub fn credential(header: &str) -> Option<&str> {
    let (scheme, credential) = header.trim().split_once(' ')?;
    let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("basic");
    let credential = credential.trim();
    (known && !credential.is_empty()).then_some(credential)
}

/// Whether the credential is one of the tenant's valid tokens. Every token is compared completely, so the time reveals nothing
/// about a nearly right one; several may be valid during a rotation.
#[must_use]
pub fn authorized(credential: &str, tokens: &[String]) -> bool {
    tokens
        .iter()
        .filter(|token| !token.is_empty())
        .fold(Choice::from(0), |found, token| {
            found | token.as_bytes().ct_eq(credential.as_bytes())
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemes_carry_the_token() {
        assert_eq!(credential("Bearer abc"), Some("abc"));
        assert_eq!(credential("basic  dTpw "), Some("dTpw"));
        assert_eq!(credential("Digest abc"), None);
        assert_eq!(credential("Bearer "), None);
        assert_eq!(credential("abc"), None);
    }

    #[test]
    fn any_valid_token_opens_and_nothing_else_does() {
        let tokens = ["old".to_owned(), "new".to_owned(), String::new()];
        assert!(authorized("old", &tokens) && authorized("new", &tokens));
        assert!(
            !authorized("", &tokens) && !authorized("ne", &tokens) && !authorized("new ", &tokens)
        );
        assert!(!authorized("new", &[]));
    }
}
