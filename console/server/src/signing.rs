//! Signature Version 4, as API Gateway expects it.

use std::error::Error;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as sign_v4};
use aws_sigv4::sign::v4::SigningParams;
use axum::body::Bytes;
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;

/// The signing name of API Gateway.
pub const SERVICE: &str = "execute-api";

/// What a signature covers besides the request.
pub struct Scope<'a> {
    /// The Region of the API.
    pub region: &'a str,
    /// The service: [`SERVICE`], except in AWS's own examples.
    pub service: &'a str,
    /// The time of the request, which AWS compares with its own.
    pub time: SystemTime,
}

/// Signs method, URL, body and the headers that no proxy changes.
///
/// # Errors
/// The request has a header that is not text.
pub fn sign(
    request: &mut Request<Bytes>,
    scope: &Scope<'_>,
    credentials: Credentials,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.time)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let mut headers = Vec::new();
    for (name, value) in request.headers() {
        if name == CONTENT_TYPE || name.as_str().starts_with("x-amz-") {
            headers.push((name.as_str(), value.to_str()?));
        }
    }
    let url = request.uri().to_string();
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), url, headers.into_iter(), body)?;
    let (instructions, _) = sign_v4(signable, &params)?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    // AWS' own examples: the signing test suite, and "Signature Version 4" in the IAM user guide.
    const KEY: (&str, &str) = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    #[allow(clippy::duration_suboptimal_units, reason = "it is a point in time")]
    const AT: Duration = Duration::from_secs(1_440_938_160); // 20150830T123600Z

    fn signed(
        service: &str,
        token: Option<&str>,
        request: axum::http::request::Builder,
        body: &'static str,
    ) -> Request<Bytes> {
        let mut request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        let credentials = Credentials::new(KEY.0, KEY.1, token.map(str::to_owned), None, "documentation");
        sign(&mut request, &Scope { region: "us-east-1", service, time: UNIX_EPOCH + AT }, credentials).unwrap();
        request
    }

    fn authorization(request: &Request<Bytes>) -> &str {
        assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
        request.headers()["authorization"].to_str().unwrap()
    }

    #[test]
    fn the_signatures_match_aws_documentation() {
        let list_users = Request::get("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        assert_eq!(
            authorization(&signed("iam", None, list_users, "")),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
        for (request, body, signature) in [
            (
                Request::get("https://example.amazonaws.com/"),
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                Request::post("https://example.amazonaws.com/"),
                "",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                Request::post("https://example.amazonaws.com/")
                    .header("content-type", "application/x-www-form-urlencoded"),
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let request = signed("service", None, request, body);
            assert!(authorization(&request).ends_with(&format!("Signature={signature}")), "{request:?}");
        }
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        let request = signed("service", Some(TOKEN), Request::post("https://example.amazonaws.com/"), "");
        assert_eq!(request.headers()["x-amz-security-token"], TOKEN);
        assert_eq!(
            authorization(&request),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-security-token, \
             Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
        );
    }

    #[test]
    fn our_requests_are_signed_for_execute_api() {
        let url = "https://a1b2.execute-api.us-east-1.amazonaws.com/prod/workflow-definitions/demo/workflow-runs?maxResults=50";
        let request = Request::post(url).header("content-type", "application/json").header("user-agent", "test");
        let request = signed(SERVICE, None, request, "{}");
        let authorization = authorization(&request);
        assert!(authorization.contains("Credential=AKIDEXAMPLE/20150830/us-east-1/execute-api/aws4_request,"));
        assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-date,"), "{authorization}");
        assert_eq!(request.uri(), url);
    }
}
