//! Replies in the wire protocols of both services, errors and injected faults among them.

use std::io;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::fault::Fault;
use crate::api::Service;

pub(super) type Reply = Response<Full<Bytes>>;

/// An AWS error: status, code, message. The status is Cognito Sync's; Cognito Identity has 400
/// for all errors of clients.
pub(super) type AwsError = (u16, &'static str, String);

pub(super) fn invalid(what: &str) -> AwsError {
    let message = format!("{what} fails to satisfy its constraint");
    (400, "InvalidParameterException", message)
}

pub(super) fn not_found(what: &str, id: &str) -> AwsError {
    let message = format!("{what} '{id}' not found.");
    (404, "ResourceNotFoundException", message)
}

pub(super) fn unknown_operation() -> AwsError {
    let message = "unknown operation".to_owned();
    (404, "UnknownOperationException", message)
}

pub(super) fn throttled() -> AwsError {
    (429, "TooManyRequestsException", "Rate exceeded".to_owned())
}

pub(super) fn of_result(service: Service, result: Result<String, AwsError>) -> Reply {
    match result {
        Ok(body) => of_body(service, 200, body),
        Err((status, code, message)) => {
            let status = match service {
                Service::CognitoIdentity if status < 500 => 400,
                _ => status,
            };
            of_error(service, status, code, &message)
        }
    }
}

/// Carries out a fault.
///
/// # Errors
/// When it closes the connection.
pub(super) async fn of_fault(service: Service, fault: Fault) -> Result<Reply, io::Error> {
    Ok(match fault {
        Fault::Error(status, code) => of_error(service, status, code, "injected fault"),
        Fault::Status(status) => of_body(service, status, String::new()),
        Fault::Html(status) => {
            let page = "<!doctype html><html><body><h1>Bad gateway</h1></body></html>";
            let mut page = of_body(service, status, page.to_owned());
            page.headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            page
        }
        Fault::Body(body) => of_body(service, 200, body),
        Fault::Oversized => {
            let body = format!("{{\"Padding\":\"{}\"}}", "x".repeat(20 << 20));
            of_body(service, 200, body)
        }
        Fault::Hang => std::future::pending().await,
        Fault::Close => return Err(io::ErrorKind::ConnectionReset.into()),
    })
}

/// restJson1 names the error in a header; awsJson1.1 in the body, and Cognito Identity in the
/// header, too.
fn of_error(service: Service, status: u16, code: &str, message: &str) -> Reply {
    let (body, code) = match service {
        Service::CognitoSync => (json!({ "message": message }), code.to_owned()),
        Service::CognitoIdentity => (
            json!({ "__type": code, "message": message }),
            format!("{code}:"),
        ),
    };
    let mut reply = of_body(service, status, body.to_string());
    let code = HeaderValue::from_str(&code).expect("codes of errors make headers");
    reply.headers_mut().insert("x-amzn-errortype", code);
    reply
}

fn of_body(service: Service, status: u16, body: String) -> Reply {
    let content_type = match service {
        Service::CognitoSync => "application/json",
        Service::CognitoIdentity => "application/x-amz-json-1.1",
    };
    let mut reply = Response::new(Full::from(body));
    *reply.status_mut() =
        StatusCode::from_u16(status).expect("faults and errors have valid HTTP statuses");
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
