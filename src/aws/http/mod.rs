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
mod tunnel;
mod unreached;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use hyper_util::client::proxy::matcher::Matcher;
use thiserror::Error;
use tracing::{info, warn};

pub(super) use client::{AnswerDate, NotText, PlainHttp};
pub(super) use time::ServiceTime;
pub(super) use unreached::Unreached;

use crate::clock::Clock;
use client::{Client, Connections};
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

/// How calls reach AWS: the proxy and the trusted authorities. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Network(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    proxy: Option<Arc<Matcher>>,
    /// Whether environment and profiles may name bundles.
    has_bundles: bool,
    /// What the times of all clients' signatures are made of.
    time: ServiceTime,
    /// By the bundle that each trusts. `None` stands for the system's authorities.
    connections: Mutex<HashMap<Option<Bundle>, Trusting>>,
}

#[derive(Debug)]
struct Trusting {
    /// The content of the bundle.
    content: Vec<u8>,
    connections: Arc<Connections>,
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
            connections: Mutex::default(),
        }))
    }

    /// The client for calls with a profile, or with the profile that the environment selects, whose
    /// answers set this time. The bundle is read each time; a changed one makes new connections.
    ///
    /// # Errors
    /// When the bundle in force cannot be used.
    pub(super) async fn client(
        &self,
        profile: Option<&str>,
        time: ServiceTime,
    ) -> Result<SharedHttpClient, NetworkError> {
        let connections = self.connections(profile).await?;
        Ok(SharedHttpClient::new(Client::new(connections, time)))
    }

    /// The client below the SDK, for calls that others make: a bench, by the SDK alone.
    ///
    /// # Errors
    /// When the bundle in force cannot be used.
    pub async fn http_client(&self) -> Result<SharedHttpClient, NetworkError> {
        self.client(None, self.0.time.clone()).await
    }

    /// Finds a setting that keeps calls with a profile from being made.
    ///
    /// # Errors
    /// When the bundle in force cannot be used.
    pub(super) async fn check(&self, profile: Option<&str>) -> Result<(), NetworkError> {
        self.connections(profile).await.map(drop)
    }

    async fn connections(&self, profile: Option<&str>) -> Result<Arc<Connections>, NetworkError> {
        let bundle = if self.0.has_bundles {
            Bundle::in_force(profile).await
        } else {
            None
        };
        let content = bundle.as_ref().map(Bundle::read).transpose()?;
        let content = content.unwrap_or_default();
        let mut all = self
            .0
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&bundle);
        if let Some(known) = known.filter(|known| known.content == content) {
            return Ok(Arc::clone(&known.connections));
        }
        let authorities = match &bundle {
            Some(bundle) => {
                let authorities = bundle.authorities(&content)?;
                info!(%bundle, authorities = authorities.len(), "trusting a bundle of certificates");
                authorities
            }
            None => trust::of_system(),
        };
        let connections = Arc::new(Connections::new(self.0.proxy.clone(), authorities));
        let trusting = Trusting {
            content,
            connections: Arc::clone(&connections),
        };
        all.insert(bundle, trusting);
        Ok(connections)
    }

    /// The time of another client's signatures.
    pub(super) fn new_time(&self) -> ServiceTime {
        self.0.time.of_another_client()
    }
}
