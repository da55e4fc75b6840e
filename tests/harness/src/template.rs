//! `template.yaml`, as the harness reads it.

use std::path::Path;
use std::sync::LazyLock;

use saphyr::{LoadableYamlNode, YamlOwned};

/// The template.
pub static TEMPLATE: LazyLock<YamlOwned> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../template.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    YamlOwned::load_from_str(&text).unwrap().remove(0)
});

/// What lies under some keys.
pub fn at<'a>(yaml: &'a YamlOwned, path: &[&str]) -> &'a YamlOwned {
    path.iter().fold(yaml, |yaml, key| {
        yaml.as_mapping_get(key)
            .unwrap_or_else(|| panic!("template.yaml: no {key} in {path:?}"))
    })
}

/// The text of a scalar, whatever intrinsic function stands before it.
pub fn text(yaml: &YamlOwned) -> &str {
    match yaml {
        YamlOwned::Tagged(_, inner) => text(inner),
        plain => plain.as_str().unwrap(),
    }
}

/// The items of a list; what is none is a list of itself.
pub fn list(yaml: &YamlOwned) -> Vec<&YamlOwned> {
    yaml.as_sequence()
        .map_or_else(|| vec![yaml], |items| items.iter().collect())
}
