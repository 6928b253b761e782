//! The types of hyper that a service for [`Server::serve`](crate::Server::serve) is made of, so
//! that an exporter need not depend on hyper itself.

pub use hyper::body::Incoming;
pub use hyper::service::{Service, service_fn};
/// Makes a [`Service`] of a tower service, such as axum's `Router` or warp's filters.
pub use hyper_util::service::TowerToHyperService;
