use std::net::{IpAddr, SocketAddr};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

/// Resolves every name to these addresses.
#[derive(Clone)]
struct Addresses(Vec<IpAddr>);

impl Service<Name> for Addresses {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        let addresses: Vec<_> = self.0.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        std::future::ready(Ok(addresses.into_iter()))
    }
}

/// A listener whose backlog is full, so that no SYN is answered, with what fills it.
fn deaf(address: SocketAddr) -> Vec<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(0).unwrap();
    let mut sockets = vec![socket];
    for _ in 0..8 {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        // It is in progress, or waits for ever.
        let _ = client.connect(&address.into());
        sockets.push(client);
    }
    sockets
}

fn no_authorities() -> ClientConfig {
    tls_config(RootCertStore::empty())
}

#[tokio::test]
async fn a_dead_first_address_leaves_time_for_the_others() {
    // Only the last address of three answers.
    let good = TcpListener::bind("127.0.0.41:0").await.unwrap();
    let port = good.local_addr().unwrap().port();
    let dead: [IpAddr; 2] = [[127, 0, 0, 42].into(), [127, 0, 0, 43].into()];
    let _deaf = dead.map(|ip| deaf(SocketAddr::new(ip, port)));
    let one = std::net::TcpStream::connect_timeout(
        &SocketAddr::new(dead[0], port),
        Duration::from_millis(200),
    );
    assert_eq!(
        one.unwrap_err().kind(),
        std::io::ErrorKind::TimedOut,
        "it does not answer"
    );
    let addresses = Addresses(vec![dead[0], dead[1], [127, 0, 0, 41].into()]);
    let timeout = Duration::from_millis(600);
    let mut route = Route::new(addresses, None, no_authorities(), timeout);
    let uri = format!("http://sync.example:{port}/").parse().unwrap();
    route.call(uri).await.unwrap();
    let (_, from) = good.accept().await.unwrap();
    assert!(from.ip().is_loopback());
}

/// A proxy that opens one tunnel, to nowhere, and returns the head of the request.
async fn proxy() -> (SocketAddr, JoinSet<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.unwrap());
        }
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        String::from_utf8(head).unwrap()
    });
    (address, tasks)
}

fn through(proxy: &str, resolver: Addresses) -> Route<Addresses> {
    let matcher = Matcher::builder().https(proxy).build();
    let timeout = Duration::from_secs(3);
    Route::new(resolver, Some(Arc::new(matcher)), no_authorities(), timeout)
}

#[tokio::test]
async fn https_goes_through_a_tunnel_of_the_proxy() {
    let (address, mut tasks) = proxy().await;
    let resolver = Addresses(vec![address.ip()]);
    let mut route = through(&format!("http://user:pass@{address}"), resolver);
    let uri = "https://cognito-sync.us-east-1.amazonaws.com/";
    drop(route.call(uri.parse().unwrap()).await.unwrap());
    let head = tasks.join_next().await.unwrap().unwrap();
    let request = "CONNECT cognito-sync.us-east-1.amazonaws.com:443 HTTP/1.1\r\n";
    assert!(head.starts_with(request), "{head}");
    let login = "proxy-authorization: basic dxnlcjpwyxnz\r\n";
    assert!(head.to_lowercase().contains(login), "{head}");
}

#[tokio::test]
async fn what_is_local_goes_through_no_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        let resolver = Addresses(vec![[127, 0, 0, 1].into()]);
        let mut route = through(&proxy_url, resolver);
        let uri = format!("https://{host}:{port}/").parse().unwrap();
        drop(route.call(uri).await.unwrap());
        server.accept().await.unwrap();
    }
    let asked = tokio::time::timeout(Duration::ZERO, proxy.accept()).await;
    assert!(asked.is_err(), "{asked:?}");
}
