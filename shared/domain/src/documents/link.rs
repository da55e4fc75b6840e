//! Links in free text: what mail programs, or the reader's eye, take for an address of the web.

use crate::text::code;

/// The full stops that browsers read as dots.
const DOTS: [char; 4] = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];

/// Whether a text holds a link, an address or markup. Strict rather than clever: a full stop without a blank after it counts, too.
#[must_use]
pub fn has_link(text: &str) -> bool {
    // Without wide letters and invisible characters, which hide a link and do not stop one.
    text.split_whitespace().any(|word| is_link(&code(word)))
}

fn is_link(word: &str) -> bool {
    let is_markup = word.contains(['<', '>']) || (word.contains('&') && word.contains(';'));
    is_markup || word.contains("://") || has_domain(word)
}

/// A dot between a name and two letters: `EXEMPLO.COM`, and neither `1.086,80` nor `S.A.`.
fn has_domain(word: &str) -> bool {
    let characters: Vec<char> = word.chars().collect();
    characters.windows(4).any(|window| {
        let [before, dot, first, second] = window else {
            return false;
        };
        DOTS.contains(dot)
            && !DOTS.contains(before)
            && first.is_alphabetic()
            && second.is_alphabetic()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_however_it_is_written() {
        for link in [
            "Pague em https://exemplo.com.br/pix",
            "pague em exemplo.com",
            "(www.exemplo.com.br)",
            "http://10.0.0.1/pix",
            "fale com golpe@exemplo.com",
            "EXEMPLO\u{ff0e}COM",
            "exemplo\u{3002}com",
            "ex\u{200b}emplo\u{200b}.\u{200b}com",
            "ｈｔｔｐ：／／10.0.0.1",
            "café.br",
            "xn--exempl-yua.xn--p1ai",
            "<a href=x>clique</a>",
            "exemplo&#46;com",
            "Obrigado.Att",
        ] {
            assert!(has_link(link), "{link}");
        }
    }

    #[test]
    fn what_people_write_to_a_debtor_is_no_link() {
        for plain in [
            "Olá, Sr. João. Segue o boleto de R$ 1.086,80, com vencimento em 10.12.2026.",
            "Construtora Boa S.A. agradece...",
            "Dúvidas: (11) 4000-1234, das 9h às 18h; ramal 2.",
            "Art. 16, I & II",
            "",
        ] {
            assert!(!has_link(plain), "{plain}");
        }
    }
}
