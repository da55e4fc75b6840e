//! The routes, and finding one.

use crate::call::Parameters;
use crate::{
    Problem, Route, agreements, audit, boletos, campaigns, contracts, history, openapi, quotes,
};

/// All of them.
pub const ROUTES: &[Route] = &[
    quotes::QUOTE,
    quotes::SMALLEST_PLAN,
    agreements::SAVE,
    agreements::LIST,
    agreements::READ,
    agreements::CONFIRM,
    agreements::BREAK,
    agreements::CANCEL,
    contracts::OPEN,
    boletos::READ,
    boletos::RENEW,
    boletos::EMAIL,
    campaigns::READ,
    campaigns::REPLACE,
    history::RUNS,
    history::CRITIQUES,
    audit::READ,
    openapi::READ,
];

/// The route of a method and path, with the path's parameters.
pub(crate) fn find(method: &str, path: &str) -> Result<(&'static Route, Parameters), Problem> {
    let path = path.split('?').next().unwrap_or_default();
    let matching: Vec<_> = ROUTES
        .iter()
        .filter_map(|route| Some((route, matched(route.path, path)?)))
        .collect();
    if matching.is_empty() {
        return Err(Problem::not_found(
            "Endereço desconhecido; veja /v1/openapi.json.",
        ));
    }
    let allowed: Vec<&str> = matching.iter().map(|(route, _)| route.method).collect();
    let found = matching
        .into_iter()
        .find(|(route, _)| route.method == method);
    found.ok_or_else(|| Problem::method(&allowed))
}

fn matched(pattern: &'static str, path: &str) -> Option<Parameters> {
    let (mut expected, mut given) = (pattern.split('/'), path.trim_end_matches('/').split('/'));
    let mut parameters = Vec::new();
    loop {
        match (expected.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(part), Some(text)) => match part
                .strip_prefix('{')
                .and_then(|part| part.strip_suffix('}'))
            {
                Some(name) if !text.is_empty() => parameters.push((name, text.to_owned())),
                None if part == text => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_path_is_matched_whole() {
        let pattern = "/v1/creditors/{id}/campaigns";
        assert_eq!(
            matched(pattern, "/v1/creditors/7/campaigns/"),
            Some(vec![("id", "7".to_owned())])
        );
        for other in [
            "/v1/creditors//campaigns",
            "/v1/creditors/7",
            "/v1/creditors/7/campaigns/x",
            "/v1",
            "",
        ] {
            assert_eq!(matched(pattern, other), None, "{other}");
        }
    }

    #[test]
    fn no_two_routes_are_the_same_and_a_wrong_method_names_the_right_ones() {
        let all: BTreeSet<_> = ROUTES
            .iter()
            .map(|route| (route.method, route.path))
            .collect();
        assert_eq!(all.len(), ROUTES.len());
        let names: BTreeSet<_> = ROUTES.iter().map(|route| route.name).collect();
        assert_eq!(names.len(), ROUTES.len());
        let status = |method, path| find(method, path).err().unwrap().status();
        assert_eq!(status("DELETE", "/v1/creditors/7/campaigns"), 405);
        assert_eq!(status("GET", "/v1/nothing"), 404);
    }
}
