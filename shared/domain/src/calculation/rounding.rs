//! Rounding as parameters: how rows and totals are rounded, and which row carries the residue.

use serde::{Deserialize, Serialize};

use crate::money::Rounding;

/// Where the cents go by which the rounded parts miss the rounded total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Residue {
    /// The first row, or the first installment of a plan.
    #[default]
    First,
    /// The last one.
    Last,
}

/// The three parameters together; in JSON a preset's name (`"cobmais"`, `"standard"`) or all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenRules", into = "WrittenRules")]
pub struct RoundingRules {
    /// Of each row's fee and of the internal calculation's charges.
    pub row: Rounding,
    /// Of the fee's total.
    pub total: Rounding,
    /// Who carries the difference.
    pub residue: Residue,
}

impl RoundingRules {
    /// What the playbook's screen shows: rows half-up, the fee's total truncated, the difference on the first.
    pub const COBMAIS: Self = Self {
        row: Rounding::HalfUp,
        total: Rounding::Truncate,
        residue: Residue::First,
    };
    /// Half-up everywhere, the difference on the first.
    pub const STANDARD: Self = Self {
        row: Rounding::HalfUp,
        total: Rounding::HalfUp,
        residue: Residue::First,
    };
}

impl Default for RoundingRules {
    fn default() -> Self {
        Self::STANDARD
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenRules {
    Preset(String),
    Rules {
        row: Rounding,
        total: Rounding,
        residue: Residue,
    },
}

impl TryFrom<WrittenRules> for RoundingRules {
    type Error = String;
    fn try_from(written: WrittenRules) -> Result<Self, String> {
        match written {
            WrittenRules::Preset(name) => match name.as_str() {
                "cobmais" => Ok(Self::COBMAIS),
                "standard" => Ok(Self::STANDARD),
                _ => Err(format!(
                    "arredondamento: \"{name}\" não é conhecido; escreva \"cobmais\" ou \"standard\""
                )),
            },
            WrittenRules::Rules {
                row,
                total,
                residue,
            } => Ok(Self {
                row,
                total,
                residue,
            }),
        }
    }
}

impl From<RoundingRules> for WrittenRules {
    fn from(rules: RoundingRules) -> Self {
        match rules {
            RoundingRules::COBMAIS => Self::Preset("cobmais".to_owned()),
            RoundingRules::STANDARD => Self::Preset("standard".to_owned()),
            RoundingRules {
                row,
                total,
                residue,
            } => Self::Rules {
                row,
                total,
                residue,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_names_and_anything_else_is_spelled_out() {
        let read = |json: &str| serde_json::from_str::<RoundingRules>(json);
        assert_eq!(read("\"cobmais\"").unwrap(), RoundingRules::COBMAIS);
        assert_eq!(
            serde_json::to_string(&RoundingRules::COBMAIS).unwrap(),
            "\"cobmais\""
        );
        let last = read(r#"{"row":"halfUp","total":"halfUp","residue":"last"}"#).unwrap();
        assert_eq!(last.residue, Residue::Last);
        assert_eq!(read(&serde_json::to_string(&last).unwrap()).unwrap(), last);
        assert_eq!(
            read("\"cobmias\"").unwrap_err().to_string(),
            "arredondamento: \"cobmias\" não é conhecido; escreva \"cobmais\" ou \"standard\""
        );
    }
}
