//! One call, whatever its protocol: faults, quotas, the call log, and permissions.

use std::io;
use std::time::Duration;

use http::HeaderValue;
use http::request::Parts;

use super::dataset::ACCOUNT;
use super::identity::{self, Action};
use super::reply::{self, AwsError, Reply, throttled, unknown_operation};
use super::signature::Signature;
use super::{Call, Fault, Simulator, State, request};
use crate::api::{Operation, Service};
use crate::clock::Timestamp;
use crate::identity::hash;

/// A request of one of the two services, if it is one of its operations.
enum Request {
    CognitoSync(Option<request::Request>),
    CognitoIdentity(Result<identity::Request, AwsError>),
}

impl Request {
    fn parse(head: &Parts, body: &[u8]) -> Self {
        match identity::Request::parse(head, body) {
            Some(request) => Self::CognitoIdentity(request),
            None => Self::CognitoSync(request::Request::parse(head, body)),
        }
    }

    fn service(&self) -> Service {
        match self {
            Self::CognitoSync(_) => Service::CognitoSync,
            Self::CognitoIdentity(_) => Service::CognitoIdentity,
        }
    }
}

/// What a call is about.
struct Subject {
    /// `None` for those that the exporter's polls never make.
    operation: Option<Operation>,
    pool: String,
    identity: Option<String>,
}

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

/// What is decided when a call begins.
struct Begun {
    /// Counted from 1.
    number: u64,
    latency: Duration,
    fault: Option<Fault>,
    is_throttled: bool,
}

impl State {
    fn subject(&self, request: &Request) -> Option<Subject> {
        match request {
            Request::CognitoSync(request) => request.as_ref().map(|request| Subject {
                operation: request.operation(),
                pool: request.pool.clone(),
                identity: request.identity.clone(),
            }),
            Request::CognitoIdentity(request) => {
                let request = request.as_ref().ok()?;
                let input = &request.input;
                let of_identity = input.identity_id.as_deref().and_then(|identity| {
                    let (pool, _) = self.world.pool_of(identity)?;
                    Some(pool.to_owned())
                });
                Some(Subject {
                    operation: request.action.operation(),
                    pool: input
                        .identity_pool_id
                        .clone()
                        .or(of_identity)
                        .unwrap_or_default(),
                    identity: input.identity_id.clone(),
                })
            }
        }
    }

    fn begin(&mut self, request: &Request, access_key: Option<&str>, now: Timestamp) -> Begun {
        self.call_count += 1;
        let number = self.call_count;
        let service = request.service();
        let random = self
            .random_fault_share
            .filter(|share| hash(&["fault", &number.to_string()]).is_multiple_of(*share));
        let random =
            random.map(|_| Fault::transient(service, hash(&["kind", &number.to_string()])));
        let subject = self.subject(request);
        let fault = subject.as_ref().and_then(|subject| {
            let identity = subject.identity.as_deref();
            self.faults
                .of_call(subject.operation, &subject.pool, identity)
        });
        let fault = fault.or(random);
        let quota = match service {
            Service::CognitoSync => &mut self.quota,
            Service::CognitoIdentity => &mut self.identity_quota,
        };
        let is_throttled = quota
            .as_mut()
            .is_some_and(|quota| !quota.try_take(now.mono));
        if let (Some(call_log), Some(subject)) = (&mut self.call_log, subject)
            && let Some(operation) = subject.operation
        {
            let keys_of = access_key.and_then(|access_key| self.keys.holder(access_key));
            call_log.push(Call {
                at: now.mono,
                operation,
                pool: subject.pool,
                identity: subject.identity,
                access_key: access_key.map(str::to_owned),
                keys_of: keys_of.map(str::to_owned),
                fault: fault.clone(),
            });
        }
        Begun {
            number,
            latency: self.latency,
            fault,
            is_throttled,
        }
    }

    /// Verifies a signature that was made with a guest's key, and that its role allows the action.
    /// All other keys may do everything.
    fn authorize(
        &self,
        signature: &Signature<'_>,
        (head, body): (&Parts, &[u8]),
        (service, action): (Service, &str),
        resource: &str,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let key = self
            .keys
            .verify(signature, service, (head, body), now.unix)?;
        let Some(key) = key else { return Ok(()) };
        let own = request::resource(signature.region, &key.pool, Some(&key.identity));
        if self.world.guest_role(&key.pool).allows(&own, resource) {
            return Ok(());
        }
        let message = format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/Cognito_Unauth_Role/\
             CognitoIdentityCredentials is not authorized to perform: {}:{action} on resource: \
             {resource}",
            service.as_str()
        );
        Err((403, "AccessDeniedException", message))
    }
}

impl Simulator {
    /// Answers one request.
    ///
    /// # Errors
    /// When a fault closes the connection.
    pub(super) async fn answer(&self, head: &Parts, body: &[u8]) -> Result<Reply, io::Error> {
        let now = self.clock.now();
        let _in_flight = InFlight::begin(self);
        let request = Request::parse(head, body);
        let service = request.service();
        let signature = Signature::parse(&head.headers, service);
        let access_key = signature
            .as_ref()
            .ok()
            .map(|signature| signature.access_key);
        let begun = self.state().begin(&request, access_key, now);
        if !begun.latency.is_zero() {
            tokio::time::sleep(begun.latency).await;
        }
        let mut reply = match begun.fault {
            Some(fault) => reply::of_fault(service, fault).await?,
            None if begun.is_throttled => reply::of_result(service, Err(throttled())),
            None => reply::of_result(service, self.execute(request, signature, (head, body))),
        };
        let number = begun.number;
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

    fn execute(
        &self,
        request: Request,
        signature: Result<Signature<'_>, AwsError>,
        signed: (&Parts, &[u8]),
    ) -> Result<String, AwsError> {
        let now = self.clock.now();
        match request {
            Request::CognitoSync(request) => {
                let signature = signature?;
                let request = request.ok_or_else(unknown_operation)?;
                let called = (Service::CognitoSync, request.action.as_str());
                let resource = request.resource(signature.region);
                self.state()
                    .authorize(&signature, signed, called, &resource, now)?;
                self.cognito_sync(request, signature.region)
            }
            Request::CognitoIdentity(request) => {
                let request = request?;
                // The one that needs no signature.
                if request.action == Action::GetCredentialsForIdentity {
                    let answer = self.state().get_credentials(&request, now.unix)?;
                    return Ok(answer.to_string());
                }
                let signature = signature?;
                let called = (Service::CognitoIdentity, request.action.as_str());
                let resource = request.resource(signature.region);
                let state = self.state();
                state.authorize(&signature, signed, called, &resource, now)?;
                let answer = match request.action {
                    Action::ListIdentityPools => state.list_pools(&request, signature.region),
                    _ => state.list_identities(&request, signature.region),
                };
                Ok(answer?.to_string())
            }
        }
    }
}
