use super::*;
use aws_sdk_cognitoidentity::types::Credentials;
use aws_smithy_types::DateTime;

const NOW: f64 = 1_784_812_488.0;

/// The credentials of an answer, in which `change` changes something.
fn answer(identity: &str, change: impl Fn(&mut Credentials)) -> GetCredentialsForIdentityOutput {
    let mut credentials = Credentials::builder()
        .access_key_id("ASIACANARY")
        .secret_key("canary-secret")
        .session_token("canary-token")
        .expiration(DateTime::from_secs_f64(NOW + 3_600.0))
        .build();
    change(&mut credentials);
    GetCredentialsForIdentityOutput::builder()
        .identity_id(identity)
        .credentials(credentials)
        .build()
}

fn keys_of(output: GetCredentialsForIdentityOutput) -> Result<(Keys, Duration), CallError> {
    keys(output, IdentityId::parse("r:a").unwrap(), NOW)
}

#[test]
fn keys_are_taken_as_they_are_and_live_by_the_answers_date() {
    let (keys, life) = keys_of(answer("R:A", |_| {})).unwrap();
    assert_eq!(keys.access_key_id(), "ASIACANARY");
    assert_eq!(keys.secret_access_key(), "canary-secret");
    assert_eq!(keys.session_token(), Some("canary-token"));
    assert_eq!(life, Duration::from_secs(3_600));
    let expired = answer("r:a", |keys| keys.expiration = Some(DateTime::from_secs(1)));
    assert_eq!(keys_of(expired).unwrap().1, Duration::ZERO);
}

/// The error names what is wrong, and holds no secret.
#[test]
fn an_answer_about_another_identity_or_without_usable_keys_is_malformed() {
    let without = |change: fn(&mut Credentials)| answer("r:a", change);
    for output in [
        answer("r:b", |_| {}),
        GetCredentialsForIdentityOutput::builder().build(),
        GetCredentialsForIdentityOutput::builder()
            .identity_id("r:a")
            .build(),
        without(|keys| keys.access_key_id = None),
        without(|keys| keys.secret_key = None),
        without(|keys| keys.session_token = None),
        without(|keys| keys.session_token = Some(String::new())),
        without(|keys| keys.session_token = Some("canary\n-token".to_owned())),
        without(|keys| keys.expiration = None),
    ] {
        let error = keys_of(output).unwrap_err();
        assert_eq!(error.failure, Failure::Malformed);
        let cause = error.cause.unwrap();
        assert!(!cause.to_lowercase().contains("canary"), "{cause}");
    }
}
