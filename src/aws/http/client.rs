//! One exchange of a request for an answer, for every request of the SDK.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::header::{AGE, AUTHORIZATION, DATE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{self, Client as HyperClient};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use thiserror::Error;
use tracing::warn;

use super::local::is_safe;
use super::route::{self, Connect, ProxyFailed};
use super::time::{ServiceTime, Signature};
use crate::redact;

/// Idle connections are closed before AWS closes them (after about 20 s), so that no call finds a
/// half-closed one.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest answer that is read, in bytes. One of `DescribeIdentityUsage` has about 250, a page
/// of `ListDatasets` at most some 30,000, credentials some 20,000.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// The longest time for an exchange, where the SDK sets none. Loads of credentials have 30 s.
const MAX_EXCHANGE: Duration = Duration::from_secs(30);
/// AWS's codes for a signature whose time may be wrong, as the SDK lists them.
const REFUSALS: [&str; 5] = [
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
    "RequestExpired",
    "AuthFailure",
];

/// A request was about to leave the machine without TLS.
#[derive(Debug, Error)]
#[error("the endpoint is plain http to another machine; only https is allowed")]
pub(in crate::aws) struct PlainHttp;

/// An answer's header is no text.
#[derive(Debug, Error)]
#[error("the answer's head is not text")]
pub(in crate::aws) struct NotText(#[source] HttpError);

/// The time that an answer gives, in seconds since 1970. An extension of answers, which have no
/// `Date` for the SDK.
#[derive(Clone, Copy, Debug)]
pub(in crate::aws) struct AnswerDate(pub(in crate::aws) f64);

/// A certificate was refused.
#[derive(Debug, Error)]
#[error("the certificate of {host} is not trusted: {reason}")]
struct NotTrusted {
    host: String,
    reason: String,
}

#[derive(Debug, Error)]
#[error("no complete answer within {0:?}")]
struct TooSlow(Duration);

/// Connections by way of one proxy, with the same authorities.
#[derive(Debug)]
pub(super) struct Connections {
    proxy: Option<Arc<Matcher>>,
    authorities: RootCertStore,
    /// By the time that connecting may take.
    clients: Mutex<HashMap<Option<Duration>, HyperClient<Connect, SdkBody>>>,
    /// The hosts whose last failure was reported.
    reported: Mutex<HashSet<String>>,
}

/// Makes the exchanges of one client of the SDK, whose answers set the time of its signatures.
#[derive(Debug)]
pub(super) struct Client {
    connections: Arc<Connections>,
    time: ServiceTime,
}

/// Makes exchanges with the same timeouts.
#[derive(Clone, Debug)]
struct Connector {
    client: HyperClient<Connect, SdkBody>,
    timeout: Duration,
    time: ServiceTime,
    connections: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(proxy: Option<Arc<Matcher>>, authorities: RootCertStore) -> Self {
        Self {
            proxy,
            authorities,
            clients: Mutex::default(),
            reported: Mutex::default(),
        }
    }

    fn client(&self, connect_timeout: Option<Duration>) -> HyperClient<Connect, SdkBody> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let client = clients.entry(connect_timeout).or_insert_with(|| {
            let authorities = self.authorities.clone();
            HyperClient::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(POOL_IDLE_TIMEOUT)
                .build(route::connect(
                    self.proxy.clone(),
                    authorities,
                    connect_timeout,
                ))
        });
        client.clone()
    }

    fn reported(&self) -> MutexGuard<'_, HashSet<String>> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    pub(super) fn new(connections: Arc<Connections>, time: ServiceTime) -> Self {
        Self { connections, time }
    }

    fn connector(&self, connect_timeout: Option<Duration>, timeout: Duration) -> Connector {
        Connector {
            client: self.connections.client(connect_timeout),
            timeout,
            time: self.time.clone(),
            connections: Arc::clone(&self.connections),
        }
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let timeout = settings.read_timeout().unwrap_or(MAX_EXCHANGE);
        SharedHttpConnector::new(self.connector(settings.connect_timeout(), timeout))
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().exchange(request))
    }
}

impl Connector {
    async fn exchange(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?;
        if !is_safe(request.uri()) {
            return Err(ConnectorError::user(PlainHttp.into()));
        }
        let capture = capture_connection(&mut request);
        if let Some(connection) = request.extensions().get::<CaptureSmithyConnection>() {
            connection.set_connection_retriever(move || connection_metadata(&capture));
        }
        let authority = request.uri().authority();
        let host = authority.map(ToString::to_string).unwrap_or_default();
        let is_signed = request.headers().contains_key(AUTHORIZATION);
        let answer = tokio::time::timeout(self.timeout, self.answer(request)).await;
        let answer = match answer {
            Ok(answer) => answer.map_err(|error| self.failure(&host, error))?,
            Err(_) => return Err(ConnectorError::timeout(TooSlow(self.timeout).into())),
        };
        self.connections.reported().remove(&host);
        let (mut parts, body) = answer.into_parts();
        let signature = signature(is_signed, parts.status, &parts.headers, &body);
        let is_stored = parts.headers.contains_key(AGE);
        let date = parts.headers.remove(DATE).filter(|_| !is_stored);
        let date = date.as_ref().and_then(|date| date.to_str().ok());
        let date = self.time.answered(&host, date, signature);
        let answer = Response::from_parts(parts, SdkBody::from(body));
        let mut answer = HttpResponse::try_from(answer)
            .map_err(|error| ConnectorError::other(NotText(error).into(), None))?;
        if let Some(date) = date {
            answer.add_extension(AnswerDate(date));
        }
        Ok(answer)
    }

    async fn answer(&self, request: Request<SdkBody>) -> Result<Response<Bytes>, BoxError> {
        let (parts, body) = self.client.request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    /// The SDK's error for an exchange that failed. A refused certificate and a proxy that does not
    /// work are reported once for each host, until an answer of it arrives.
    fn failure(&self, host: &str, error: BoxError) -> ConnectorError {
        if let Some(reason) = refused_certificate(&*error) {
            let host = host.to_owned();
            if self.connections.reported().insert(host.clone()) {
                warn!(
                    host,
                    reason,
                    "the certificate is not trusted; if its authority is a private one, name it in \
                     AWS_CA_BUNDLE or SSL_CERT_FILE"
                );
            }
            return ConnectorError::io(NotTrusted { host, reason }.into());
        }
        if causes(&*error).any(<dyn Error>::is::<ProxyFailed>)
            && self.connections.reported().insert(host.to_owned())
        {
            let reason = redact::error_chain(&*error);
            warn!(host, reason, "the proxy does not work");
        }
        let is_timeout = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
        if causes(&*error).any(|cause| cause.downcast_ref().is_some_and(is_timeout)) {
            return ConnectorError::timeout(error);
        }
        let is_connect = error.downcast_ref().is_some_and(legacy::Error::is_connect);
        if is_connect || causes(&*error).any(<dyn Error>::is::<io::Error>) {
            return ConnectorError::io(error);
        }
        ConnectorError::other(error, None)
    }
}

/// What an answer says of the signature of its request.
fn signature(is_signed: bool, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Signature {
    let in_header = |code: &str| {
        let found = headers.get("x-amzn-errortype");
        found.is_some_and(|found| contains(found.as_bytes(), code.as_bytes()))
    };
    let is_refusal = |code: &str| in_header(code) || contains(body, code.as_bytes());
    if !is_signed {
        Signature::Unknown
    } else if status.is_success() {
        Signature::Accepted
    } else if status.is_client_error() && REFUSALS.iter().any(|code| is_refusal(code)) {
        Signature::Refused
    } else {
        Signature::Unknown
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// Lets the SDK close a connection on which a call timed out.
fn connection_metadata(captured: &CaptureConnection) -> Option<ConnectionMetadata> {
    captured.connection_metadata().as_ref()?;
    let captured = captured.clone();
    let poison = move || {
        if let Some(connection) = captured.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    Some(
        ConnectionMetadata::builder()
            .proxied(false)
            .poison_fn(poison)
            .build(),
    )
}

/// Why TLS refused a certificate, if it did.
fn refused_certificate(error: &(dyn Error + 'static)) -> Option<String> {
    causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(error @ rustls::Error::InvalidCertificate(_)) => Some(error.to_string()),
        _ => None,
    })
}

/// An error and its causes. Unlike `source()`, an [`io::Error`] leads to the error inside it first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests;
