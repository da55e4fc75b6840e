//! Why a value is not of its type: serde's findings as data, with a Portuguese text.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

/// What is wrong with a value, or with a field of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JsonFault {
    /// A required field is missing.
    Missing(&'static str),
    /// An unknown field.
    Unknown { known: &'static [&'static str] },
    /// A duplicate field.
    Repeated(&'static str),
    /// None of these names.
    NoneOf(&'static [&'static str]),
    /// A different kind of JSON than the type's.
    Kind {
        given: JsonKind,
        wanted: Option<JsonKind>,
    },
    /// A number that is too large or too small, or a list that is too long or too short.
    Range,
    /// What the type itself says, in Portuguese.
    Own(String),
}

/// Kinds of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JsonKind {
    Null,
    Flag,
    Integer,
    Number,
    Text,
    List,
    Object,
}

impl JsonFault {
    /// The field it concerns, if the fault is found at the object instead of the field.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Missing(field) | Self::Repeated(field) => Some(field),
            _ => None,
        }
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(_) => f.write_str("campo obrigatório ausente"),
            Self::Unknown { known: [] } => {
                f.write_str("campo desconhecido; nenhum campo é aceito aqui")
            }
            Self::Unknown { known } => write!(
                f,
                "campo desconhecido; os campos aceitos são: {}",
                known.join(", ")
            ),
            Self::Repeated(_) => f.write_str("campo repetido; escreva-o uma vez"),
            Self::NoneOf([]) => f.write_str("valor desconhecido; nenhum valor é aceito aqui"),
            Self::NoneOf(names) => write!(
                f,
                "valor desconhecido; os valores aceitos são: {}",
                names.join(", ")
            ),
            Self::Kind {
                given,
                wanted: Some(wanted),
            } => write!(
                f,
                "veio {}, mas o campo é {}",
                given.given(),
                wanted.wanted()
            ),
            Self::Kind {
                given,
                wanted: None,
            } => write!(
                f,
                "veio {}, que este campo não aceita; confira o formato em /v1/openapi.json",
                given.given()
            ),
            Self::Range => f.write_str("valor fora do intervalo aceito"),
            Self::Own(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for JsonFault {}

impl de::Error for JsonFault {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Own(text.to_string())
    }

    fn invalid_type(given: Unexpected<'_>, _: &dyn Expected) -> Self {
        let given = JsonKind::of(given);
        Self::Kind {
            given,
            wanted: None,
        }
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self::Range
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self::Range
    }

    fn unknown_variant(_: &str, names: &'static [&'static str]) -> Self {
        Self::NoneOf(names)
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown { known }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Repeated(field)
    }
}

impl JsonKind {
    const fn of(given: Unexpected<'_>) -> Self {
        match given {
            Unexpected::Bool(_) => Self::Flag,
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => Self::Integer,
            Unexpected::Float(_) => Self::Number,
            Unexpected::Seq | Unexpected::TupleVariant => Self::List,
            Unexpected::Map | Unexpected::StructVariant | Unexpected::NewtypeVariant => {
                Self::Object
            }
            Unexpected::Unit | Unexpected::Option => Self::Null,
            _ => Self::Text,
        }
    }

    const fn given(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag => "true ou false",
            Self::Integer | Self::Number => "um número",
            Self::Text => "um texto",
            Self::List => "uma lista",
            Self::Object => "um objeto",
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Integer => "um número inteiro, sem aspas",
            Self::Text => {
                "um texto entre aspas (valores como \"1205.13\", datas como \"2026-11-30\")"
            }
            other => other.given(),
        }
    }
}
