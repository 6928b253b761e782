//! The wire protocol: restJson1, by Cognito Sync's API model (2014-06-30).

use std::io;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use percent_encoding::percent_decode_str;

use super::{Call, Fault, Simulator};
use crate::api::{Dataset, Operation, PoolUsage, Scope, Usage};
use crate::identity::{IdentityId, PoolId, hash};

type Reply = Response<Full<Bytes>>;

/// A parsed request.
struct Request {
    operation: Operation,
    pool: String,
    identity: Option<String>,
    /// `nextToken` in the query.
    next_token: Option<String>,
    /// `maxResults` in the query.
    max_results: Option<String>,
}

/// An AWS error: status, code, message.
type AwsError = (u16, &'static str, String);

/// Counts a call in flight until it is dropped.
struct InFlight(Simulator);

impl InFlight {
    fn begin(simulator: &Simulator) -> Self {
        let mut state = simulator.state();
        state.in_flight += 1;
        state.max_in_flight = state.max_in_flight.max(state.in_flight);
        Self(simulator.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
    }
}

impl Simulator {
    /// Answers one request.
    ///
    /// # Errors
    /// When a fault closes the connection.
    pub(super) async fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Reply, io::Error> {
        let now = self.clock.now().mono;
        let _in_flight = InFlight::begin(self);
        let request = parse_request(method, uri);
        let signature = parse_signature(headers);
        let (number, latency, fault, throttled) = {
            let mut state = self.state();
            state.call_count += 1;
            let number = state.call_count;
            let about = request
                .as_ref()
                .map(|request| request.identity.as_ref().unwrap_or(&request.pool));
            let random = state
                .random_fault_share
                .filter(|share| hash(&["fault", &number.to_string()]).is_multiple_of(*share));
            let fault = about
                .and_then(|id| state.faults.get(id).cloned())
                .or(random.map(|_| Fault::transient(hash(&["kind", &number.to_string()]))));
            let throttled = state
                .quota
                .as_mut()
                .is_some_and(|quota| !quota.try_take(now));
            if let (Some(call_log), Some(request)) = (&mut state.call_log, &request) {
                call_log.push(Call {
                    at: now,
                    operation: request.operation,
                    pool: request.pool.clone(),
                    identity: request.identity.clone(),
                    access_key: signature.as_ref().ok().map(|(key, _)| (*key).to_owned()),
                    fault: fault.clone(),
                });
            }
            (number, state.latency, fault, throttled)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut reply = match fault {
            Some(fault) => inject(fault).await?,
            None if throttled => {
                error_reply((429, "TooManyRequestsException", "Rate exceeded".to_owned()))
            }
            None => match signature.and_then(|(_, region)| self.execute(request, region)) {
                Ok(body) => reply(200, body),
                Err(error) => error_reply(error),
            },
        };
        let half = hash(&["request", &number.to_string()]);
        let request_id = format!(
            "{:08x}-{:04x}-4000-8000-{number:012x}",
            half >> 32,
            half & 0xffff
        );
        let request_id = HeaderValue::from_str(&request_id).expect("hex and hyphens make a header");
        reply.headers_mut().insert("x-amzn-requestid", request_id);
        Ok(reply)
    }

    fn execute(&self, request: Option<Request>, region: &str) -> Result<String, AwsError> {
        let Some(request) = request else {
            let message = "unknown operation".to_owned();
            return Err((404, "UnknownOperationException", message));
        };
        let Request {
            operation,
            pool,
            identity,
            ..
        } = &request;
        let invalid = |what: &str| {
            let message = format!("{what} fails to satisfy its constraint");
            (400, "InvalidParameterException", message)
        };
        let pool_id = PoolId::parse(pool).map_err(|_| invalid("identityPoolId"))?;
        let not_found = |what: &str, id: &str| {
            (
                404,
                "ResourceNotFoundException",
                format!("{what} '{id}' not found."),
            )
        };
        if pool_id.region() != region {
            return Err(not_found("IdentityPool", pool));
        }
        let identity = identity.as_deref().unwrap_or_default();
        if operation.scope() == Scope::Identity {
            IdentityId::parse(identity).map_err(|_| invalid("identityId"))?;
        }
        let (age, start) = self.age_and_start();
        let state = self.state();
        match operation {
            Operation::DescribeIdentityUsage => {
                let usage = state.world.usage(pool, identity, age, start);
                let usage = usage.ok_or_else(|| not_found("Identity", identity))?;
                Ok(identity_usage(pool, identity, &usage))
            }
            Operation::DescribeIdentityPoolUsage => {
                let usage = state.world.pool_usage(pool, age, start);
                Ok(pool_usage(
                    pool,
                    &usage.ok_or_else(|| not_found("IdentityPool", pool))?,
                ))
            }
            Operation::ListDatasets => {
                // AWS models no "not found" here: an unknown identity has no datasets.
                let datasets = state
                    .world
                    .datasets(pool, identity, age, start)
                    .unwrap_or_default();
                let page =
                    Page::of(&request, state.page_size).ok_or_else(|| invalid("nextToken"))?;
                Ok(page.of_datasets(identity, &datasets))
            }
        }
    }
}

/// A page of a list.
struct Page {
    first: usize,
    size: usize,
}

impl Page {
    /// The requested page; `None` if the token is invalid.
    fn of(request: &Request, max_size: usize) -> Option<Self> {
        let first = match &request.next_token {
            Some(token) => token.strip_prefix("from-")?.parse().ok()?,
            None => 0,
        };
        let size = request
            .max_results
            .as_ref()
            .and_then(|size| size.parse().ok());
        Some(Self {
            first,
            size: size.unwrap_or(max_size).clamp(1, max_size.max(1)),
        })
    }

    fn of_datasets(&self, identity: &str, datasets: &[Dataset]) -> String {
        let rest = datasets.get(self.first..).unwrap_or_default();
        let (page, rest) = rest.split_at(self.size.min(rest.len()));
        let token = (!rest.is_empty()).then(|| format!("from-{}", self.first + page.len()));
        let page: Vec<_> = page
            .iter()
            .map(|dataset| dataset_fields(identity, dataset))
            .collect();
        let token = token.map_or("null".to_owned(), |token| quoted(&token));
        let (count, page) = (page.len(), page.join(","));
        format!("{{\"Count\":{count},\"Datasets\":[{page}],\"NextToken\":{token}}}")
    }
}

fn parse_request(method: &Method, uri: &Uri) -> Option<Request> {
    let decode = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let segments: Vec<_> = uri.path().strip_prefix('/')?.split('/').collect();
    let (operation, pool, identity) = match segments[..] {
        _ if method != Method::GET => return None,
        ["identitypools", pool] => (Operation::DescribeIdentityPoolUsage, pool, None),
        ["identitypools", pool, "identities", identity] => {
            (Operation::DescribeIdentityUsage, pool, Some(identity))
        }
        ["identitypools", pool, "identities", identity, "datasets"] => {
            (Operation::ListDatasets, pool, Some(identity))
        }
        _ => return None,
    };
    let parameter = |name: &str| {
        let pairs = uri.query().unwrap_or_default().split('&');
        pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
    };
    let parameter = |name| parameter(name).and_then(|(_, value)| decode(value));
    Some(Request {
        operation,
        pool: decode(pool)?,
        identity: match identity {
            Some(identity) => Some(decode(identity)?),
            None => None,
        },
        next_token: parameter("nextToken"),
        max_results: parameter("maxResults"),
    })
}

/// The access key id and the region of a SigV4 signature, from
/// `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn parse_signature(headers: &HeaderMap) -> Result<(&str, &str), AwsError> {
    let error = |code, message: &str| (403, code, message.to_owned());
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let header = header.ok_or_else(|| {
        error(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        )
    })?;
    let credential = header
        .strip_prefix("AWS4-HMAC-SHA256 Credential=")
        .and_then(|rest| rest.split(',').next());
    let scope: Vec<_> = credential.unwrap_or_default().split('/').collect();
    match scope[..] {
        [key, _, region, "cognito-sync", "aws4_request"] => Ok((key, region)),
        [_, _, _, _, _] => Err(error(
            "InvalidSignatureException",
            "Credential should be scoped to correct service",
        )),
        _ => Err(error(
            "IncompleteSignatureException",
            "Authorization header is not of the right form",
        )),
    }
}

async fn inject(fault: Fault) -> Result<Reply, io::Error> {
    Ok(match fault {
        Fault::Error(status, code) => error_reply((status, code, "injected fault".to_owned())),
        Fault::Status(status) => reply(status, String::new()),
        Fault::Html(status) => {
            let mut page = reply(
                status,
                "<!doctype html><html><body><h1>Bad gateway</h1></body></html>".to_owned(),
            );
            page.headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            page
        }
        Fault::Body(body) => reply(200, body),
        Fault::Oversized => reply(200, format!("{{\"Padding\":\"{}\"}}", "x".repeat(20 << 20))),
        Fault::Hang => std::future::pending().await,
        Fault::Close => return Err(io::ErrorKind::ConnectionReset.into()),
    })
}

fn error_reply((status, code, message): AwsError) -> Reply {
    let mut reply = reply(
        status,
        serde_json::json!({ "message": message }).to_string(),
    );
    reply
        .headers_mut()
        .insert("x-amzn-errortype", HeaderValue::from_static(code));
    reply
}

fn reply(status: u16, body: String) -> Reply {
    let mut reply = Response::new(Full::from(body));
    *reply.status_mut() =
        StatusCode::from_u16(status).expect("faults and errors have valid HTTP statuses");
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

fn identity_usage(pool: &str, identity: &str, usage: &Usage) -> String {
    let fields = [
        Some(("IdentityId", quoted(identity))),
        Some(("IdentityPoolId", quoted(pool))),
        usage
            .last_modified
            .map(|date| ("LastModifiedDate", epoch(date))),
        usage
            .datasets
            .map(|datasets| ("DatasetCount", datasets.to_string())),
        usage
            .storage_bytes
            .map(|bytes| ("DataStorage", bytes.to_string())),
    ];
    named_object("IdentityUsage", fields.into_iter().flatten())
}

fn pool_usage(pool: &str, usage: &PoolUsage) -> String {
    let fields = [
        Some(("IdentityPoolId", quoted(pool))),
        usage
            .sync_sessions
            .map(|sessions| ("SyncSessionsCount", sessions.to_string())),
        usage
            .storage_bytes
            .map(|bytes| ("DataStorage", bytes.to_string())),
        usage
            .last_modified
            .map(|date| ("LastModifiedDate", epoch(date))),
    ];
    named_object("IdentityPoolUsage", fields.into_iter().flatten())
}

fn dataset_fields(identity: &str, dataset: &Dataset) -> String {
    let fields = [
        dataset
            .last_modified
            .map(|date| ("CreationDate", epoch(date))),
        dataset
            .storage_bytes
            .map(|bytes| ("DataStorage", bytes.to_string())),
        dataset
            .name
            .as_ref()
            .map(|name| ("DatasetName", quoted(name))),
        Some(("IdentityId", quoted(identity))),
        Some(("LastModifiedBy", quoted("123456789012"))),
        dataset
            .last_modified
            .map(|date| ("LastModifiedDate", epoch(date))),
        dataset
            .records
            .map(|records| ("NumRecords", records.to_string())),
    ];
    object(fields.into_iter().flatten())
}

fn named_object(name: &str, fields: impl Iterator<Item = (&'static str, String)>) -> String {
    object([(name, object(fields))].into_iter())
}

fn object<'a>(fields: impl Iterator<Item = (&'a str, String)>) -> String {
    let fields: Vec<_> = fields
        .map(|(key, value)| format!("\"{key}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Epoch seconds as AWS's Java front ends write them: `1.763865600123E9`.
fn epoch(seconds: f64) -> String {
    format!("{seconds:E}")
}
