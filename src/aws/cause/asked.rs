//! What a load of credentials asks for, and of which provider, read from its requests. The SDK's
//! errors name neither.

use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use percent_encoding::percent_decode_str;

use crate::redact::redacted;

/// A host that provides credentials, or a part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::aws) enum Provider {
    /// STS, for a role.
    Role(String),
    /// STS, for a role and the token of a web identity.
    WebIdentity(String),
    /// The portal of IAM Identity Center.
    Sso,
    /// What renews the sessions of IAM Identity Center.
    SsoSession,
    /// What renews the sessions of `aws login`.
    Login,
    Instance,
    Container,
}

/// The last request of a load.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) provider: Provider,
    /// `None` without an answer.
    pub(super) status: Option<u16>,
}

/// Takes note of the requests of one load.
#[derive(Clone, Debug, Default)]
pub(in crate::aws) struct Asked(Arc<Mutex<Option<Exchange>>>);

impl Asked {
    /// A client whose requests are noted.
    pub(in crate::aws) fn of(&self, client: SharedHttpClient) -> SharedHttpClient {
        let asked = self.clone();
        SharedHttpClient::new(Client { client, asked })
    }

    /// The last request since the last look.
    pub(super) fn take(&self) -> Option<Exchange> {
        self.last().take()
    }

    fn last(&self) -> MutexGuard<'_, Option<Exchange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Client {
    client: SharedHttpClient,
    asked: Asked,
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            connector: self.client.http_connector(settings, components),
            asked: self.asked.clone(),
        })
    }
}

#[derive(Debug)]
struct Connector {
    connector: SharedHttpConnector,
    asked: Asked,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (asked, provider) = (self.asked.clone(), Provider::of(&request));
        let status = None;
        *asked.last() = Some(Exchange { provider, status });
        let answer = self.connector.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            if let (Ok(answer), Some(exchange)) = (&answer, &mut *asked.last()) {
                exchange.status = Some(answer.status().as_u16());
            }
            answer
        })
    }
}

impl Provider {
    fn of(request: &HttpRequest) -> Self {
        let body = request.body().bytes().unwrap_or_default();
        let body = std::str::from_utf8(body).unwrap_or_default();
        let field = |name: &str| {
            let mut fields = body.split('&').filter_map(|field| field.split_once('='));
            let value = fields.find_map(|(key, value)| (key == name).then_some(value));
            let decoded = value.map(|value| percent_decode_str(value).decode_utf8_lossy());
            redacted(&decoded.unwrap_or_default())
        };
        match &*field("Action") {
            "AssumeRole" => return Self::Role(field("RoleArn")),
            "AssumeRoleWithWebIdentity" => return Self::WebIdentity(field("RoleArn")),
            _ => {}
        }
        let path = request.uri().split('?').next().unwrap_or_default();
        match (request.method(), path) {
            ("GET", path) if path.ends_with("/federation/credentials") => Self::Sso,
            ("POST", path) if path.ends_with("/v1/token") => Self::Login,
            ("POST", path) if path.ends_with("/token") => Self::SsoSession,
            (_, path) if path.contains("/latest/") => Self::Instance,
            _ => Self::Container,
        }
    }

    /// The settings that name the host.
    pub(super) fn settings(&self) -> &'static str {
        match self {
            Self::Role(_) | Self::WebIdentity(_) => "AWS_ENDPOINT_URL_STS and AWS_ENDPOINT_URL",
            Self::Sso => "sso_region, AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL",
            Self::SsoSession => "sso_region, AWS_ENDPOINT_URL_SSO_OIDC and AWS_ENDPOINT_URL",
            Self::Login => "AWS_ENDPOINT_URL_SIGNIN and AWS_ENDPOINT_URL",
            Self::Instance => "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            Self::Container => "AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI",
        }
    }
}

/// A name for sentences.
impl Display for Provider {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Role(_) | Self::WebIdentity(_) => "STS",
            Self::Sso => "the SSO portal",
            Self::SsoSession => "the SSO service that renews sessions",
            Self::Login => "the service behind `aws login`",
            Self::Instance => "the instance's metadata",
            Self::Container => "the container's endpoint",
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn a_provider_is_found_by_the_request() {
        let role = "arn:aws:iam::123456789012:role/reader".to_owned();
        let sts = "Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader";
        let assume = format!("Action=AssumeRole&{sts}");
        let web = format!("Action=AssumeRoleWithWebIdentity&{sts}&WebIdentityToken=canary");
        for (method, path, body, expected) in [
            ("POST", "/", &*assume, Provider::Role(role.clone())),
            ("POST", "/", &*web, Provider::WebIdentity(role)),
            (
                "GET",
                "/federation/credentials?role_name=r",
                "",
                Provider::Sso,
            ),
            ("POST", "/token", "{}", Provider::SsoSession),
            ("POST", "/v1/token", "{}", Provider::Login),
            ("PUT", "/latest/api/token", "", Provider::Instance),
            ("GET", "/v1/credentials", "", Provider::Container),
        ] {
            let request = http::Request::builder().method(method);
            let request = request.uri(format!("https://host.example{path}"));
            let request = request.body(SdkBody::from(body)).unwrap();
            let provider = Provider::of(&request.try_into().unwrap());
            assert_eq!(provider, expected, "{method} {path}");
        }
    }
}
