//! One exchange of a request for an answer, for every request of the SDK.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
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
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use thiserror::Error;

use super::local::is_safe;
use super::route::{self, Connect};
use super::time::{ServiceTime, Signature};
use super::unreached::Unreached;

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
}

impl Connections {
    pub(super) fn new(proxy: Option<Arc<Matcher>>, authorities: RootCertStore) -> Self {
        Self {
            proxy,
            authorities,
            clients: Mutex::default(),
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
            Ok(answer) => answer.map_err(|error| failure(&host, error))?,
            Err(_) => return Err(ConnectorError::timeout(TooSlow(self.timeout).into())),
        };
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
}

/// The SDK's error for an exchange that failed.
fn failure(host: &str, error: BoxError) -> ConnectorError {
    match Unreached::of(host, &*error) {
        Some(slow) if slow.is_timeout() => ConnectorError::timeout(slow.into()),
        Some(unreached) => ConnectorError::io(unreached.into()),
        None => ConnectorError::other(error, None),
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

#[cfg(test)]
mod tests;
