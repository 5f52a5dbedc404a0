//! What a scraper asks: the head of an HTTP request, judged as a whole.

/// What comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It gets the metrics.
    Metrics {
        /// Only what HTTP says about them (HEAD).
        head: bool,
        /// Whether it understands an answer in chunks (HTTP/1.1).
        chunks: bool,
    },
    /// It gets nothing but this.
    Refused(Status),
}

/// Why there are no metrics for a request (RFC 9110, section 15.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    BadRequest,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    Unavailable,
}

impl Status {
    /// The number of HTTP and its name.
    pub(super) const fn line(self) -> &'static str {
        match self {
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::TooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }

    /// What helps.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::BadRequest => "this is no request of HTTP/1.1 or HTTP/1.0",
            Self::NotFound => "the metrics are at /metrics",
            Self::MethodNotAllowed => "the metrics can only be read (GET, HEAD)",
            Self::TooLarge => "a request may have 8192 bytes and 64 fields",
            Self::Unavailable => "too many scrapers read at the same time",
        }
    }
}

/// Judges what has come so far; `None` where more is to come.
pub(super) fn judge(input: &[u8]) -> Option<Asked> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(input) {
        Ok(httparse::Status::Complete(_)) => Some(judge_whole(&request)),
        Ok(httparse::Status::Partial) if input.len() < MOST_BYTES => None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            Some(Asked::Refused(Status::TooLarge))
        }
        Err(_) => Some(Asked::Refused(Status::BadRequest)),
    }
}

fn judge_whole(request: &httparse::Request<'_, '_>) -> Asked {
    let is_host = |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case("host");
    let hosts = request.headers.iter().filter(is_host).count();
    let chunks = request.version == Some(1);
    // Which HTTP/1.1 must have, once (RFC 9112, section 3.2).
    if hosts > 1 || (chunks && hosts == 0) {
        return Asked::Refused(Status::BadRequest);
    }
    let target = request.path.unwrap_or_default();
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    if path != PATH {
        return Asked::Refused(Status::NotFound);
    }
    match request.method {
        Some("GET") => Asked::Metrics {
            head: false,
            chunks,
        },
        Some("HEAD") => Asked::Metrics { head: true, chunks },
        Some(_) | None => Asked::Refused(Status::MethodNotAllowed),
    }
}

/// Where the metrics are.
const PATH: &str = "/metrics";

/// How long a request may be, in bytes, and how many fields it may have.
pub(super) const MOST_BYTES: usize = 8_192;
const MOST_FIELDS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET: &str = "GET /metrics HTTP/1.1\r\nHost: localhost:9112\r\nAccept: */*\r\n\r\n";

    fn refused(request: &str) -> Status {
        match judge(request.as_bytes()) {
            Some(Asked::Refused(status)) => status,
            other => panic!("{request:?}: {other:?}"),
        }
    }

    #[test]
    fn metrics_are_for_who_asks_for_them() {
        let get = |head, chunks| Some(Asked::Metrics { head, chunks });
        assert_eq!(judge(GET.as_bytes()), get(false, true));
        let head = GET.replace("GET", "HEAD");
        assert_eq!(judge(head.as_bytes()), get(true, true));
        let with_query = GET.replace("/metrics", "/metrics?format=text");
        assert_eq!(judge(with_query.as_bytes()), get(false, true));
        assert_eq!(judge(b"GET /metrics HTTP/1.0\r\n\r\n"), get(false, false));
        assert_eq!(judge(b"GET /metrics HTTP/1.0\n\n"), get(false, false));
    }

    #[test]
    fn other_requests_are_refused_for_what_is_wrong_with_them() {
        assert_eq!(refused(&GET.replace("/metrics", "/")), Status::NotFound);
        assert_eq!(
            refused(&GET.replace("/metrics", "/metrics/")),
            Status::NotFound
        );
        assert_eq!(
            refused(&GET.replace("GET", "POST")),
            Status::MethodNotAllowed
        );
        assert_eq!(refused(&GET.replace("Host", "Hose")), Status::BadRequest);
        let two_hosts = GET.replace("Accept: */*", "host: other");
        assert_eq!(refused(&two_hosts), Status::BadRequest);
        for garbage in [
            "\u{16}\u{3}\u{1}",
            "GET\r\n\r\n",
            "GET /metrics HTTP/2.0\r\n\r\n",
        ] {
            assert_eq!(refused(garbage), Status::BadRequest);
        }
    }

    #[test]
    fn length_of_a_request_is_bounded() {
        let fields = |count: usize| "X: y\r\n".repeat(count);
        let many = GET.replace("Accept: */*\r\n", &fields(MOST_FIELDS));
        assert_eq!(refused(&many), Status::TooLarge);
        let fits = GET.replace("Accept: */*\r\n", &fields(MOST_FIELDS - 1));
        assert!(matches!(
            judge(fits.as_bytes()),
            Some(Asked::Metrics { .. })
        ));
        let endless = format!("GET /{}", "x".repeat(MOST_BYTES));
        assert_eq!(refused(&endless), Status::TooLarge);
    }

    proptest! {
        #[test]
        fn request_is_waited_for_until_it_is_whole(length in 0usize..GET.len()) {
            prop_assert_eq!(judge(&GET.as_bytes()[..length]), None);
        }

        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = judge(&bytes);
        }
    }
}
