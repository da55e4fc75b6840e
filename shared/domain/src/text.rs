//! Text as people and systems write it, made comparable and fit for an SMS. With Unicode's own tables (normalisation, general
//! categories) and a maintained transliteration library, never with a hand-made table of letters.

use std::collections::BTreeSet;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use serde::{Deserialize, Serialize};

/// The text for comparing names: its letters and digits in lower case, without accents. Composed or decomposed, ligatures, wide
/// letters, blanks, dashes, quotes, invisible and control characters make no difference.
///
/// `" Cancelamento - Título "` and `"CANCELAMENTO–TITULO"` are both `cancelamentotitulo`. A text without a letter or a digit is empty.
#[must_use]
pub fn folded(text: &str) -> String {
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(text.chars());
    // Accents are characters of their own now, and neither letters nor digits. Some letters are one in upper case only: ß is SS, and so is ss.
    let letters = decomposed.filter(|c| c.is_alphanumeric() && !is_invisible(*c));
    letters
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// A code (`CT`, `TC`, `12.ABC.345/01DE-35`): composed, upper-cased, wide letters made plain, without blanks around it and without
/// invisible or control characters in it.
#[must_use]
pub fn code(text: &str) -> String {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let visible: String = nfkc
        .normalize_iter(text.chars())
        .filter(|c| !is_invisible(*c))
        .collect();
    // Upper-casing takes a few letters apart again; composed, what is stored reads as itself.
    nfkc.normalize(visible.to_uppercase().trim()).into_owned()
}

/// The text in one line of at most `most` characters, for a title: invisible characters go, runs of blanks and control characters
/// become one blank, and a letter is not parted from its accent where the two have a common character.
#[must_use]
pub fn one_line(text: &str, most: usize) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize_iter(text.chars());
    let visible: String = composed
        .filter(|c| !is_invisible(*c) || c.is_control())
        .collect();
    let spaced = visible.replace(char::is_control, " ");
    let line: String = blanks_as_one(&spaced).chars().take(most).collect();
    line.trim_end().to_owned()
}

/// The text in the common part of ASCII and the GSM 7-bit alphabet, one septet per character. Accents go; other scripts and typographic signs are
/// transliterated (`Straße` is `Strasse`, `–` is `-`, `€` is `EUR`); emoji and characters without a transliteration become blanks, and runs
/// of blanks become one.
#[must_use]
pub fn gsm(text: &str) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfkc().normalize_iter(text.chars());
    let mut written = String::with_capacity(text.len());
    for character in composed {
        match character {
            // Often typed instead of the ordinal º (`1° Ofício`).
            '°' => written.push('o'),
            _ if character.is_control() || is_picture(character) => written.push(' '),
            _ if is_invisible(character) => {}
            _ => {
                let letters = deunicode::deunicode_char(character).unwrap_or(" ");
                written.extend(
                    letters
                        .chars()
                        .map(|c| if is_plain_gsm(c) { c } else { ' ' }),
                );
            }
        }
    }
    blanks_as_one(&written)
}

/// Whether an ASCII character is one septet in GSM 03.38; the other ASCII characters need an escape, or are missing.
const fn is_plain_gsm(character: char) -> bool {
    matches!(character, ' '..='~')
        && !matches!(
            character,
            '[' | '\\' | ']' | '^' | '`' | '{' | '|' | '}' | '~'
        )
}

/// Control, format (zero-width, direction) and unassigned characters, variation selectors, joiners and fillers: invisible on paper.
fn is_invisible(character: char) -> bool {
    use GeneralCategory as Category;
    let invisible = [
        Category::Control,
        Category::Format,
        Category::PrivateUse,
        Category::Unassigned,
    ];
    invisible.contains(&category(character))
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

fn is_picture(character: char) -> bool {
    matches!(
        category(character),
        GeneralCategory::OtherSymbol | GeneralCategory::ModifierSymbol
    )
}

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

fn blanks_as_one(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A semicolon-separated list of codes as [`code`] writes them; commas are accepted too, because the playbook's own example mixes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct CodeList(BTreeSet<String>);

impl CodeList {
    /// Whether the code is on the list, whatever its case, Unicode form and surrounding blanks.
    #[must_use]
    pub fn contains(&self, code: &str) -> bool {
        self.0.contains(&self::code(code))
    }
}

impl From<String> for CodeList {
    fn from(text: String) -> Self {
        Self(
            text.split([';', ','])
                .map(code)
                .filter(|code| !code.is_empty())
                .collect(),
        )
    }
}

impl From<CodeList> for String {
    fn from(list: CodeList) -> Self {
        list.0.into_iter().collect::<Vec<_>>().join(";")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Composed and decomposed.
    const NAMES: [(&str, &str); 3] = [
        ("São João", "Sa\u{303}o Joa\u{303}o"),
        ("Substituição", "Substituic\u{327}a\u{303}o"),
        ("İŞÇİ", "I\u{307}S\u{327}C\u{327}I\u{307}"),
    ];

    #[test]
    fn names_are_the_same_however_their_letters_are_written() {
        for (composed, decomposed) in NAMES {
            assert_ne!(composed, decomposed);
            assert_eq!(folded(composed), folded(decomposed));
            assert_eq!(code(composed), code(decomposed));
            assert_eq!(gsm(composed), gsm(decomposed));
            assert_eq!(one_line(composed, 99), one_line(decomposed, 99));
        }
        for same in [
            "Reparcelamento - Título 12",
            "  REPARCELAMENTO – TITULO\u{a0}12 ",
            "reparcelamento\t—\u{200b}ti\u{301}tulo 12\r\n",
            "Ｒｅｐａｒｃｅｌａｍｅｎｔｏ Título １２",
            "\u{feff}Repar\u{ad}celamento, ‘Título’ 12\u{0}",
        ] {
            assert_eq!(folded(same), "reparcelamentotitulo12", "{same:?}");
        }
        assert_eq!(folded("1ª Conﬁrmação nº ②"), "1aconfirmacaono2");
        for name in [
            "Straße",
            "Weiß & Söhne",
            "Κώστας",
            "İŞÇİ ılık",
            "ﬁſch ŉ",
            "𐐨𐐩",
            "Ǆ ǅ ǆ",
        ] {
            assert_eq!(folded(name), folded(&name.to_uppercase()), "{name}");
        }
        assert_ne!(folded("Bonificação"), folded("Bonificações"));
        for empty in ["", " \u{a0}\u{200b}", "\u{301}", "—", "🏠"] {
            assert_eq!(folded(empty), "", "{empty:?}");
        }
    }

    #[test]
    fn codes_are_upper_cased_and_bare_of_what_nobody_sees() {
        for same in [
            "CT",
            " ct\u{a0}",
            "\u{feff}Ct",
            "C\u{200b}T",
            "ＣＴ",
            "c\u{0}t\r\n",
        ] {
            assert_eq!(code(same), "CT", "{same:?}");
        }
        // A joiner, variation selectors and fillers, which are marks and letters to Unicode.
        for unseen in [
            "\u{34f}",
            "\u{e0100}",
            "\u{180b}",
            "\u{3164}",
            "\u{ffa0}",
            "\u{115f}",
        ] {
            let text = format!("{unseen}c{unseen}t{unseen}");
            assert_eq!(
                [code(&text), folded(&text), gsm(&text)],
                ["CT", "ct", "ct"],
                "{unseen:?}"
            );
            assert_eq!(one_line(&text, 9), "ct", "{unseen:?}");
        }
        assert_eq!(code("c t-1"), "C T-1");
        assert_eq!(code(" \u{200e}"), "");
    }

    #[test]
    fn a_title_is_one_line_and_cut_between_characters() {
        assert_eq!(
            one_line(" Casa\r\nBcc: x\u{2028}y\u{202e}\t🏠 ", 99),
            "Casa Bcc: x y 🏠"
        );
        assert_eq!(one_line(&"a\u{303}".repeat(200), 150), "ã".repeat(150));
        assert_eq!(one_line("Boa Casa", 4), "Boa");
    }

    #[test]
    fn an_sms_is_transliterated() {
        for (text, expected) in [
            ("Construções São João", "Construcoes Sao Joao"),
            ("1ª Etapa, nº 2, 3° Ofício", "1a Etapa, no 2, 3o Oficio"),
            ("Straße Łódź Ærø Þór Œuvre", "Strasse Lodz AEro Thor OEuvre"),
            ("Conﬁança Oﬀice", "Confianca Office"),
            ("A – B — C ‘D’ “E” €5…", "A - B -- C 'D' \"E\" EUR5..."),
            ("Дом Русский", "Dom Russkii"),
            ("Αθήνα", "Athena"),
            ("北京", "Bei Jing"),
            ("Casa 🏠❤\u{fe0f} Feliz™", "Casa FelizTM"),
            (
                "\u{feff}Jo\u{ad}ão\u{200b}zinho\u{a0}da\u{3000}Silva\r\nFilho\u{0}",
                "Joaozinho da Silva Filho",
            ),
            ("\u{301}x\u{301}\u{302}\u{303}", "x"),
            ("[a] {b} c|d ~e^ `f` g\\h", "a b c d e f g h"),
            ("\u{e000}\u{10ffff}", ""),
        ] {
            assert_eq!(gsm(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_survived(text in "\\PC{0,40}|[\\x00-\\x{10ffff}]{0,40}", most in 0_usize..50) {
            prop_assert!(folded(&text).chars().all(char::is_alphanumeric));
            prop_assert_eq!(code(&code(&text)), code(&text));
            let sms = gsm(&text);
            prop_assert!(sms.chars().all(is_plain_gsm), "{:?}", sms);
            prop_assert_eq!(gsm(&sms), sms);
            let line = one_line(&text, most);
            prop_assert!(line.chars().count() <= most && !line.contains(|c: char| c.is_control() || c == '\u{2028}'), "{:?}", line);
        }
    }

    #[test]
    fn lists_are_read_as_the_playbook_writes_them() {
        let list = CodeList::from("TC;FAT,NF; nfe ;".to_owned());
        assert!(list.contains("fat") && list.contains("NF") && list.contains(" NFE"));
        assert!(!list.contains("CT") && !list.contains(""));
        let typed = CodeList::from("ＴＣ;\u{feff}Cessa\u{303}o\u{a0}".to_owned());
        assert!(typed.contains("tc\u{200b}") && typed.contains("CESSÃO"));
    }
}
