//! The parameters of a request.

use jiff::civil::Date;

use super::ApiError;

/// Parameters in the order they came; unknown ones are ignored, as the ERP does.
#[derive(Clone, Debug, Default)]
pub struct Query(pub Vec<(String, String)>);

impl Query {
    /// The first value of a parameter, when it is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A list: one parameter with commas, or the parameter repeated.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let values = self.0.iter().filter(|(key, _)| key == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect()
    }

    /// A list of numbers.
    pub fn ids(&self, name: &str) -> Result<Vec<u32>, ApiError> {
        let wrong =
            || ApiError::parameter(name, "deve ser uma lista de números inteiros de 32 bits");
        self.list(name)
            .into_iter()
            .map(|item| int32(item).ok_or_else(wrong))
            .collect()
    }

    /// A number.
    pub fn id(&self, name: &str) -> Result<Option<u32>, ApiError> {
        let wrong = || ApiError::parameter(name, "deve ser um número inteiro de 32 bits");
        self.text(name)
            .map(|text| int32(text).ok_or_else(wrong))
            .transpose()
    }

    /// A number that must be there.
    pub fn required_id(&self, name: &str) -> Result<u32, ApiError> {
        self.id(name)?
            .ok_or_else(|| ApiError::parameter(name, "parâmetro obrigatório"))
    }

    /// A date.
    pub fn date(&self, name: &str) -> Result<Option<Date>, ApiError> {
        let wrong = || ApiError::parameter(name, "deve ser uma data no formato yyyy-MM-dd");
        let read = |text: &str| {
            if text.len() != 10 {
                return Err(wrong());
            }
            text.parse().map_err(|_| wrong())
        };
        self.text(name).map(read).transpose()
    }

    /// A date that must be there.
    pub fn required_date(&self, name: &str) -> Result<Date, ApiError> {
        self.date(name)?
            .ok_or_else(|| ApiError::parameter(name, "parâmetro obrigatório"))
    }

    /// A flag: `true`/`false`, `S`/`N`, `1`/`0`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name) {
            None => Ok(None),
            Some("true" | "S" | "1") => Ok(Some(true)),
            Some("false" | "N" | "0") => Ok(Some(false)),
            Some(_) => Err(ApiError::parameter(name, "deve ser true ou false")),
        }
    }

    /// `limit` and `offset`. What the ERP does beyond 200 is not known; refusing shows the caller its mistake.
    pub fn page(&self) -> Result<(usize, usize), ApiError> {
        let limit = self.id("limit")?.unwrap_or(100);
        let offset = self.id("offset")?.unwrap_or(0);
        if !(1..=200).contains(&limit) {
            return Err(ApiError::parameter("limit", "deve ser de 1 a 200"));
        }
        Ok((
            usize::try_from(limit).unwrap_or(200),
            usize::try_from(offset).unwrap_or(usize::MAX),
        ))
    }

    /// Whether a day lies between two optional parameters, both ends included.
    pub fn between(&self, day: Date, after: &str, before: &str) -> Result<bool, ApiError> {
        let after = self.date(after)?.is_none_or(|limit| day >= limit);
        let before = self.date(before)?.is_none_or(|limit| day <= limit);
        Ok(after && before)
    }
}

/// Ids are `int32` throughout the documents; nothing has a negative one.
pub(super) fn int32(text: &str) -> Option<u32> {
    u32::try_from(text.parse::<i32>().ok()?).ok()
}
