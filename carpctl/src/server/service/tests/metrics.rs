//! Metrics of a whole service over HTTP, and what scrapers cannot do to it.

use std::io::{self, ErrorKind};
use std::time::Duration;

use super::*;

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: carpctl\r\n\r\n";

/// An answer, its body taken out of chunks.
struct Answer {
    head: String,
    body: String,
}

impl Bench {
    fn scraper(&self) -> UnixStream {
        let path = self.paths.socket().with_file_name(METRICS);
        let stream = UnixStream::connect(path).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    fn scrape(&self, request: &str) -> Answer {
        let mut stream = self.scraper();
        // What is too long may not be taken to its end.
        stream.write_all(request.as_bytes()).ok();
        answer(stream)
    }
}

/// Reads to the end of the connection.
fn answer(mut stream: UnixStream) -> Answer {
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    let (head, mut rest) = all.split_once("\r\n\r\n").unwrap();
    if !head.contains("\r\nTransfer-Encoding: chunked") {
        return Answer {
            head: head.to_owned(),
            body: rest.to_owned(),
        };
    }
    let mut body = String::new();
    loop {
        let (length, behind) = rest.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let (chunk, behind) = behind.split_at(length);
        body.push_str(chunk);
        rest = behind.strip_prefix("\r\n").unwrap();
        if length == 0 {
            assert_eq!(rest, "");
            return Answer {
                head: head.to_owned(),
                body,
            };
        }
    }
}

#[test]
fn scraper_gets_what_carpctl_metrics_prints() {
    let bench = Bench::staying();
    // It stays backup for longer than this takes on any machine.
    let words = "vhid 99 advbase 254 pass x carpdev vmx0 192.0.2.10/24";
    bench.done("carp0", words);
    let Answer { head, body } = bench.scrape(GET);
    assert_eq!(
        head,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Transfer-Encoding: chunked\r\nConnection: close"
    );
    crate::vocabulary::metrics::must_pass_promtool(&body);
    for line in [
        "carp_up 1",
        "carp_interface_state{interface=\"carp0\",vhid=\"99\",carpdev=\"vmx0\",state=\"backup\"} 1",
        "carp_interface_transitions_total{interface=\"carp0\"} 1",
    ] {
        assert!(body.lines().any(|it| it == line), "{line}:\n{body}");
    }
    let replies = client::ask(&bench.paths, &Request::Metrics)
        .unwrap()
        .unwrap();
    let (mut vitals, mut facts) = (None, Vec::new());
    for reply in replies {
        if let Reply::Vitals(told) = reply {
            vitals = Some(*told);
        } else if let Reply::Facts(told) = reply {
            facts.push(*told);
        }
    }
    let mut printed = crate::vocabulary::metrics::Exposition::new(vitals);
    facts.into_iter().for_each(|it| printed.add(it));
    // But for what grows meanwhile, and for who asks.
    let stable = |text: &str| -> Vec<String> {
        let moves = |line: &&str| line.contains("_bytes") || line.contains("_clients");
        let lines = text.lines().filter(|line| !moves(line));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(stable(&printed.text()), stable(&body));
}

#[test]
fn old_scraper_gets_it_without_chunks_and_head_without_anything() {
    let bench = Bench::staying();
    let old = bench.scrape("GET /metrics HTTP/1.0\r\n\r\n");
    assert!(old.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", old.head);
    assert!(!old.head.contains("chunked"));
    assert!(old.body.contains("\ncarp_up 1\n"));
    let mut stream = bench.scraper();
    stream
        .write_all(GET.replace("GET", "HEAD").as_bytes())
        .unwrap();
    let mut head = String::new();
    stream.read_to_string(&mut head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.ends_with("Connection: close\r\n\r\n"), "{head}");
}

#[test]
fn other_requests_are_refused() {
    let bench = Bench::staying();
    let endless = format!("GET /{}", "x".repeat(20_000));
    for (request, status) in [
        (GET.replace("/metrics", "/"), "404 Not Found"),
        (
            GET.replace("GET", "PUT"),
            "405 Method Not Allowed\r\nAllow: GET, HEAD",
        ),
        ("\u{16}\u{3}\u{1}\u{2}\r\n".to_owned(), "400 Bad Request"),
        (endless, "431 Request Header Fields Too Large"),
    ] {
        let Answer { head, body } = bench.scrape(&request);
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{head}"
        );
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())));
        assert!(body.ends_with('\n'), "{body}");
    }
}

#[test]
fn request_that_comes_in_pieces_is_answered() {
    let bench = Bench::staying();
    let mut stream = bench.scraper();
    for byte in GET.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    assert!(answer(stream).body.contains("\ncarp_up 1\n"));
}

/// Asks for metrics and keeps the connection, without reading; `None` where it is closed.
fn asks_and_never_reads(bench: &Bench) -> Option<UnixStream> {
    let mut stream = bench.scraper();
    match stream.write_all(GET.as_bytes()) {
        Ok(()) => Some(stream),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn thousand_scrapers_that_do_nothing_keep_nobody_out() {
    let bench = Bench::staying();
    for number in 0..300 {
        bench.done(&format!("carp{number}"), "create");
    }
    let silent: Vec<UnixStream> = (0..500).map(|_| bench.scraper()).collect();
    let deaf: Vec<Option<UnixStream>> = (0..500).map(|_| asks_and_never_reads(&bench)).collect();
    bench.done("carp0", "vhid 1");
    // Those that ask and do not read give way when they have not read for a second.
    let is_full =
        |answer: io::Result<Answer>| answer.is_ok_and(|it| it.head.starts_with("HTTP/1.1 200"));
    let mut tries = 0;
    while !is_full(try_scrape(&bench)) {
        tries += 1;
        assert!(tries < 300, "waited in vain");
        thread::sleep(Duration::from_millis(50));
    }
    drop((silent, deaf));
}

/// The same as [`Bench::scrape`], where the connection may be closed instead.
fn try_scrape(bench: &Bench) -> io::Result<Answer> {
    let mut stream = bench.scraper();
    stream.write_all(GET.as_bytes())?;
    let mut first = [0; 12];
    stream.read_exact(&mut first)?;
    let mut rest = String::new();
    stream.read_to_string(&mut rest)?;
    Ok(Answer {
        head: String::from_utf8_lossy(&first).into_owned(),
        body: rest,
    })
}
