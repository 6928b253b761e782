mod lists;
mod rights;

use http::request::Parts;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::super::reply::Reply;
use super::super::signature::Signature;
use super::super::{Life, Simulator, World};
use crate::api::Service;
use crate::clock::Clock;

const START: f64 = 1_763_856_000.0;
/// [`START`] as signatures write it.
const DATE: &str = "20251123T000000Z";
const POOL: &str = "us-east-1:00000000-0000-4000-8000-000000000000";

fn identity(number: usize) -> String {
    format!("us-east-1:11111111-1111-4111-8111-{number:012x}")
}

/// A pool with this many identities, none of which has a dataset.
async fn simulator(identities: usize) -> Simulator {
    let mut world = World::default();
    for number in 0..identities {
        world.insert(POOL, &identity(number), Life::Empty);
    }
    let clock = Clock::anchored(START);
    let (simulator, _) = Simulator::bind(world, clock).await.unwrap();
    simulator.keep_call_log();
    simulator
}

/// The status, the error code and the body of a reply.
async fn read(reply: Reply) -> (u16, String, Value) {
    let code = reply.headers().get("x-amzn-errortype");
    let code = code.map_or(String::new(), |code| code.to_str().unwrap().to_owned());
    let status = reply.status().as_u16();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    (status, code, body)
}

fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// Calls Cognito Identity with the exporter's own key.
async fn ask(simulator: &Simulator, operation: &str, input: &Value) -> (u16, String, Value) {
    let scope = "Credential=AKID/D/us-east-1/cognito-identity/aws4_request, S=x";
    let target = format!("AWSCognitoIdentityService.{operation}");
    let headers = [
        ("x-amz-target", target.as_str()),
        ("authorization", &format!("AWS4-HMAC-SHA256 {scope}")),
    ];
    let head = head("POST", "/", &headers);
    let body = input.to_string();
    read(simulator.answer(&head, body.as_bytes()).await.unwrap()).await
}

/// The error that [`ask`] gets, as awsJson1.1 writes it.
async fn refused(simulator: &Simulator, operation: &str, input: &Value) -> (u16, String, String) {
    let (status, header, body) = ask(simulator, operation, input).await;
    let code = body["__type"].as_str().unwrap();
    assert_eq!(header, format!("{code}:"));
    let message = body["message"].as_str().unwrap();
    (status, code.to_owned(), message.to_owned())
}

/// A key that was handed out.
struct Guest {
    access_key: String,
    secret: String,
    token: String,
    expiration: f64,
}

impl Guest {
    /// Asks for a key, without a signature.
    async fn of(simulator: &Simulator, number: usize) -> Self {
        let target = "AWSCognitoIdentityService.GetCredentialsForIdentity";
        let head = head("POST", "/", &[("x-amz-target", target)]);
        let body = json!({ "IdentityId": identity(number) }).to_string();
        let reply = simulator.answer(&head, body.as_bytes()).await.unwrap();
        let (status, _, body) = read(reply).await;
        assert_eq!(
            (status, &body["IdentityId"]),
            (200, &json!(identity(number)))
        );
        let credentials = &body["Credentials"];
        let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
        Self {
            access_key: text("AccessKeyId"),
            secret: text("SecretKey"),
            token: text("SessionToken"),
            expiration: credentials["Expiration"].as_f64().unwrap(),
        }
    }

    /// A signed request for a path below the pool's.
    fn sign(&self, service: Service, method: &str, uri: &str, body: &str) -> Parts {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={}/20251123/us-east-1/{}/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-security-token, Signature=",
            self.access_key,
            service.as_str()
        );
        let mut head = head(
            method,
            uri,
            &[
                ("host", "127.0.0.1:80"),
                ("x-amz-date", DATE),
                ("x-amz-security-token", &self.token),
                ("authorization", &credential),
            ],
        );
        let signature = Signature::parse(&head.headers, service);
        let signature = signature.unwrap_or_else(|(_, code, _)| panic!("{code}"));
        let signed = (&head, body.as_bytes());
        let value = signature.expected(service, signed, &self.secret, &self.token);
        let value = format!("{credential}{}", value.unwrap());
        head.headers.insert("authorization", value.parse().unwrap());
        head
    }
}

/// The path of an identity in Cognito Sync, and what is below it.
fn path(number: usize, below: &str) -> String {
    format!(
        "/identitypools/{POOL}/identities/{}{below}",
        identity(number)
    )
}
