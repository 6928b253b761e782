use std::future::ready;
use std::task::{Context, Poll};

use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use tower_service::Service;

use super::*;

/// A resolver that knows no name.
#[derive(Clone)]
struct Nameless;

impl Service<Name> for Nameless {
    type Response = std::vec::IntoIter<std::net::SocketAddr>;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Err(io::Error::other("Name or service not known")))
    }
}

async fn unreached(url: &str) -> Unreached {
    let connector = HttpConnector::new_with_resolver(Nameless);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let request = http::Request::get(url);
    let request = request.body(http_body_util::Empty::<bytes::Bytes>::new());
    let error = client.request(request.unwrap()).await.unwrap_err();
    let host = url.trim_start_matches("http://");
    Unreached::of(host, &error).unwrap()
}

#[tokio::test]
async fn a_name_that_is_not_known_and_a_port_where_nobody_listens() {
    for (url, kind, words) in [
        (
            "http://cognito-sync.us-est-1.amazonaws.com",
            "host_unknown",
            "the name of cognito-sync.us-est-1.amazonaws.com cannot be resolved (DNS)",
        ),
        (
            "http://127.0.0.1:1",
            "connection_refused",
            "127.0.0.1:1 refuses the connection",
        ),
    ] {
        let unreached = unreached(url).await;
        assert_eq!((unreached.kind(), &*unreached.to_string()), (kind, words));
    }
}
