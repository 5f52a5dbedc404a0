//! What a client of the control socket says that does not want an answer.

use std::io::{ErrorKind, Write as _};
use std::os::unix::net::UnixStream;

/// Says it as far as there is room for it and anybody listens, and returns what is left of it; the
/// connection must not block.
pub fn say<'a>(mut client: &UnixStream, saying: &'a [u8]) -> &'a [u8] {
    let mut rest = saying;
    while !rest.is_empty() {
        match client.write(rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // It has closed the connection, or does not read.
            Err(_) => break,
        }
    }
    rest
}

/// Nothing, half a message, no message, one of another version, one that has no end, and many that
/// would be answered at length; each with its name.
pub fn sayings() -> [(&'static str, Vec<u8>); 6] {
    let show = "{\"version\":1,\"message\":{\"show\":{\"interface\":null}}}\n";
    let other = show.replace("\"version\":1", "\"version\":4294967295");
    [
        ("nothing", Vec::new()),
        ("half a message", show.bytes().take(20).collect()),
        ("no message", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("another version", other.into_bytes()),
        ("10 MB without an end", vec![b'{'; 10_000_000]),
        ("1,000 messages", show.repeat(1_000).into_bytes()),
    ]
}
