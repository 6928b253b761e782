use super::*;

#[test]
fn aws_says_the_same_of_a_wrong_secret_and_of_a_wrong_clock_but_for_the_message() {
    let kind = |code, message| Cause::of_refusal(code, message).kind();
    let late = "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z";
    let early = "Signature not yet current: 20260101T001000Z is still later than 20260101T000500Z";
    for (code, message, expected) in [
        ("InvalidSignatureException", late, "clock_wrong"),
        ("SignatureDoesNotMatch", early, "clock_wrong"),
        ("InvalidSignatureException", "", "signature_wrong"),
        ("RequestTimeTooSkewed", "", "clock_wrong"),
        ("ExpiredTokenException", "", "key_expired"),
        ("InvalidClientTokenId", "", "key_unknown"),
        ("MissingAuthenticationToken", "", "refused"),
    ] {
        assert_eq!(kind(code, message), expected, "{code} {message}");
    }
}

#[test]
fn a_refusal_is_shown_by_its_code_alone() {
    let message = "The Canonical String should have been x-amz-security-token:canary";
    let cause = Cause::of_refusal("InvalidSignatureException", message);
    let error = cause.error(Failure::Credentials);
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}
