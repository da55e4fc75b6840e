//! E-mail addresses, checked conservatively: what is accepted here every mail server takes.

/// For messages that ask for a correct address.
pub const EXAMPLE_ADDRESS: &str = "cliente@exemplo.com.br";

/// Longest address that SMTP carries.
const ADDRESS_LIMIT_BYTES: usize = 254;
const LOCAL_LIMIT_BYTES: usize = 64;
const LABEL_LIMIT_BYTES: usize = 63;

/// Whether a text is one plain e-mail address: ASCII, no quotes, no comments, a domain of at least two names. Lists are refused.
#[must_use]
pub fn is_email_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    text.len() <= ADDRESS_LIMIT_BYTES && is_local(local) && is_domain(domain)
}

fn is_local(local: &str) -> bool {
    local.len() <= LOCAL_LIMIT_BYTES
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte))
}

fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_domain(domain: &str) -> bool {
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &str| {
        (1..=LABEL_LIMIT_BYTES).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_top =
        |label: &str| label.len() >= 2 && label.bytes().any(|byte| byte.is_ascii_alphabetic());
    labels.len() >= 2
        && labels.iter().all(|label| is_label(label))
        && labels.last().is_some_and(|label| is_top(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_are_taken() {
        for good in [
            EXAMPLE_ADDRESS,
            "a@b.co",
            "fulana.de-tal+boleto@sub.exemplo.com.br",
            "o'brien_1@x-1.example",
            "n@xn--exempl-yua.example",
        ] {
            assert!(is_email_address(good), "{good}");
        }
    }

    #[test]
    fn everything_doubtful_is_refused() {
        for bad in [
            "",
            "fulana",
            "@exemplo.com",
            "fulana@",
            "fulana@exemplo",
            "fulana@exemplo.",
            "fulana@.com",
            "fulana@exemplo..com",
            "fulana@-exemplo.com",
            "fulana@exemplo-.com",
            "fulana@exemplo.1",
            "fulana@10.0.0.1",
            "a..b@exemplo.com",
            ".a@exemplo.com",
            "a.@exemplo.com",
            "a b@exemplo.com",
            " a@exemplo.com",
            "a@exemplo.com ",
            "a@exemplo.com;b@exemplo.com",
            "a@exemplo.com,b@exemplo.com",
            "a@b@exemplo.com",
            "\"a\"@exemplo.com",
            "Fulana <a@exemplo.com>",
            "a@exemplo.com\r\nBcc: b@exemplo.com",
            "josé@exemplo.com",
            "a@exêmplo.com",
        ] {
            assert!(!is_email_address(bad), "{bad}");
        }
        assert!(!is_email_address(&format!(
            "{}@exemplo.com",
            "a".repeat(65)
        )));
        assert!(!is_email_address(&format!("a@{}.com", "b".repeat(64))));
        assert!(!is_email_address(&format!(
            "a@{}com",
            "exemplo.".repeat(40)
        )));
    }
}
