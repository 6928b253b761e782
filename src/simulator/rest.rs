//! The wire protocol: restJson1 as Cognito Sync's API model (2014-06-30) has it.

use std::io;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use percent_encoding::percent_decode_str;

use super::{Call, Fault, Simulator};
use crate::api::{PoolUsage, Usage};
use crate::identity::{IdentityId, PoolId, hash};

type Reply = Response<Full<Bytes>>;

/// What a request asks about.
struct Question {
    pool: String,
    identity: Option<String>,
}

/// An error as AWS tells it: status, code, message.
type Refusal = (u16, &'static str, String);

/// One call under way.
struct InFlight(Simulator);

impl InFlight {
    fn begin(simulator: &Simulator) -> Self {
        let mut state = simulator.state();
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
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
    /// When a fault wants the connection closed.
    pub(super) async fn answer(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Reply, io::Error> {
        let now = self.clock.now().mono;
        let _in_flight = InFlight::begin(self);
        let question = question(method, uri.path());
        let signed = signed_by(headers);
        let (number, latency, fault, throttled) = {
            let mut state = self.state();
            state.calls += 1;
            let number = state.calls;
            let about = question
                .as_ref()
                .map(|question| question.identity.as_ref().unwrap_or(&question.pool));
            let random = state
                .random_faults
                .filter(|share| hash(&["fault", &number.to_string()]).is_multiple_of(*share));
            let fault = about
                .and_then(|id| state.faults.get(id).cloned())
                .or(random.map(|_| Fault::passing(hash(&["kind", &number.to_string()]))));
            let throttled = state.quota.as_mut().is_some_and(|quota| !quota.allows(now));
            if let (Some(journal), Some(question)) = (&mut state.journal, &question) {
                journal.push(Call {
                    at: now,
                    pool: question.pool.clone(),
                    identity: question.identity.clone(),
                    access_key: signed.as_ref().ok().map(|(key, _)| (*key).to_owned()),
                    fault: fault.clone(),
                });
            }
            (number, state.latency, fault, throttled)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut reply = match fault {
            Some(fault) => struck(fault).await?,
            None if throttled => {
                refusal((429, "TooManyRequestsException", "Rate exceeded".to_owned()))
            }
            None => match signed.and_then(|(_, region)| self.look_up(question, region)) {
                Ok(body) => reply(200, body),
                Err(refused) => refusal(refused),
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

    fn look_up(&self, question: Option<Question>, region: &str) -> Result<String, Refusal> {
        let Some(Question { pool, identity }) = question else {
            return Err((
                404,
                "UnknownOperationException",
                "there is no such operation".to_owned(),
            ));
        };
        let invalid = |what: &str| {
            (
                400,
                "InvalidParameterException",
                format!("{what} fails to satisfy its constraint"),
            )
        };
        let pool_id = PoolId::parse(&pool).map_err(|_| invalid("identityPoolId"))?;
        let unknown = || {
            (
                404,
                "ResourceNotFoundException",
                format!("IdentityPool '{pool}' not found."),
            )
        };
        if pool_id.region() != region {
            return Err(unknown());
        }
        let (age, began) = self.age();
        let state = self.state();
        match identity {
            Some(identity) => {
                IdentityId::parse(&identity).map_err(|_| invalid("identityId"))?;
                let usage = state.world.usage(&pool, &identity, age, began);
                let usage = usage.ok_or((
                    404,
                    "ResourceNotFoundException",
                    format!("Identity '{identity}' not found."),
                ))?;
                Ok(identity_usage(&pool, &identity, &usage))
            }
            None => Ok(pool_usage(
                &pool,
                &state
                    .world
                    .pool_usage(&pool, age, began)
                    .ok_or_else(unknown)?,
            )),
        }
    }
}

fn question(method: &Method, path: &str) -> Option<Question> {
    let decode = |segment: &str| Some(percent_decode_str(segment).decode_utf8().ok()?.into_owned());
    let segments: Vec<_> = path.strip_prefix('/')?.split('/').collect();
    match segments[..] {
        ["identitypools", pool] if method == Method::GET => Some(Question {
            pool: decode(pool)?,
            identity: None,
        }),
        ["identitypools", pool, "identities", identity] if method == Method::GET => {
            Some(Question {
                pool: decode(pool)?,
                identity: Some(decode(identity)?),
            })
        }
        _ => None,
    }
}

/// The access key id and the region that a request is signed with, by SigV4's
/// `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn signed_by(headers: &HeaderMap) -> Result<(&str, &str), Refusal> {
    let refused = |code, message: &str| (403, code, message.to_owned());
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let header = header.ok_or_else(|| {
        refused(
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
        [_, _, _, _, _] => Err(refused(
            "InvalidSignatureException",
            "Credential should be scoped to correct service",
        )),
        _ => Err(refused(
            "IncompleteSignatureException",
            "Authorization header is not of the right form",
        )),
    }
}

async fn struck(fault: Fault) -> Result<Reply, io::Error> {
    Ok(match fault {
        Fault::Error(status, code) => refusal((status, code, "as asked for".to_owned())),
        Fault::Status(status) => reply(status, String::new()),
        Fault::Html(status) => {
            let mut page = reply(
                status,
                "<!doctype html><html><body><h1>Something is wrong</h1></body></html>".to_owned(),
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

fn refusal((status, code, message): Refusal) -> Reply {
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
        StatusCode::from_u16(status).expect("faults and refusals have statuses of HTTP");
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
    object("IdentityUsage", fields.into_iter().flatten())
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
    object("IdentityPoolUsage", fields.into_iter().flatten())
}

fn object(name: &str, fields: impl Iterator<Item = (&'static str, String)>) -> String {
    let fields: Vec<_> = fields
        .map(|(key, value)| format!("\"{key}\":{value}"))
        .collect();
    format!("{{\"{name}\":{{{}}}}}", fields.join(","))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Epoch seconds the way AWS's Java front ends write them: `1.763865600123E9`.
fn epoch(seconds: f64) -> String {
    format!("{seconds:E}")
}
