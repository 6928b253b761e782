//! Interceptors of requests and answers: they enforce TLS, limit the length of an answer, and
//! detect an absent number.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use http_body_util::Limited;
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

use crate::config::is_loopback;

/// The longest answer that is read, in bytes. One of `DescribeIdentityUsage` has about 250,
/// a page of `ListDatasets` at most some 30,000.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A signed request was about to leave the machine without TLS.
#[derive(Debug, Error)]
#[error("the endpoint is plain http to another machine; only https is allowed")]
pub(super) struct PlainHttp;

/// Rejects requests without TLS except to loopback, also if environment or profile set the
/// endpoint, and limits answers to [`MAX_ANSWER_BYTES`].
#[derive(Debug)]
pub(super) struct EgressGuard;

#[dyn_dispatch_hint]
impl Intercept for EgressGuard {
    fn name(&self) -> &'static str {
        "EgressGuard"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let uri: http::Uri = context.request().uri().parse()?;
        let safe = uri.scheme_str() == Some("https") || uri.host().is_some_and(is_loopback);
        if safe { Ok(()) } else { Err(PlainHttp.into()) }
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let body = response.take_body();
        *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, MAX_ANSWER_BYTES));
        Ok(())
    }
}

/// Records whether a request was handed to the HTTP client. One for each call.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "Sent"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// Records whether an answer holds `DatasetCount`: the SDK turns an absent or null one into 0. One
/// for each call.
#[derive(Clone, Debug, Default)]
pub(super) struct DatasetCountPresence(Arc<AtomicBool>);

impl DatasetCountPresence {
    pub(super) fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "IdentityUsage")]
    usage: Option<BodyUsage>,
}

#[derive(Deserialize)]
struct BodyUsage {
    #[serde(rename = "DatasetCount")]
    dataset_count: Option<IgnoredAny>,
}

#[dyn_dispatch_hint]
impl Intercept for DatasetCountPresence {
    fn name(&self) -> &'static str {
        "DatasetCountPresence"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        let body: Option<Body> = serde_json::from_slice(body).ok();
        let given = body
            .and_then(|body| body.usage)
            .is_some_and(|usage| usage.dataset_count.is_some());
        self.0.store(given, Ordering::Relaxed);
        Ok(())
    }
}
