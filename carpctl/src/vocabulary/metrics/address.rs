//! Where metrics are served: a Unix socket, or a port of this machine that only it reaches.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where Prometheus connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MetricsAddress {
    Unix(PathBuf),
    Loopback(SocketAddr),
}

/// The text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAMetricsAddress {
    #[error("must be unix:/PATH, 127.0.0.1:PORT or [::1]:PORT")]
    Unreadable,
    #[error("the port must be a number from 1 to 65535, as 127.0.0.1:9112")]
    Port,
    #[error(
        "the path must be absolute and at most {LONGEST} bytes long, as unix:/run/carpctl/metrics.sock"
    )]
    Path,
    #[error(
        "not a loopback address, and metrics have no access control: 127.0.0.1:PORT, [::1]:PORT or unix:/PATH, and a proxy in front of it"
    )]
    NotLoopback,
}

impl MetricsAddress {
    /// The file that it is, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            Self::Loopback(_) => None,
        }
    }
}

impl FromStr for MetricsAddress {
    type Err = NotAMetricsAddress;

    fn from_str(text: &str) -> Result<Self, NotAMetricsAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            let is_usable = path.starts_with('/') && path.len() <= LONGEST && !path.contains('\0');
            return match is_usable {
                true => Ok(Self::Unix(PathBuf::from(path))),
                false => Err(NotAMetricsAddress::Path),
            };
        }
        let address: SocketAddr = text.parse().map_err(|_| NotAMetricsAddress::Unreadable)?;
        if !address.ip().to_canonical().is_loopback() {
            return Err(NotAMetricsAddress::NotLoopback);
        }
        // The kernel would choose one, which nobody could know.
        if address.port() == 0 {
            return Err(NotAMetricsAddress::Port);
        }
        Ok(Self::Loopback(address))
    }
}

/// As it is given.
impl fmt::Display for MetricsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Loopback(address) => address.fmt(f),
        }
    }
}

/// The longest path of a Unix socket on Linux (unix(7)).
const LONGEST: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_this_machine_and_are_written_as_they_are_read() {
        let deep = format!("unix:/{}", "x".repeat(LONGEST - 1));
        for text in [
            "unix:/run/carpctl/metrics.sock",
            "127.0.0.1:9112",
            "127.7.7.7:1",
            "[::1]:9112",
            &deep,
        ] {
            assert_eq!(text.parse::<MetricsAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        use NotAMetricsAddress as Not;
        let too_deep = format!("unix:/{}", "x".repeat(LONGEST));
        for (text, error) in [
            ("0.0.0.0:9112", Not::NotLoopback),
            ("[::]:9112", Not::NotLoopback),
            ("192.0.2.1:9112", Not::NotLoopback),
            ("[::ffff:192.0.2.1]:9112", Not::NotLoopback),
            ("127.0.0.1", Not::Unreadable),
            ("localhost:9112", Not::Unreadable),
            ("9112", Not::Unreadable),
            (":9112", Not::Unreadable),
            ("127.0.0.1:65536", Not::Unreadable),
            ("127.0.0.1:0", Not::Port),
            ("[::1]:0", Not::Port),
            ("", Not::Unreadable),
            ("unix:metrics.sock", Not::Path),
            ("unix:", Not::Path),
            (&too_deep, Not::Path),
        ] {
            assert_eq!(text.parse::<MetricsAddress>(), Err(error), "{text}");
        }
    }
}
