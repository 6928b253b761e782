//! The wire protocol: restJson1, by Cognito Sync's API model (2014-06-30).

use std::io;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::body::{self, Page};
use super::request::{Action, AwsError, DatasetAction, Request, is_dataset_name, parse_signature};
use super::written::{Moment, Refusal};
use super::{Call, Fault, Simulator};
use crate::api::Operation;
use crate::identity::{IdentityId, PoolId, hash};

type Reply = Response<Full<Bytes>>;

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
    pub(super) async fn answer(&self, head: &Parts, body: &[u8]) -> Result<Reply, io::Error> {
        let now = self.clock.now().mono;
        let _in_flight = InFlight::begin(self);
        let request = Request::parse(head, body);
        let signature = parse_signature(&head.headers);
        let (number, latency, fault, throttled) = {
            let mut state = self.state();
            state.call_count += 1;
            let number = state.call_count;
            let random = state
                .random_fault_share
                .filter(|share| hash(&["fault", &number.to_string()]).is_multiple_of(*share));
            let fault = request
                .as_ref()
                .and_then(|request| {
                    let identity = request.identity.as_deref();
                    let operation = request.operation();
                    state.faults.of_call(operation, &request.pool, identity)
                })
                .or(random.map(|_| Fault::transient(hash(&["kind", &number.to_string()]))));
            let throttled = state
                .quota
                .as_mut()
                .is_some_and(|quota| !quota.try_take(now));
            if let (Some(call_log), Some(request)) = (&mut state.call_log, &request)
                && let Some(operation) = request.operation()
            {
                call_log.push(Call {
                    at: now,
                    operation,
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
        let pool = PoolId::parse(&request.pool).map_err(|_| invalid("identityPoolId"))?;
        if pool.region() != region {
            return Err(not_found("IdentityPool", &request.pool));
        }
        if let Some(identity) = &request.identity {
            IdentityId::parse(identity).map_err(|_| invalid("identityId"))?;
        }
        let page = Page::of(&request, self.state().page_size);
        let page = page.ok_or_else(|| invalid("nextToken"))?;
        let (pool, identity) = (&request.pool, request.identity.as_deref());
        let identity = identity.unwrap_or_default();
        match request.action {
            Action::Read(operation) => self.read(operation, pool, identity, &page),
            Action::OfDataset(name, action) => {
                if !is_dataset_name(&name) {
                    return Err(invalid("datasetName"));
                }
                self.of_dataset((pool, identity, &name), action, &page)
            }
        }
    }

    fn read(
        &self,
        operation: Operation,
        pool: &str,
        identity: &str,
        page: &Page,
    ) -> Result<String, AwsError> {
        let (age, start) = self.age_and_start();
        let world = &self.state().world;
        match operation {
            Operation::DescribeIdentityUsage => {
                let usage = world.usage(pool, identity, age, start);
                let usage = usage.ok_or_else(|| not_found("Identity", identity))?;
                Ok(body::identity_usage(pool, identity, &usage))
            }
            Operation::DescribeIdentityPoolUsage => {
                let usage = world.pool_usage(pool, age, start);
                let usage = usage.ok_or_else(|| not_found("IdentityPool", pool))?;
                Ok(body::pool_usage(pool, &usage))
            }
            Operation::ListDatasets => {
                // AWS models no "not found" here: an unknown identity has no datasets.
                let listed = world.listed(pool, identity, age, start);
                Ok(page.of_datasets(identity, &listed.unwrap_or_default()))
            }
            Operation::ListIdentities | Operation::GetCredentialsForIdentity => Err((
                404,
                "UnknownOperationException",
                "unknown operation".to_owned(),
            )),
        }
    }

    /// What apps do with a dataset.
    fn of_dataset(
        &self,
        dataset: (&str, &str, &str),
        action: DatasetAction,
        page: &Page,
    ) -> Result<String, AwsError> {
        let (age, start) = self.age_and_start();
        let now = Moment {
            age,
            date: start + age,
        };
        let (pool, identity, name) = dataset;
        let session = format!("{:016x}", hash(&["session", pool, identity, name]));
        let world = &mut self.state().world;
        let refused = |refusal| match refusal {
            Refusal::Limit(what) => {
                let message = format!("Limit exceeded: {what} at most");
                (400, "LimitExceededException", message)
            }
            Refusal::Conflict(message) => (409, "ResourceConflictException", message),
            Refusal::NotFound => not_found("Dataset", name),
        };
        match action {
            DatasetAction::ListRecords(after) => {
                let written = world.dataset(dataset, age, start);
                let exists = written.at(age).flatten().is_some();
                Ok(page.of_records(&written, exists, after, &session))
            }
            DatasetAction::UpdateRecords(update) => {
                let update = update.ok_or_else(|| invalid("the body"))?;
                if update.sync_session_token != session {
                    return Err(invalid("syncSessionToken"));
                }
                let device = update.device_id.clone();
                let patches = update.into_patches();
                let patches = patches.ok_or_else(|| invalid("recordPatches"))?;
                let written = world.update(dataset, patches, device.as_deref(), now);
                let (written, keys) = written.map_err(refused)?;
                Ok(body::updated(written, &keys))
            }
            DatasetAction::Delete => {
                let listed = world.delete(dataset, now).map_err(refused)?;
                Ok(body::deleted(identity, &listed))
            }
        }
    }
}

fn invalid(what: &str) -> AwsError {
    let message = format!("{what} fails to satisfy its constraint");
    (400, "InvalidParameterException", message)
}

fn not_found(what: &str, id: &str) -> AwsError {
    let message = format!("{what} '{id}' not found.");
    (404, "ResourceNotFoundException", message)
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

#[cfg(test)]
mod tests;
