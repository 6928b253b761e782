//! Interceptors of requests and answers, which see what the SDK does not tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::config_bag::ConfigBag;

use super::http::AnswerDate;
use super::json;
use crate::api::Failure;

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

/// The raw answer of one call, which holds what the SDK does not tell: whether it is strictly JSON,
/// whether it holds `DatasetCount`, which the SDK turns into 0 where it is absent or null, and its
/// date.
#[derive(Clone, Debug, Default)]
pub(super) struct RawAnswer(Arc<Mutex<Option<Seen>>>);

/// What was seen of a raw answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) has_dataset_count: bool,
    /// In seconds since 1970.
    pub(super) date: Option<f64>,
}

impl RawAnswer {
    /// What was seen.
    ///
    /// # Errors
    /// When the answer is not JSON, or has a key twice.
    pub(super) fn seen(&self) -> Result<Seen, Failure> {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.ok_or(Failure::Malformed)
    }
}

#[dyn_dispatch_hint]
impl Intercept for RawAnswer {
    fn name(&self) -> &'static str {
        "RawAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let answer = context.response();
        let body = answer.body().bytes().unwrap_or_default();
        let seen = json::parse(body).ok().map(|body| Seen {
            has_dataset_count: body
                .pointer("/IdentityUsage/DatasetCount")
                .is_some_and(|count| !count.is_null()),
            date: date(answer),
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(())
    }
}

/// The date of one answer, of which nothing else is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Dated(Arc<Mutex<Option<f64>>>);

impl Dated {
    /// In seconds since 1970.
    pub(super) fn date(&self) -> Option<f64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "Dated"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = date(context.response());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}

/// The date of an answer, in seconds since 1970.
fn date(answer: &Response) -> Option<f64> {
    answer.extension().map(|AnswerDate(date)| *date)
}
