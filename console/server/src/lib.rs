//! The console's server: a secret in front of the page, and the page in front of a forwarder that signs requests.

#![allow(clippy::print_stderr, reason = "it talks to a terminal")]

mod credentials;
pub mod door;
mod endpoint;
mod forwarder;
mod secret;
mod signing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use console_page::Settings;

pub use endpoint::Endpoint;
pub use forwarder::{Forwarder, http_client};
pub use secret::Secret;

/// The console, for whoever knows the secret.
pub fn app(secret: Secret, settings: Settings, forwarder: Forwarder) -> Router {
    Router::new()
        .fallback(forwarder::forward)
        .with_state(Arc::new(forwarder))
        .layer(from_fn_with_state(settings, console_page::serve))
        .layer(from_fn_with_state(Arc::new(secret), secret::check))
}
