//! Registered webhooks, and events on their way to them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A registered webhook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hook {
    /// Its id, a UUID.
    pub id: String,
    /// The subdomain it was registered under.
    pub subdomain: String,
    /// Where events go.
    pub url: String,
    /// The bearer token sent with them.
    pub token: Option<String>,
    /// The events it wants.
    pub events: Vec<String>,
}

/// An event with its own id, to be delivered to every hook that wants it.
#[derive(Clone, Debug)]
pub struct Told {
    /// `x-sienge-id`.
    pub id: String,
    /// Event name.
    pub name: String,
    /// Body.
    pub body: Value,
}

/// An event on its way to one hook.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The event.
    pub event: Told,
    /// The hook.
    pub hook: Hook,
}
