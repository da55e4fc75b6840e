//! The fields of an event, read like those of a form.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::Refusal;
use super::form::{FIELDS, Form, is_refused};

pub(super) struct EventFields<'a> {
    pub(super) fields: &'a Map<String, Value>,
    pub(super) form: &'static Form,
}

impl EventFields<'_> {
    /// Checks that every field belongs to the command; a flag set to `false` does not ask for another one.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        for (name, value) in self.fields {
            if self.form.fields.contains(&name.as_str()) || is_refused(name, value) {
                continue;
            }
            let taken = match self.form.fields {
                [] => "este comando não tem campos".to_owned(),
                fields => format!("os campos deste comando são {}", fields.join(", ")),
            };
            let what = if FIELDS.iter().any(|(known, _)| known == name) {
                "este comando não aceita"
            } else {
                "campo desconhecido"
            };
            return Err(self.form.refuse(format!("{what} \"{name}\"; {taken}")));
        }
        Ok(())
    }

    pub(super) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(value) = self.fields.get(name) else {
            return Ok(None);
        };
        match serde_json::from_value(value.clone()) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(self.wrong(name, "tem um valor que não serve")),
        }
    }

    pub(super) fn wrong(&self, name: &str, why: &str) -> Refusal {
        let example = FIELDS
            .iter()
            .find(|(known, _)| *known == name)
            .map_or("", |(_, example)| example);
        self.form.refuse(format!(
            "\"{name}\" {why}; por exemplo \"{name}\": {example}"
        ))
    }

    pub(super) fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, Refusal> {
        self.read(name)?
            .ok_or_else(|| self.form.refuse(format!("falta \"{name}\"")))
    }

    /// A text that names something; it must not be empty.
    pub(super) fn name(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.read::<String>(name)? {
            Some(text) if text.trim().is_empty() => Err(self.wrong(name, "está vazio")),
            text => Ok(text),
        }
    }

    pub(super) fn is_set(&self, name: &str) -> Result<bool, Refusal> {
        Ok(self.read(name)?.unwrap_or(false))
    }
}
