//! Who calls: machines by an API key, people by the claims of a token that API Gateway's authorizer verified.
//!
//! The tenant always comes from the proof, never from anything else in the request.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ponte::cache::Cache;
use ponte::calendar::Timestamp;
use ponte::digest::sha256_hex;
use ponte::ids::TenantId;
use ponte::settings::{CallerLimits, Package};
use ponte::store::{Actor, ApiKey, PresentedKey, Right, Role, Store};
use serde_json::Value;

use crate::door::Allowance;
use crate::event::HttpRequest;
use crate::{Caller, Problem};

/// How long a key or a tenant is cached: a revoked key works for at most this much longer.
const FRESH: Duration = Duration::from_secs(30);
/// How many are cached: a flood of invented ones must not fill the memory.
const MAX_REMEMBERED: usize = 10_000;
/// Longest subject of a token, in bytes, as OpenID Connect has it.
const MAX_SUBJECT: usize = 255;
/// Digits of a key's id, as the key command makes it.
const ID_DIGITS: usize = 16;

/// Names of the claims with the tenant and the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// Tenant, such as `custom:tenant` with Cognito.
    pub tenant: String,
    /// Role: a name, or a list of names, of which the highest counts. A right's name may be among them.
    pub role: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            tenant: "tenant".to_owned(),
            role: "role".to_owned(),
        }
    }
}

/// Recent reads, so that a warm function does not read for every call.
pub(crate) struct Authenticator {
    keys: Cache<(TenantId, String), ApiKey>,
    active: Cache<TenantId, (CallerLimits, Package)>,
}

impl Default for Authenticator {
    fn default() -> Self {
        Self {
            keys: Cache::new(MAX_REMEMBERED),
            active: Cache::new(MAX_REMEMBERED),
        }
    }
}

impl Authenticator {
    /// The caller. All refusals are the same, so that they reveal nothing.
    pub async fn caller(
        &self,
        store: &Store,
        claims: &ClaimNames,
        request: &HttpRequest,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let proved = if request.is_of_people() {
            let token = request.header("authorization");
            request
                .claims()
                .and_then(|found| person(found, token, claims))
        } else {
            self.machine(store, request, now).await?
        };
        let Proved {
            tenant,
            actor,
            role,
            rights,
        } = proved.ok_or_else(Problem::unauthorized)?;
        let Some((limits, package)) = self.active(store, &tenant).await? else {
            return Err(Problem::unauthorized());
        };
        // Short, because it is part of every bucket's key; and a person's name must not be stored there.
        let caller = sha256_hex(&[actor.to_string().as_bytes()])[..8].to_owned();
        Ok(Caller {
            tenant: Some(tenant),
            actor: Some(actor),
            role,
            rights,
            allowance: Some(Allowance {
                caller,
                limits,
                package,
            }),
        })
    }

    /// What an API key proves.
    async fn machine(
        &self,
        store: &Store,
        request: &HttpRequest,
        now: Timestamp,
    ) -> Result<Option<Proved>, Problem> {
        let Some(presented) = presented(request) else {
            return Ok(None);
        };
        let Ok(tenant) = TenantId::parse(presented.tenant_text) else {
            return Ok(None);
        };
        let place = (tenant, presented.id.to_owned());
        let key = match self.keys.get(&place, FRESH) {
            Some(key) => key,
            None => match store.api_key(&place.0, presented.id).await? {
                Some(key) => {
                    self.keys.put(place.clone(), key.clone());
                    key
                }
                // Not cached: a new key must work at once.
                None => return Ok(None),
            },
        };
        let admitted = key.admits(&presented, now);
        let (tenant, id) = place;
        Ok(admitted.then_some(Proved {
            tenant,
            actor: Actor::Key(id),
            role: key.role,
            rights: key.rights,
        }))
    }

    /// The limits that an active tenant's settings set for its callers.
    async fn active(
        &self,
        store: &Store,
        tenant: &TenantId,
    ) -> Result<Option<(CallerLimits, Package)>, Problem> {
        if let Some(known) = self.active.get(tenant, FRESH) {
            return Ok(Some(known));
        }
        let settings = store.tenant_settings(tenant).await?;
        let active = settings
            .filter(|settings| settings.active)
            .map(|settings| (settings.limits, settings.package));
        if let Some(active) = active {
            self.active.put(tenant.clone(), active);
        }
        Ok(active)
    }
}

/// What a credential proves.
#[derive(Debug, PartialEq, Eq)]
struct Proved {
    tenant: TenantId,
    actor: Actor,
    role: Role,
    rights: Vec<Right>,
}

/// The key that a request of a machine's brings, which proves nothing yet.
fn presented(request: &HttpRequest) -> Option<PresentedKey<'_>> {
    let text = request
        .header("x-api-key")
        .or_else(|| bearer(request.header("authorization")?));
    PresentedKey::read(text?)
}

/// The id of the key that a request brings, for the log; none if it does not look like one of ours, because then it may be anything.
pub(crate) fn presented_id(request: &HttpRequest) -> Option<&str> {
    let id = presented(request).filter(|_| !request.is_of_people())?.id;
    let is_ours = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then_some(id)
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, credential) = header.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| credential.trim())
}

/// What verified claims prove, given their token. Without a subject nobody could say who acted.
fn person(
    claims: &HashMap<String, String>,
    token: Option<&str>,
    names: &ClaimNames,
) -> Option<Proved> {
    let text = |name: &str| claims.get(name).map(String::as_str);
    let tenant = TenantId::parse(text(&names.tenant)?.trim_matches(['[', ']'])).ok()?;
    let roles = listed(text(&names.role)?, || claim(token?, &names.role));
    let role = roles.iter().filter_map(|name| Role::named(name)).max()?;
    let rights = roles.iter().filter_map(|name| Right::named(name)).collect();
    let subject = text("sub").filter(|subject| (1..=MAX_SUBJECT).contains(&subject.len()))?;
    Some(Proved {
        tenant,
        actor: Actor::Person(subject.to_owned()),
        role,
        rights,
    })
}

/// The names in a claim's text. API Gateway passes a list as `[a b]`, where a name with a blank looks like two: then the names come from the
/// token, provided that they make up the verified text.
fn listed(text: &str, claim: impl FnOnce() -> Option<Value>) -> Vec<String> {
    let list = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let Some(list) = list else {
        return vec![text.to_owned()];
    };
    if !list.contains([' ', ',']) {
        return vec![list.to_owned()];
    }
    let names: Vec<String> = match claim() {
        Some(names) => serde_json::from_value(names).unwrap_or_default(),
        None => Vec::new(),
    };
    let is_verified = [" ", ",", ", "]
        .iter()
        .any(|between| names.join(between) == list);
    if is_verified { names } else { Vec::new() }
}

/// A claim in a token, whose signature is not checked here.
fn claim(token: &str, name: &str) -> Option<Value> {
    let token = bearer(token).unwrap_or(token);
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let mut claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get_mut(name)?.take())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::Invocation;

    #[test]
    fn claims_tell_tenant_and_the_highest_role() {
        let names = ClaimNames::default();
        let of = |claims: &[(&str, &str)]| {
            let claims = claims
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            person(&claims.collect(), None, &names)
        };
        let proved = of(&[("tenant", "[617]"), ("role", "[operator]"), ("sub", "x")]).unwrap();
        assert_eq!(
            (proved.tenant.as_str(), proved.role, proved.actor),
            ("617", Role::Operator, Actor::Person("x".to_owned()))
        );
        assert_eq!(
            of(&[("tenant", "617"), ("role", "administrator"), ("sub", "x")])
                .unwrap()
                .role,
            Role::Administrator
        );
        for bad in [
            [("role", "reader"), ("sub", "x")].as_slice(),
            &[("tenant", "617"), ("sub", "x")],
            &[("tenant", "617"), ("role", "root"), ("sub", "x")],
            &[("tenant", "617"), ("role", "reader operator"), ("sub", "x")],
            &[
                ("tenant", "617"),
                ("role", "[reader operator]"),
                ("sub", "x"),
            ],
            &[("tenant", "617 618"), ("role", "reader"), ("sub", "x")],
            // Nobody could say who acted.
            &[("tenant", "617"), ("role", "reader")],
            &[("tenant", "617"), ("role", "reader"), ("sub", "")],
        ] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_role_is_a_whole_name_of_the_list() {
        let of = |text: &str, names: Value| {
            let payload = json!({ "groups": names }).to_string();
            let token = format!("Bearer e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
            let claims = HashMap::from([("tenant", "617"), ("groups", text), ("sub", "x")]);
            let claims = claims
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            let names = ClaimNames {
                role: "groups".to_owned(),
                ..ClaimNames::default()
            };
            person(&claims.collect(), Some(&token), &names).map(|proved| proved.role)
        };
        for (text, names, role) in [
            (
                "[reader operator]",
                json!(["reader", "operator"]),
                Some(Role::Operator),
            ),
            (
                "[Night shift operator]",
                json!(["Night shift", "operator"]),
                Some(Role::Operator),
            ),
            (
                "[sales, operator]",
                json!(["sales", "operator"]),
                Some(Role::Operator),
            ),
            ("[Night operator]", json!(["Night operator"]), None),
            (
                "[Night operator, reader]",
                json!(["Night operator", "reader"]),
                Some(Role::Reader),
            ),
            ("[operator ]", json!("operator"), None),
            // This is not the verified token.
            ("[Night reader]", json!(["Night", "administrator"]), None),
        ] {
            assert_eq!(of(text, names), role, "{text}");
        }
    }

    #[test]
    fn a_right_is_told_beside_the_role_and_is_no_role() {
        let of = |role: Value| {
            let payload = json!({ "role": role }).to_string();
            let token = format!("Bearer e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
            let text = role.as_array().map_or_else(
                || role.as_str().unwrap().to_owned(),
                |names| {
                    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                    format!("[{}]", names.join(" "))
                },
            );
            let claims = [("tenant", "617"), ("role", text.as_str()), ("sub", "x")];
            let claims = claims.map(|(name, value)| (name.to_owned(), value.to_owned()));
            person(&claims.into(), Some(&token), &ClaimNames::default())
        };
        let proved = of(json!(["operator", "boleto:send-anywhere"])).unwrap();
        assert_eq!(
            (proved.role, proved.rights),
            (Role::Operator, vec![Right::SendAnywhere])
        );
        assert_eq!(of(json!(["administrator"])).unwrap().rights, []);
        assert_eq!(of(json!("boleto:send-anywhere")), None);
    }

    #[test]
    fn the_log_names_a_key_that_looks_like_ours_and_nothing_else_that_somebody_sends() {
        let id_of = |path: &str, key: &str| {
            let event = json!({"version": "2.0", "rawPath": path, "headers": {"x-api-key": key}, "requestContext": {"http": {"method": "GET"}}});
            let today = ponte::calendar::Date::constant(2026, 11, 30);
            let Ok(Invocation::Http(request)) = Invocation::read(event, today) else {
                panic!("{key}")
            };
            presented_id(&request).map(str::to_owned)
        };
        let id = "5f0c1a2e9b3d4c71";
        let key = format!("ponte.617.{id}.segredo");
        assert_eq!(id_of("/v1/runs", &key).as_deref(), Some(id));
        assert_eq!(id_of("/sso/v1/runs", &key), None, "people bring none");
        for other in [
            "ponte.617.52998224725.x",
            "ponte.617.fulana-de-tal-00.x",
            "x",
        ] {
            assert_eq!(id_of("/v1/runs", other), None, "{other}");
        }
    }

    #[test]
    fn only_bearer_carries_a_key() {
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }
}
