//! Classifies SDK errors as [`Failure`]s.

use std::error::Error;

use aws_sdk_cognitosync::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;
use http_body_util::LengthLimitError;

use super::http::{NotText, PlainHttp};
use crate::api::Failure;
use crate::redact::causes;

/// The failure of a call, of which something `was_sent` or nothing.
pub(super) fn classify<E>(error: &SdkError<E, Response>, was_sent: bool) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => Failure::Timeout,
        SdkError::ServiceError(context) => {
            let response = context.raw();
            let code = context
                .err()
                .code()
                .or_else(|| response.headers().get("x-amzn-errortype").map(bare_code));
            classify_response(response.status().as_u16(), code)
        }
        SdkError::ResponseError(context) => {
            let response = context.raw();
            let code = response.headers().get("x-amzn-errortype").map(bare_code);
            classify_response(response.status().as_u16(), code)
        }
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Failure::Timeout,
        _ if !was_sent => Failure::Configuration,
        _ => classify_no_response(error),
    }
}

/// A response with an error, or with a body that could not be parsed, by AWS or a proxy.
fn classify_response(status: u16, code: Option<&str>) -> Failure {
    match (code, status) {
        (Some(code), _) if is_throttling(code) => Failure::Throttled,
        (Some(code), _) if is_about_credentials(code) => Failure::Credentials,
        (Some(code), _) if is_denial(code) => Failure::AccessDenied,
        (Some("ResourceNotFoundException"), _) => Failure::NotFound,
        (Some("InvalidParameterException" | "ValidationException" | "ValidationError"), _) => {
            Failure::InvalidParameter
        }
        (_, 429) => Failure::Throttled,
        (_, 403) => Failure::AccessDenied,
        (_, 500..) | (Some(_), 400..) => Failure::ServiceError,
        // Cognito Sync names every error. A nameless one is from a proxy, a captive portal or a
        // wrong endpoint.
        _ => Failure::Malformed,
    }
}

/// No complete response was received.
fn classify_no_response(error: &(dyn Error + 'static)) -> Failure {
    for cause in causes(error) {
        if cause.is::<PlainHttp>() {
            return Failure::Configuration;
        }
        if cause.is::<LengthLimitError>()
            || cause.is::<NotText>()
            || cause.downcast_ref().is_some_and(hyper::Error::is_parse)
        {
            return Failure::Malformed;
        }
    }
    Failure::Unreachable
}

/// The code in `NAMESPACE#CODE:URL`, as some front ends write it.
fn bare_code(errortype: &str) -> &str {
    let code = errortype.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default()
}

/// Source: aws-runtime, `THROTTLING_ERRORS`.
pub(super) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "TooManyRequestsException"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "LimitExceededException"
            | "BandwidthLimitExceeded"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "TransactionInProgressException"
            | "ProvisionedThroughputExceededException"
            | "EC2ThrottledException"
    )
}

/// The signature, the key or the token is wrong or expired. Source: AWS, "Common errors".
pub(super) fn is_about_credentials(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken"
            | "ExpiredTokenException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "AuthFailure"
    )
}

/// The credentials are valid, but not authorized. Source: the API model, and AWS, "Common errors".
fn is_denial(code: &str) -> bool {
    matches!(
        code,
        "NotAuthorizedException"
            | "NotAuthorized"
            | "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "OptInRequired"
            // The identity pool has no role that a guest may assume.
            | "InvalidIdentityPoolConfigurationException"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespace_and_url_are_removed_from_codes() {
        for (errortype, code) in [
            ("TooManyRequestsException", "TooManyRequestsException"),
            (
                "TooManyRequestsException:http://internal.amazon.com/coral/",
                "TooManyRequestsException",
            ),
            (
                "com.amazonaws.cognito#TooManyRequestsException",
                "TooManyRequestsException",
            ),
            ("", ""),
        ] {
            assert_eq!(bare_code(errortype), code);
        }
    }

    #[test]
    fn a_named_error_is_classified_by_its_name_and_a_nameless_one_by_its_status() {
        for (status, code, failure) in [
            (400, Some("LimitExceededException"), Failure::Throttled),
            (403, Some("ExpiredTokenException"), Failure::Credentials),
            (403, Some("NotAuthorizedException"), Failure::AccessDenied),
            (404, Some("ResourceNotFoundException"), Failure::NotFound),
            // Cognito Identity's are all of status 400.
            (400, Some("ResourceNotFoundException"), Failure::NotFound),
            (400, Some("NotAuthorizedException"), Failure::AccessDenied),
            (400, Some("TooManyRequestsException"), Failure::Throttled),
            (
                400,
                Some("InvalidParameterException"),
                Failure::InvalidParameter,
            ),
            (
                404,
                Some("UnknownOperationException"),
                Failure::ServiceError,
            ),
            (500, Some("InternalErrorException"), Failure::ServiceError),
            (429, Some("SomethingNew"), Failure::Throttled),
            (429, None, Failure::Throttled),
            (403, None, Failure::AccessDenied),
            (404, None, Failure::Malformed),
            (502, None, Failure::ServiceError),
            (302, None, Failure::Malformed),
            (200, None, Failure::Malformed),
        ] {
            assert_eq!(
                classify_response(status, code),
                failure,
                "{status} {code:?}"
            );
        }
    }
}
