//! What every request passes before the exporter's own service: its form, and then, in the
//! exporter-toolkit's order, the rate limit and the login. All responses but those to malformed
//! requests carry the headers of the web configuration. A panic behind this is a 500.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{Either, Full};
use hyper::body::Body;
use hyper::service::Service;

use crate::clock::now;
use crate::login::{Credentials, Logins, Verdict};
use crate::metrics::Metrics;
use crate::peer::Peer;
use crate::rate_limit::TokenBucket;
use crate::request::{self, Malformed};
use crate::sync::lock;
use crate::unwind::{Panicked, catch_async};
use crate::web_config::{WebConfig, WebConfigWatcher};

const BASIC: HeaderValue = HeaderValue::from_static("Basic");
const CLOSE: HeaderValue = HeaderValue::from_static("close");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Seconds until a login is worth another attempt when too many wait.
const RETRY_AFTER_BUSY: HeaderValue = HeaderValue::from_static("1");

/// Puts the web configuration's rate limit, logins and headers around a service.
#[derive(Clone)]
pub(crate) struct AccessLayer(Arc<Shared>);

struct Shared {
    config: Arc<WebConfigWatcher>,
    logins: Arc<Logins>,
    bucket: Mutex<TokenBucket>,
    metrics: Arc<dyn Metrics>,
    paths_without_login: Vec<String>,
}

impl AccessLayer {
    pub(crate) fn new(
        config: Arc<WebConfigWatcher>,
        metrics: Arc<dyn Metrics>,
        paths_without_login: Vec<String>,
    ) -> Self {
        Self(Arc::new(Shared {
            config,
            logins: Arc::new(Logins::new()),
            bucket: Mutex::new(TokenBucket::new(now())),
            metrics,
            paths_without_login,
        }))
    }

    /// The service behind the layer.
    pub(crate) fn layer<S>(&self, service: S) -> Access<S> {
        Access {
            layer: self.clone(),
            service,
        }
    }
}

/// A service behind an [`AccessLayer`].
#[derive(Clone)]
pub(crate) struct Access<S> {
    layer: AccessLayer,
    service: S,
}

impl<S, R, B> Service<Request<R>> for Access<S>
where
    S: Service<Request<R>, Response = Response<B>, Future: Send> + Clone + Send + 'static,
    R: Send + 'static,
    B: Body<Data = Bytes>,
{
    type Response = Response<Either<B, Full<Bytes>>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, request: Request<R>) -> Self::Future {
        let Self { layer, service } = self.clone();
        Box::pin(async move {
            if let Err(malformed) = request::check(&request) {
                return Ok(refusal(malformed, request.version()).map(Either::Right));
            }
            let answered = catch_async(async move {
                let config = layer.0.config.current().await;
                let mut response = match layer.0.rejection(&config, &request).await {
                    Some(rejection) => rejection.map(Either::Right),
                    None => service.call(request).await?.map(Either::Left),
                };
                for (name, value) in &config.headers {
                    response.headers_mut().insert(name, value.clone());
                }
                Ok(response)
            });
            answered.await.unwrap_or_else(|Panicked| {
                let failed = rejection(StatusCode::INTERNAL_SERVER_ERROR, None);
                Ok(failed.map(Either::Right))
            })
        })
    }
}

impl Shared {
    /// The response to a request that does not get past this layer.
    fn rejection<'a, R>(
        &'a self,
        config: &'a WebConfig,
        request: &Request<R>,
    ) -> impl Future<Output = Option<Response<Full<Bytes>>>> + Send + use<'a, R> {
        let path = request.uri().path();
        let is_public = self.paths_without_login.iter().any(|public| public == path);
        let credentials = credentials(request.headers());
        let peer = request.extensions().get().copied().unwrap_or(Peer::LOCAL);
        async move {
            if !lock(&self.bucket).take(config.rate_limit, now()) {
                return Some(rejection(StatusCode::TOO_MANY_REQUESTS, None));
            }
            if config.users.is_empty() || is_public {
                return None;
            }
            let verdict = match credentials {
                Some(credentials) => self.logins.check(&config.users, credentials, peer).await,
                None => Verdict::Bad,
            };
            match verdict {
                Verdict::Good => None,
                Verdict::Bad => {
                    self.metrics.login_rejected();
                    let challenge = (WWW_AUTHENTICATE, BASIC);
                    Some(rejection(StatusCode::UNAUTHORIZED, Some(challenge)))
                }
                Verdict::Busy => {
                    let retry = (RETRY_AFTER, RETRY_AFTER_BUSY);
                    Some(rejection(StatusCode::TOO_MANY_REQUESTS, Some(retry)))
                }
            }
        }
    }
}

fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    Credentials::parse(headers.get(AUTHORIZATION)?.as_bytes())
}

/// As Go's `http.Error` writes it, with one more header.
fn rejection(
    status: StatusCode,
    header: Option<(http::HeaderName, HeaderValue)>,
) -> Response<Full<Bytes>> {
    let text = format!("{}\n", status.canonical_reason().unwrap_or_default());
    let mut response = plain(status, text);
    response.headers_mut().extend(header);
    response
}

/// The response to a malformed request, after which HTTP/1 is out of step.
fn refusal(Malformed { status, reason }: Malformed, version: Version) -> Response<Full<Bytes>> {
    let name = status.canonical_reason().unwrap_or_default();
    let mut response = plain(status, format!("{} {name}: {reason}\n", status.as_u16()));
    if version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, CLOSE);
    }
    response
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}
