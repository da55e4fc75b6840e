//! Settlement types (tipos de baixa): what Sienge calls a receipt, and whether it brought money.
//!
//! Sienge's names are text, not a closed list. Two spellings that differ in case, accents, blanks and number (plural) are one name; what
//! follows a separator (`Bonificação - Título 12`) is not part of it, unless it contradicts it (`Recebimento - Cancelado`): then the name is
//! unknown. An unknown name is kept, shown and criticised, and pays nothing until the tenant's settings classify it
//! ([`SettlementClasses`]).

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::text;

/// How Sienge settled: the twelve types operators know, those Sienge writes itself, and any other.
/// Unknown types are kept and shown, never dropped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum SettlementKind {
    /// Abatimento de Adiantamento.
    AdvanceRebate,
    /// Adiantamento.
    Advance,
    /// Bonificação.
    Bonus,
    /// Cancelamento.
    Cancellation,
    /// Estorno: reverses whichever receipt has its amount.
    Reversal,
    /// An Estorno that names what it reverses (`Estorno de Repactuação`).
    ReversalOf(KindName),
    /// Outros.
    Other,
    /// Outros com Resíduo.
    OtherWithResidue,
    /// Por Bens.
    Goods,
    /// Promoção.
    Promotion,
    /// Recebimento.
    Receipt,
    /// Sorteio.
    Draw,
    /// Substituição.
    Replacement,
    /// Reparcelamento: the installment was remade.
    Remade,
    /// Repactuação: its terms were changed.
    Renegotiation,
    /// Distrato: the contract was rescinded.
    Rescission,
    /// A type this list does not know, as Sienge wrote it.
    Unknown(KindName),
}

/// What a settlement means for money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SettlementClass {
    /// Brings value: it pays.
    Pays,
    /// Closes the debt without money.
    WritesOff,
    /// Bookkeeping: reverses a receipt, or moves the debt elsewhere.
    Nothing,
}

const KINDS: [(&str, SettlementKind, SettlementClass); 15] = [
    (
        "Abatimento de Adiantamento",
        SettlementKind::AdvanceRebate,
        SettlementClass::Pays,
    ),
    (
        "Adiantamento",
        SettlementKind::Advance,
        SettlementClass::Pays,
    ),
    (
        "Bonificação",
        SettlementKind::Bonus,
        SettlementClass::WritesOff,
    ),
    (
        "Cancelamento",
        SettlementKind::Cancellation,
        SettlementClass::WritesOff,
    ),
    (
        "Estorno",
        SettlementKind::Reversal,
        SettlementClass::Nothing,
    ),
    ("Outros", SettlementKind::Other, SettlementClass::Pays),
    (
        "Outros com Resíduo",
        SettlementKind::OtherWithResidue,
        SettlementClass::Pays,
    ),
    ("Por Bens", SettlementKind::Goods, SettlementClass::Pays),
    (
        "Promoção",
        SettlementKind::Promotion,
        SettlementClass::WritesOff,
    ),
    (
        "Recebimento",
        SettlementKind::Receipt,
        SettlementClass::Pays,
    ),
    ("Sorteio", SettlementKind::Draw, SettlementClass::WritesOff),
    (
        "Substituição",
        SettlementKind::Replacement,
        SettlementClass::WritesOff,
    ),
    (
        "Reparcelamento",
        SettlementKind::Remade,
        SettlementClass::Nothing,
    ),
    (
        "Repactuação",
        SettlementKind::Renegotiation,
        SettlementClass::Nothing,
    ),
    (
        "Distrato",
        SettlementKind::Rescission,
        SettlementClass::Nothing,
    ),
];

/// Kinds that Sienge writes with anything behind them (`Reparcelamento - Título 12/3`, `Distrato contratual`).
const WITH_ANY_SUFFIX: [SettlementKind; 3] = [
    SettlementKind::Remade,
    SettlementKind::Renegotiation,
    SettlementKind::Rescission,
];
/// Where a name ends and a remark begins.
const SEPARATORS: [char; 6] = [':', '(', '[', '/', ',', ';'];
/// The same, but only between blanks: otherwise they join words.
const DASHES: [char; 6] = [
    '-', '\u{2010}', '\u{2011}', '\u{2013}', '\u{2014}', '\u{2212}',
];
/// Beginnings of words that, in a remark, undo a settlement or replace it.
const UNDOES: [&str; 6] = ["anul", "cancel", "devol", "distrat", "reparcel", "repactu"];
/// Longest name that is kept, in characters.
const MAX_NAME: usize = 200;
/// Beginning of a word that makes any name a reversal.
const REVERSES: &str = "estorn";
/// Words between the reversal and what it reverses.
const PARTICLES: [&str; 5] = ["de", "do", "da", "dos", "das"];

/// A name as Sienge wrote it, equal to its other spellings.
#[derive(Debug, Clone)]
pub struct KindName {
    text: String,
    key: String,
}

impl KindName {
    fn new(text: String) -> Self {
        let key = key(&text);
        Self { text, key }
    }
}

impl PartialEq for KindName {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for KindName {}

impl PartialOrd for KindName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KindName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl Hash for KindName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl SettlementKind {
    /// The name as Sienge and the operators write it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown(name) | Self::ReversalOf(name) => &name.text,
            known => KINDS
                .iter()
                .find(|(_, kind, _)| kind == known)
                .map_or("", |(name, ..)| name),
        }
    }

    /// Its identity: the same for all spellings.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Unknown(name) | Self::ReversalOf(name) => &name.key,
            known => known.name(),
        }
    }

    /// Whether it reverses a receipt.
    #[must_use]
    pub const fn is_reversal(&self) -> bool {
        matches!(self, Self::Reversal | Self::ReversalOf(_))
    }

    /// What a reversal says it reverses.
    #[must_use]
    pub fn takes_back(&self) -> Option<Self> {
        match self {
            Self::ReversalOf(name) => taken_back(&name.text),
            _ => None,
        }
    }

    /// Its meaning unless a tenant's settings say otherwise; `None` for an unknown kind.
    #[must_use]
    pub fn class(&self) -> Option<SettlementClass> {
        match self {
            Self::Unknown(_) => None,
            Self::ReversalOf(_) => Some(SettlementClass::Nothing),
            known => KINDS
                .iter()
                .find(|(_, kind, _)| kind == known)
                .map(|(.., class)| *class),
        }
    }
}

impl From<String> for SettlementKind {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&str> for SettlementKind {
    /// Reads a name whatever its spelling.
    fn from(text: &str) -> Self {
        // Fast path: nearly every name is spelled like this, and there are millions.
        if let Some((_, kind, _)) = KINDS.iter().find(|(name, ..)| *name == text) {
            return kind.clone();
        }
        let text = text::one_line(text, MAX_NAME);
        let key = key(&text);
        if let Some(kind) = BY_KEY.get(&key) {
            return kind.clone();
        }
        if words(&text).any(|word| word.starts_with(REVERSES)) {
            return match taken_back(&text) {
                None => Self::Reversal,
                Some(Self::Unknown(_)) => Self::ReversalOf(KindName::new(text)),
                Some(kind) => {
                    Self::ReversalOf(KindName::new(format!("Estorno de {}", kind.name())))
                }
            };
        }
        let any_suffix = WITH_ANY_SUFFIX
            .into_iter()
            .find(|kind| key.starts_with(&self::key(kind.name())));
        let before_remark = || BY_KEY.get(&self::key(head(&text)?)).cloned();
        any_suffix
            .or_else(before_remark)
            .unwrap_or_else(|| Self::Unknown(KindName::new(text.clone())))
    }
}

impl From<SettlementKind> for String {
    fn from(kind: SettlementKind) -> Self {
        kind.name().to_owned()
    }
}

impl fmt::Display for SettlementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kind that a reversal's name contains; `None` when it names none. A remark after a known kind is not part of it.
fn taken_back(name: &str) -> Option<SettlementKind> {
    let named = |name: &str| {
        let others = words(name).filter(|word| !word.starts_with(REVERSES));
        let others: Vec<String> = others
            .skip_while(|word| PARTICLES.contains(&word.as_str()))
            .collect();
        (!others.is_empty()).then(|| SettlementKind::from(others.join(" ").as_str()))
    };
    let reversals = heads(name).filter(|head| words(head).any(|word| word.starts_with(REVERSES)));
    let mut before_remark = reversals.filter_map(named);
    let known = before_remark.find(|kind| !matches!(kind, SettlementKind::Unknown(_)));
    known.or_else(|| named(name))
}

/// The part before the first separator, when the rest is a mere remark.
fn head(text: &str) -> Option<&str> {
    let head = heads(text).next()?;
    let remark = &text[head.len()..];
    (!is_in_doubt(head, remark)).then_some(head)
}

/// Whether a remark contradicts the name before it, or names a kind with another meaning.
fn is_in_doubt(head: &str, remark: &str) -> bool {
    let begins = |text: &str, stem: &str| words(text).any(|word| word.starts_with(stem));
    let class = |name: &str| BY_KEY.get(&key(name)).and_then(SettlementKind::class);
    let of_head = class(head);
    UNDOES
        .iter()
        .any(|stem| begins(remark, stem) && !begins(head, stem))
        || words(remark).any(|word| class(&word).is_some_and(|class| Some(class) != of_head))
}

/// The part before each separator, the shortest first.
fn heads(text: &str) -> impl Iterator<Item = &str> {
    let is_blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let parts = text
        .char_indices()
        .map(move |(at, c)| (c, &text[..at], &text[at + c.len_utf8()..]));
    let ends = parts.filter(move |(c, before, after)| {
        let stands_apart =
            || is_blank(before.chars().next_back()) || is_blank(after.chars().next());
        SEPARATORS.contains(c) || (DASHES.contains(c) && stands_apart())
    });
    ends.map(|(_, before, _)| before)
}

/// The kinds by the keys of their names; "Bens" is how Sienge's income-tax report calls one.
static BY_KEY: LazyLock<HashMap<String, SettlementKind>> = LazyLock::new(|| {
    let named = KINDS
        .iter()
        .map(|(name, kind, _)| (key(name), kind.clone()));
    named
        .chain([(key("Bens"), SettlementKind::Goods)])
        .collect()
});

/// The words of a name in the singular, joined.
fn key(name: &str) -> String {
    let singular = |word: String| match (word.strip_suffix("oes"), word.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}ao"),
        (None, Some(stem)) => stem.to_owned(),
        (None, None) => word,
    };
    words(&text::one_line(name, MAX_NAME))
        .map(singular)
        .collect()
}

/// The words of a composed name, made comparable.
fn words(name: &str) -> impl Iterator<Item = String> {
    let words = name.split(|c: char| !c.is_alphanumeric());
    words.map(text::folded).filter(|word| !word.is_empty())
}

/// What settlements mean in one tenant's Sienge: the classes above, and those its settings assign (`settlementClasses`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "BTreeMap<String, SettlementClass>",
    into = "BTreeMap<String, SettlementClass>"
)]
pub struct SettlementClasses(BTreeMap<String, (String, SettlementClass)>);

impl SettlementClasses {
    /// The class of a kind; `None` when it is unclassified.
    #[must_use]
    pub fn of(&self, kind: &SettlementKind) -> Option<SettlementClass> {
        if self.0.is_empty() || is_fixed(kind) {
            return kind.class();
        }
        let assigned = self.0.get(&key(kind.name()));
        let assigned = assigned.or_else(|| self.0.get(&key(head(kind.name())?)));
        assigned.map(|(_, class)| *class).or_else(|| kind.class())
    }

    /// Whether it brings value.
    #[must_use]
    pub fn pays(&self, kind: &SettlementKind) -> bool {
        self.of(kind) == Some(SettlementClass::Pays)
    }

    /// Whether it is reported as `Pagamento Direto`: everything not known to be bookkeeping.
    #[must_use]
    pub fn is_reported(&self, kind: &SettlementKind) -> bool {
        self.of(kind) != Some(SettlementClass::Nothing)
    }
}

/// Kinds whose class no setting may change.
fn is_fixed(kind: &SettlementKind) -> bool {
    kind.is_reversal() || matches!(kind, SettlementKind::Remade | SettlementKind::Rescission)
}

impl TryFrom<BTreeMap<String, SettlementClass>> for SettlementClasses {
    type Error = String;

    fn try_from(given: BTreeMap<String, SettlementClass>) -> Result<Self, Self::Error> {
        let mut classes = BTreeMap::new();
        for (name, class) in given {
            let kind = SettlementKind::from(name.as_str());
            let key = key(kind.name());
            if key.is_empty() {
                return Err("settlementClasses: informe o nome do tipo de baixa, por exemplo \"Dação em pagamento\"".to_owned());
            }
            if is_fixed(&kind) {
                return Err(format!(
                    "settlementClasses: \"{name}\" nunca movimenta valor; retire-o"
                ));
            }
            if let Some((other, _)) = classes.insert(key, (name.clone(), class)) {
                return Err(format!(
                    "settlementClasses: \"{other}\" e \"{name}\" são o mesmo tipo de baixa; deixe um só"
                ));
            }
        }
        Ok(Self(classes))
    }
}

impl From<SettlementClasses> for BTreeMap<String, SettlementClass> {
    fn from(classes: SettlementClasses) -> Self {
        classes.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use icu_normalizer::DecomposingNormalizerBorrowed;

    use super::*;
    use SettlementClass::{Nothing, Pays, WritesOff};

    fn decomposed(name: &str) -> String {
        let decomposed = DecomposingNormalizerBorrowed::new_nfd()
            .normalize(name)
            .into_owned();
        assert!(decomposed != name || name.is_ascii());
        decomposed
    }

    fn class(name: &str) -> Option<SettlementClass> {
        SettlementClasses::default().of(&SettlementKind::from(name))
    }

    #[test]
    fn every_kind_that_sienge_writes_has_its_class() {
        let pays = [
            "Abatimento de Adiantamento",
            "Adiantamento",
            "Outros",
            "Outros com Resíduo",
            "Por Bens",
            "Recebimento",
        ];
        let writes_off = [
            "Bonificação",
            "Cancelamento",
            "Promoção",
            "Sorteio",
            "Substituição",
        ];
        let nothing = [
            "Estorno",
            "Estorno de Recebimento",
            "Estorno de Repactuação",
            "Reparcelamento",
            "Reparcelamento - Título 1234/5",
            "Reparcelamento/12",
            "Repactuação",
            "Repactuação - Título 12",
            "Distrato",
            "Distrato contratual",
        ];
        for (names, wanted) in [
            (&pays[..], Pays),
            (&writes_off, WritesOff),
            (&nothing, Nothing),
        ] {
            for name in names {
                assert_eq!(class(name), Some(wanted), "{name}");
            }
        }
        assert_eq!(class("Dação em pagamento"), None);
    }

    #[test]
    fn a_name_is_the_same_however_it_is_spelled() {
        for (name, kind, _) in KINDS {
            let decomposed = decomposed(name);
            let spellings = [
                name.to_uppercase(),
                name.to_lowercase(),
                name.replace(' ', "\u{a0}"),
                name.replace(' ', "_"),
                format!("\u{2007} {name}  \n"),
                decomposed.to_uppercase(),
                decomposed,
                format!("{name} - Título 12/3"),
                format!("{name} (título 12)"),
                format!("{name}- Título 12"),
                format!("{name} -Título 12"),
                format!("{name} \u{2212} Título 12"),
                format!("{name}, título 12"),
                format!("{name}; parcela 12"),
                format!("{name} [12]"),
            ];
            for spelling in spellings {
                assert_eq!(
                    SettlementKind::from(spelling.as_str()).id(),
                    suffixed(&kind, &spelling),
                    "{spelling:?}"
                );
            }
            assert_eq!(SettlementKind::from(kind.name()), kind);
        }
        for plural in [
            "Bonificações",
            "RECEBIMENTOS",
            "Promocoes",
            "Adiantamentos",
            "Repactuações",
            "Outro",
            "Bens",
        ] {
            assert!(
                !matches!(SettlementKind::from(plural), SettlementKind::Unknown(_)),
                "{plural}"
            );
        }
    }

    #[test]
    fn a_dash_within_a_word_begins_no_remark() {
        for name in [
            "Recebimento-provisório",
            "Outros-valores",
            "Adiantamento\u{2010}caução",
        ] {
            assert!(
                matches!(SettlementKind::from(name), SettlementKind::Unknown(_)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_remark_behind_a_reversal_hides_nothing_of_what_it_takes_back() {
        for (name, taken) in [
            (
                "Estorno de Bonificação - Título 12",
                Some(SettlementKind::Bonus),
            ),
            (
                "ESTORNO DE BONIFICAC\u{327}A\u{303}O (título 12/3)",
                Some(SettlementKind::Bonus),
            ),
            (
                "Estorno: Adiantamento - parcela 2",
                Some(SettlementKind::Advance),
            ),
            (
                "Estorno de Recebimento, parcial",
                Some(SettlementKind::Receipt),
            ),
            ("Recebimento - estornado", Some(SettlementKind::Receipt)),
            (
                "Estorno - Título 12",
                Some(SettlementKind::from("titulo 12")),
            ),
            (
                "Bonificação (estorno de Recebimento)",
                Some(SettlementKind::from("bonificacao de recebimento")),
            ),
            ("Estorno", None),
        ] {
            let kind = SettlementKind::from(name);
            assert_eq!(
                (kind.is_reversal(), kind.takes_back()),
                (true, taken),
                "{name}"
            );
            assert_eq!(
                SettlementKind::from(kind.name()),
                kind,
                "what is kept reads as itself"
            );
        }
    }

    /// An Estorno's remark may name what it reverses, so it is kept.
    fn suffixed(kind: &SettlementKind, spelling: &str) -> String {
        let remark = spelling.contains("12");
        if *kind == SettlementKind::Reversal && remark {
            SettlementKind::from(spelling).id().to_owned()
        } else {
            kind.id().to_owned()
        }
    }

    #[test]
    fn a_remark_that_takes_a_receipt_back_makes_it_a_reversal() {
        for name in [
            "Recebimento - Estorno",
            "Recebimento estornado",
            "ESTORNO RECEBIMENTO",
            "Estorno do recebimento",
        ] {
            let kind = SettlementKind::from(name);
            assert!(kind.is_reversal(), "{name}");
            assert_eq!(kind.takes_back(), Some(SettlementKind::Receipt), "{name}");
            assert_eq!(SettlementKind::from(kind.name()), kind);
        }
        let kind = SettlementKind::from("Estorno - Dação em pagamento");
        assert_eq!(
            kind.takes_back(),
            Some(SettlementKind::from("Dação em pagamento"))
        );
        assert_eq!(SettlementKind::from("ESTORNOS"), SettlementKind::Reversal);
        assert_eq!(
            SettlementKind::from("Cancelamento de recebimento").class(),
            None,
            "nobody said what this is"
        );
    }

    #[test]
    fn a_remark_that_says_something_else_makes_the_name_unknown() {
        for name in [
            "Recebimento - Cancelado",
            "RECEBIMENTO (cancelamento)",
            "Recebimento: cheque devolvido",
            "Recebimento – anulado em 12/3",
            "Outros - Repactuação",
            "Adiantamento / Distrato",
            "Por Bens - reparcelado",
            "Recebimento - Título 12 - Bonificação",
            "Bonificação - Cancelada",
            "Bonificações (recebimento)",
        ] {
            assert_eq!(class(name), None, "{name}");
            assert_eq!(SettlementKind::from(name).name(), name);
        }
        for (name, kind) in [
            ("Recebimento - outros títulos", SettlementKind::Receipt),
            (
                "Cancelamento - título cancelado",
                SettlementKind::Cancellation,
            ),
            (
                "Abatimento de Adiantamento - Adiantamento 15",
                SettlementKind::AdvanceRebate,
            ),
            ("Bonificação - Promoção de Natal", SettlementKind::Bonus),
            (
                "Reparcelamento - Título 12, cancelado",
                SettlementKind::Remade,
            ),
        ] {
            assert_eq!(SettlementKind::from(name), kind, "{name}");
        }
        let classes = settings(
            r#"{"Dação": "pays", "Outros": "writesOff", "Outros - Repactuação": "nothing"}"#,
        )
        .unwrap();
        let of = |name: &str| classes.of(&SettlementKind::from(name));
        assert_eq!(of("Dação - Título 77"), Some(Pays));
        assert_eq!(
            of("Dação - Cancelada"),
            None,
            "whoever says what it means names all of it"
        );
        assert_eq!(of("OUTROS (repactuação)"), Some(Nothing));
        assert_eq!(of("Outros - Distrato"), None);
    }

    #[test]
    fn an_unknown_type_is_kept_as_written_and_equal_to_its_other_spellings() {
        let composed = SettlementKind::from("Dação em pagamento");
        assert_eq!(composed.name(), "Dação em pagamento");
        let decomposed = SettlementKind::from(decomposed("DAÇÃO  EM PAGAMENTO"));
        assert_eq!(composed, decomposed);
        assert_eq!(composed.id(), decomposed.id());
        assert_eq!(decomposed.name(), "DAÇÃO EM PAGAMENTO");
    }

    fn settings(json: &str) -> Result<SettlementClasses, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn the_settings_give_an_unknown_type_its_class_whatever_its_spelling_and_remark() {
        let classes = settings(
            r#"{"Dação em pagamento": "pays", "Acerto": "nothing", "outros": "writesOff"}"#,
        )
        .unwrap();
        let of = |name: &str| classes.of(&SettlementKind::from(name));
        assert_eq!(of("DACAO EM PAGAMENTO"), Some(Pays));
        assert_eq!(of("Dação em Pagamento - Título 77"), Some(Pays));
        assert_eq!(of("acerto"), Some(Nothing));
        assert_eq!(of("Outros"), Some(WritesOff));
        assert_eq!(of("Outros com Resíduo"), Some(Pays));
        assert_eq!(of("Acerto contábil"), None);
        let text = serde_json::to_string(&classes).unwrap();
        assert_eq!(settings(&text).unwrap(), classes);
    }

    #[test]
    fn settings_that_say_nothing_clear_are_told() {
        let error = |json: &str| settings(json).unwrap_err().to_string();
        let wrong = error(r#"{"Dação": "paid"}"#);
        assert!(wrong.contains("`pays`, `writesOff`, `nothing`"), "{wrong}");
        assert!(error(r#"{"Estorno": "pays"}"#).contains("nunca movimenta valor"));
        assert!(error(r#"{" ": "pays"}"#).contains("informe o nome"));
        assert!(
            error(r#"{"Dação": "pays", "DACAO": "nothing"}"#).contains("o mesmo tipo de baixa")
        );
    }
}
