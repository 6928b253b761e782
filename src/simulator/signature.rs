//! Signatures of requests: AWS's version 4, in the `Authorization` header.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;

use super::reply::AwsError;
use crate::api::Service;

/// What a request's signature says.
pub(super) struct Signature<'a> {
    pub(super) access_key: &'a str,
    /// Of its key: 20251123.
    date: &'a str,
    pub(super) region: &'a str,
    /// Names of the headers that it covers, between semicolons.
    signed_headers: &'a str,
    /// The signature itself, in hex.
    pub(super) value: &'a str,
}

impl<'a> Signature<'a> {
    /// Parses `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request,
    /// SignedHeaders=NAME;…, Signature=HEX`. Whether the signature is right shows only in
    /// [`Signature::expected`].
    ///
    /// # Errors
    /// When there is no such header, or when its scope is another service.
    pub(super) fn parse(headers: &'a HeaderMap, service: Service) -> Result<Self, AwsError> {
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
        let fields = header.strip_prefix("AWS4-HMAC-SHA256 ").unwrap_or_default();
        let field = |name: &str| {
            let mut fields = fields.split(',').filter_map(|field| field.split_once('='));
            let found = fields.find(|(key, _)| key.trim() == name);
            found.map_or("", |(_, value)| value.trim())
        };
        let scope: Vec<_> = field("Credential").split('/').collect();
        match scope[..] {
            [access_key, date, region, of, "aws4_request"] if of == service.as_str() => Ok(Self {
                access_key,
                date,
                region,
                signed_headers: field("SignedHeaders"),
                value: field("Signature"),
            }),
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

    /// The signature that the request would have if it was made with this secret key and session
    /// token; `None` if it cannot have one, such as one that leaves out what it must cover.
    pub(super) fn expected(
        &self,
        service: Service,
        (head, body): (&Parts, &[u8]),
        secret: &str,
        token: &str,
    ) -> Option<String> {
        let header = |name: &str| head.headers.get(name)?.to_str().ok();
        // AWS's form of the time has no separators: 20251123T000000Z.
        let (date, time) = header("x-amz-date")?.split_once('T')?;
        if date != self.date {
            return None;
        }
        let time = format!(
            "{}-{}-{}T{}:{}:{}",
            date.get(..4)?,
            date.get(4..6)?,
            date.get(6..)?,
            time.get(..2)?,
            time.get(2..4)?,
            time.get(4..)?
        );
        let time = humantime::parse_rfc3339(&time).ok()?;
        // HTTP/2 has an authority in place of the header.
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        let host = authority.or_else(|| header(HOST.as_str()))?;
        let uri = format!("http://{host}{}", head.uri.path_and_query()?);
        // The signer adds these from its own arguments.
        let own = ["host", "x-amz-date", "x-amz-security-token"];
        let names: Vec<_> = self.signed_headers.split(';').collect();
        if !own.iter().all(|name| names.contains(name)) {
            return None;
        }
        let names = names.into_iter().filter(|name| !own.contains(name));
        let headers = names.map(|name| Some((name, header(name)?)));
        let headers = headers.collect::<Option<Vec<_>>>()?;
        let headers = headers.into_iter().chain([("host", host)]);
        let body = SignableBody::Bytes(body);
        let request = SignableRequest::new(head.method.as_str(), uri, headers, body).ok()?;
        let mut settings = SigningSettings::default();
        // The client has decided which headers are covered.
        settings.excluded_headers = None;
        let credentials = Credentials::from_keys(self.access_key, secret, Some(token.to_owned()));
        let identity = credentials.into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(service.as_str())
            .time(time)
            .settings(settings)
            .build()
            .ok()?;
        let signed = sign(request, &parameters.into()).ok()?;
        Some(signed.signature().to_owned())
    }
}
