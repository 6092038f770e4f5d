//! The endpoint of the API, and what its name says about the Region.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use axum::http::Uri;

/// An endpoint of the API, with its stage: a scheme, an authority and a path that ends without a slash.
#[derive(Clone, Debug)]
pub struct Endpoint {
    scheme: String,
    authority: String,
    path: String,
}

impl Endpoint {
    /// The URL of a path and query of the API, unchanged.
    ///
    /// # Errors
    /// The path has a segment `.` or `..`, encoded or not: whoever resolves it could leave the stage.
    pub fn url(&self, path_and_query: &str) -> Result<String, &'static str> {
        let path = path_and_query.split('?').next().unwrap_or_default().to_ascii_lowercase();
        let path = path.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace('\\', "/");
        if path.split('/').any(|segment| segment == "." || segment == "..") {
            return Err("a segment . or .. of its path could leave the stage");
        }
        Ok(format!("{self}{path_and_query}"))
    }

    /// The Region in the name of an API Gateway host, as in `….execute-api.us-east-1.amazonaws.com`.
    pub fn region(&self) -> Option<String> {
        let mut labels = self.host().split('.').skip_while(|label| *label != "execute-api");
        labels.nth(1).map(str::to_owned)
    }

    /// The URL prefix of log groups in CloudWatch Logs, if the endpoint is in AWS. The name of a custom domain has no
    /// Region, so there it must be given.
    pub fn logs_url(&self, region: Option<&str>) -> Option<String> {
        if self.scheme != "https" {
            return None;
        }
        let region = region.map(str::to_owned).or_else(|| self.region())?;
        let console = if region.starts_with("cn-") {
            "console.amazonaws.cn"
        } else if region.starts_with("us-gov-") {
            "console.amazonaws-us-gov.com"
        } else {
            "console.aws.amazon.com"
        };
        Some(format!("https://{region}.{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"))
    }

    fn host(&self) -> &str {
        self.authority.rsplit_once(':').map_or(&self.authority, |(host, _)| host)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err("it must begin with https://".to_owned());
        };
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err("it must have neither a user nor a query string".to_owned());
        }
        let is_loopback = authority.host() == "localhost"
            || authority.host().parse().is_ok_and(|address: Ipv4Addr| address.is_loopback());
        if scheme != "https" && !(scheme == "http" && is_loopback) {
            return Err("it must begin with https://; http:// is for this machine only".to_owned());
        }
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { scheme: scheme.to_owned(), authority: authority.to_string(), path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap()
    }

    #[test]
    fn the_region_is_the_one_in_an_api_gateway_host() {
        for (text, region) in [
            ("https://a1b2.execute-api.us-east-1.amazonaws.com/prod", Some("us-east-1")),
            ("https://a1b2.execute-api.cn-north-1.amazonaws.com.cn/prod", Some("cn-north-1")),
            ("https://a1b2-vpce-0f.execute-api.eu-west-1.amazonaws.com/prod/", Some("eu-west-1")),
            ("https://a1b2.execute-api.us-west-2.api.aws/prod", Some("us-west-2")),
            ("https://runs.example.com", None),
            ("http://127.0.0.1:3000", None),
        ] {
            assert_eq!(endpoint(text).region().as_deref(), region, "{text}");
        }
    }

    #[test]
    fn a_path_is_appended_as_it_is() {
        let same = "/a%20b/..c/d../x%2Fy?c=%2F&d=/../";
        assert_eq!(endpoint("https://h/prod/").url(same).unwrap(), format!("https://h/prod{same}"));
        assert_eq!(endpoint("http://localhost:3000").url("/a").unwrap(), "http://localhost:3000/a");
    }

    #[test]
    fn a_path_does_not_leave_the_stage() {
        for path in ["/..", "/../test/x", "/a/../../x", "/./x", "/%2e%2E/x", "/.%2e/x?a", "/a%2f..%2fx", "/a%5C..\\x"] {
            assert!(endpoint("https://h/prod").url(path).is_err(), "{path}");
        }
    }

    #[test]
    fn credentials_are_not_sent_in_the_clear_to_other_machines() {
        for text in ["http://runs.example.com", "http://127.0.0.1.example.com", "ftp://localhost", "runs.example.com"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn log_groups_have_a_link_where_the_endpoint_is_in_aws() {
        let aws = endpoint("https://a1b2.execute-api.us-east-1.amazonaws.com/prod");
        let link =
            "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/";
        assert_eq!(aws.logs_url(None).as_deref(), Some(link));
        let china = endpoint("https://a1b2.execute-api.cn-north-1.amazonaws.com.cn").logs_url(None).unwrap();
        assert!(china.starts_with("https://cn-north-1.console.amazonaws.cn/"), "{china}");
        let custom = endpoint("https://runs.example.com");
        assert_eq!(custom.logs_url(None), None);
        assert_eq!(custom.logs_url(Some("us-east-1")).as_deref(), Some(link));
        assert_eq!(endpoint("http://127.0.0.1:3000").logs_url(Some("us-east-1")), None);
    }
}
