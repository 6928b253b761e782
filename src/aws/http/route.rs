//! Connections: to a host itself, or through the proxy.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use super::local::is_local;
use super::tunnel::{self, ProxyFailed};

/// The time to connect, which all addresses of a name of one family share. The SDK's default, which
/// covers the longest round trips.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

/// TLS over a [`Route`], or plain HTTP.
pub(super) type Connect = HttpsConnector<Route>;

/// Opens TCP connections. `R` resolves names.
#[derive(Clone)]
pub(super) struct Route<R = GaiResolver> {
    direct: HttpConnector<R>,
    /// A proxy may be reached by TLS itself.
    to_proxy: HttpsConnector<HttpConnector<R>>,
    proxy: Option<Arc<Matcher>>,
}

/// Connections by this proxy, if any, trusting these authorities. `timeout` is for connecting, at
/// most [`CONNECT_TIMEOUT`].
pub(super) fn connect(
    proxy: Option<Arc<Matcher>>,
    authorities: RootCertStore,
    timeout: Option<Duration>,
) -> Connect {
    let to_proxy = tls_config(authorities);
    let mut to_service = to_proxy.clone();
    to_service.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let timeout = timeout.map_or(CONNECT_TIMEOUT, |timeout| timeout.min(CONNECT_TIMEOUT));
    let route = Route::new(GaiResolver::new(), proxy, to_proxy, timeout);
    HttpsConnector::from((route, to_service))
}

fn tls_config(authorities: RootCertStore) -> ClientConfig {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for TLS 1.2 and 1.3")
        .with_root_certificates(authorities)
        .with_no_client_auth()
}

impl<R: Clone> Route<R> {
    fn new(
        resolver: R,
        proxy: Option<Arc<Matcher>>,
        to_proxy: ClientConfig,
        timeout: Duration,
    ) -> Self {
        let mut direct = HttpConnector::new_with_resolver(resolver);
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_connect_timeout(Some(timeout));
        Self {
            to_proxy: HttpsConnector::from((direct.clone(), to_proxy)),
            direct,
            proxy,
        }
    }
}

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl<R> Service<Uri> for Route<R>
where
    HttpConnector<R>: Service<Uri, Response = TokioIo<TcpStream>> + Clone,
    <HttpConnector<R> as Service<Uri>>::Future: Send + 'static,
    <HttpConnector<R> as Service<Uri>>::Error: Into<BoxError>,
{
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let is_local = to.host().is_none_or(is_local);
        let proxy = self.proxy.as_ref().filter(|_| !is_local);
        let Some(proxy) = proxy.and_then(|proxy| proxy.intercept(&to)) else {
            let connecting = self.direct.call(to);
            return Box::pin(async move {
                let stream = connecting.await.map_err(Into::into)?;
                Ok(MaybeHttpsStream::Http(stream))
            });
        };
        let connecting = self.to_proxy.call(proxy.uri().clone());
        Box::pin(async move {
            let connected = connecting.await.map_err(ProxyFailed::Unreached)?;
            Ok(tunnel::open(connected, &to, proxy.basic_auth()).await?)
        })
    }
}

#[cfg(test)]
mod tests;
