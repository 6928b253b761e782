//! The HTTP client below all of the SDK's calls, those for credentials too.
//!
//! It is made of hyper's parts, as the SDK's own, which shares no time among the addresses of a
//! name, trusts the proxy variables without a word, and panics on a bundle of certificates that is
//! cut off. What holds for every request and answer is held here: where a request may go, how long
//! an answer may be and take, and what an answer's date may do.

mod client;
mod local;
mod proxy;
mod route;
mod time;
mod trust;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::RootCertStore;
use thiserror::Error;
use tracing::{info, warn};

pub(super) use client::{AnswerDate, NotText, PlainHttp};
pub(super) use time::ServiceTime;

use crate::clock::Clock;
use client::Client;
use trust::Bundle;

/// A setting of the environment or of a profile that keeps calls from being made.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// A proxy variable cannot be understood.
    #[error(transparent)]
    Proxy(#[from] proxy::InvalidProxy),
    /// A bundle of certificates cannot be used.
    #[error(transparent)]
    Bundle(#[from] trust::InvalidBundle),
}

/// How calls reach AWS: the proxy, the trusted authorities, the time by AWS's clock. Clones share
/// their connections.
#[derive(Clone, Debug)]
pub struct Network(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    proxy: Option<Arc<Matcher>>,
    /// Whether environment and profiles may name bundles.
    has_bundles: bool,
    time: ServiceTime,
    /// By the bundle that each trusts. `None` stands for the system's authorities.
    clients: Mutex<HashMap<Option<Bundle>, Trusting>>,
}

#[derive(Debug)]
struct Trusting {
    /// The content of the bundle.
    content: Vec<u8>,
    client: SharedHttpClient,
}

impl Network {
    /// Calls go to the endpoints themselves, and the system's authorities are trusted.
    #[must_use]
    pub fn direct(clock: Clock) -> Self {
        Self::new(None, false, clock)
    }

    /// Calls go as environment and profiles say. Logs what is in force.
    ///
    /// # Errors
    /// When the environment's proxy cannot be understood.
    pub fn from_environment(clock: Clock) -> Result<Self, NetworkError> {
        let (proxy, warnings) = proxy::read(|name| std::env::var_os(name))?;
        warnings.iter().for_each(|warning| warn!("{warning}"));
        if let Some(proxy) = &proxy {
            let (proxy, from, except) = (&proxy.url, proxy.variable, &proxy.exceptions);
            info!(proxy, from, except, "calls to AWS go through a proxy");
        }
        let matcher = proxy.map(|proxy| Arc::new(proxy.matcher));
        Ok(Self::new(matcher, true, clock))
    }

    fn new(proxy: Option<Arc<Matcher>>, has_bundles: bool, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            proxy,
            has_bundles,
            time: ServiceTime::new(clock),
            clients: Mutex::default(),
        }))
    }

    /// The client for calls with a profile, or with the profile that the environment selects. The
    /// bundle is read each time, and a changed one makes a new client.
    ///
    /// # Errors
    /// When the bundle in force cannot be used.
    pub(super) async fn client(
        &self,
        profile: Option<&str>,
    ) -> Result<SharedHttpClient, NetworkError> {
        let bundle = if self.0.has_bundles {
            Bundle::in_force(profile).await
        } else {
            None
        };
        let content = bundle.as_ref().map(Bundle::read).transpose()?;
        let content = content.unwrap_or_default();
        let mut clients = self
            .0
            .clients
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = clients.get(&bundle);
        if let Some(known) = known.filter(|known| known.content == content) {
            return Ok(known.client.clone());
        }
        let authorities = match &bundle {
            Some(bundle) => {
                let authorities = bundle.authorities(&content)?;
                info!(%bundle, authorities = authorities.len(), "trusting a bundle of certificates");
                authorities
            }
            None => trust::of_system(),
        };
        let client = self.new_client(authorities);
        let trusting = Trusting {
            content,
            client: client.clone(),
        };
        clients.insert(bundle, trusting);
        Ok(client)
    }

    fn new_client(&self, authorities: RootCertStore) -> SharedHttpClient {
        let time = self.0.time.clone();
        SharedHttpClient::new(Client::new(self.0.proxy.clone(), authorities, time))
    }

    /// The time by AWS's clock.
    pub(super) fn time(&self) -> ServiceTime {
        self.0.time.clone()
    }
}
