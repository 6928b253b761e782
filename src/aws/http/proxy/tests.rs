use super::*;

/// Settings with these variables.
fn of(variables: &[(&str, &str)]) -> Result<(Option<ProxySettings>, Vec<String>), InvalidProxy> {
    read(|name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| value.into())
    })
}

/// How a URL is reached: the proxy and the login, or directly.
fn route(variables: &[(&str, &str)], url: &str) -> Option<(String, Option<String>)> {
    let settings = of(variables).unwrap().0?;
    let proxy = settings.matcher.intercept(&url.parse().unwrap())?;
    let login = proxy
        .basic_auth()
        .map(|login| login.to_str().unwrap().to_owned());
    Some((proxy.uri().to_string(), login))
}

const AWS: &str = "https://cognito-sync.us-east-1.amazonaws.com/";

#[test]
fn the_first_variable_with_a_value_counts() {
    for (variables, proxy) in [
        (&[("HTTPS_PROXY", "http://a:1")][..], Some("http://a:1/")),
        (&[("https_proxy", "http://a:1")], Some("http://a:1/")),
        (&[("ALL_PROXY", "http://a:1")], Some("http://a:1/")),
        (&[("all_proxy", "a:1")], Some("http://a:1/")),
        (&[("HTTPS_PROXY", " https://a:1/ \n")], Some("https://a:1/")),
        (
            &[("HTTPS_PROXY", "HTTP://[2001:db8::1]:3128")],
            Some("http://[2001:db8::1]:3128/"),
        ),
        (
            &[("HTTPS_PROXY", ""), ("https_proxy", "http://a")],
            Some("http://a/"),
        ),
        (
            &[("HTTPS_PROXY", "http://a:1"), ("ALL_PROXY", "http://b:2")],
            Some("http://a:1/"),
        ),
        (&[("HTTP_PROXY", "http://a:1")], None),
        (&[], None),
    ] {
        let found = route(variables, AWS).map(|(proxy, _)| proxy);
        assert_eq!(found.as_deref(), proxy, "{variables:?}");
    }
    let (_, warnings) = of(&[("http_proxy", "http://a:1")]).unwrap();
    assert!(
        warnings[0].starts_with("http_proxy has no effect"),
        "{warnings:?}"
    );
}

#[test]
fn logins_reach_the_proxy_and_no_text() {
    for (value, login) in [
        ("http://user:pass@a:1", "Basic dXNlcjpwYXNz"),
        ("user:pass@a:1", "Basic dXNlcjpwYXNz"),
        ("http://user:p%40ss@a:1", "Basic dXNlcjpwQHNz"),
        ("http://user:p@ss@a:1", "Basic dXNlcjpwQHNz"),
        ("http://user:p:s@a:1", "Basic dXNlcjpwOnM="),
        ("http://user@a:1", "Basic dXNlcjo="),
    ] {
        let (settings, _) = of(&[("HTTPS_PROXY", value)]).unwrap();
        let settings = settings.unwrap();
        assert_eq!(settings.url, "http://a:1", "{value}");
        assert!(!format!("{settings:?}").contains("ss"), "{settings:?}");
        let found = route(&[("HTTPS_PROXY", value)], AWS).unwrap();
        assert_eq!(
            found,
            ("http://a:1/".to_owned(), Some(login.to_owned())),
            "{value}"
        );
    }
}

#[test]
fn a_proxy_that_cannot_be_understood_is_refused_without_its_value() {
    for value in [
        "http://",
        "http:///",
        "://a:1",
        "http://a:port",
        "http://a:99999",
        "http://a:1/path",
        "http://a b:1",
        "http://user:canary#1@",
        "http://canary/x@y/z:1",
        "socks5://canary:1",
        "ftp://canary",
        "http://canary:1?x",
        "http://:3128",
        "http://us%ffer:canary@a:1",
    ] {
        let error = of(&[("HTTPS_PROXY", value)]).unwrap_err().to_string();
        assert!(error.starts_with("HTTPS_PROXY: "), "{value}: {error}");
        assert!(!error.contains("canary"), "{error}");
    }
    use std::os::unix::ffi::OsStringExt;
    let not_text = read(|name| (name == "ALL_PROXY").then(|| OsString::from_vec(vec![0xff])));
    assert_eq!(not_text.unwrap_err(), InvalidProxy::NotText("ALL_PROXY"));
}

#[test]
fn exceptions_are_hosts_domains_addresses_and_networks() {
    let direct = |list, url: &str| {
        route(&[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", list)], url).is_none()
    };
    for (list, url) in [
        ("*", AWS),
        ("amazonaws.com", AWS),
        (".amazonaws.com", AWS),
        ("*.amazonaws.com", AWS),
        ("x, AMAZONAWS.COM", AWS),
        ("x y.example amazonaws.com:443", AWS),
        ("cognito-sync.us-east-1.amazonaws.com.", AWS),
        ("10.0.0.0/8", "https://10.1.2.3/"),
        ("10.1.2.3:443", "https://10.1.2.3/"),
        ("[2001:db8::1]:443", "https://[2001:db8::1]/"),
        ("2001:db8::/32", "https://[2001:db8::1]/"),
    ] {
        assert!(direct(list, url), "{list} {url}");
    }
    for (list, url) in [
        ("", AWS),
        ("amazonaws.co", AWS),
        ("onaws.com", AWS),
        ("amazonaws.com:8443", AWS),
        ("10.0.0.0/16", "https://10.1.2.3/"),
        ("10.0.0.0/8", AWS),
    ] {
        assert!(!direct(list, url), "{list} {url}");
    }
    let lower = [("HTTPS_PROXY", "http://a:1"), ("no_proxy", "amazonaws.com")];
    assert_eq!(route(&lower, AWS), None);
}

#[test]
fn an_exception_that_is_not_understood_is_a_warning() {
    let list = "10.0.0.0/33, a*b.example, <local>, host:8443, .., caf\u{e9}.example, good.example";
    let (settings, warnings) = of(&[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", list)]).unwrap();
    assert_eq!(settings.unwrap().exceptions, "good.example");
    assert_eq!(warnings.len(), 6, "{warnings:#?}");
    assert!(
        warnings[0].starts_with("NO_PROXY: `10.0.0.0/33` is not"),
        "{warnings:?}"
    );
}
