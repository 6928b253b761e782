//! A complete exporter: one counter on `/metrics`, with TLS, logins and limits as the web
//! configuration has them.
//!
//! `cargo run -p exporter-web --example hello -- ADDRESS [WEB_CONFIG]`, for example `:9100
//! web.yaml`.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

use exporter_web::service::{Incoming, service_fn};
use exporter_web::{Listener, Server, WebConfigFile};
use http::{Request, Response, StatusCode};

static SCRAPES: AtomicU64 = AtomicU64::new(0);

async fn respond(request: Request<Incoming>) -> Result<Response<String>, http::Error> {
    let response = Response::builder();
    if request.uri().path() != "/metrics" {
        return response.status(StatusCode::NOT_FOUND).body(String::new());
    }
    let scrapes = SCRAPES.fetch_add(1, Ordering::Relaxed) + 1;
    let body = format!(
        "# HELP hello_scrapes_total Number of scrapes.\n\
         # TYPE hello_scrapes_total counter\n\
         hello_scrapes_total {scrapes}\n"
    );
    response
        .header("content-type", "text/plain; version=0.0.4")
        .body(body)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or(":9100".to_owned()).parse()?;
    let web_config = arguments
        .next()
        .map(|path| WebConfigFile::load(path.as_ref()));
    let server = Server::builder()
        .web_config(web_config.transpose()?)
        .build();
    let listener = Listener::bind(&address).await?;
    println!("listening on {}", listener.local_address());
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    server
        .serve(listener, service_fn(respond), interrupted)
        .await;
    Ok(())
}
