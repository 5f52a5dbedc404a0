//! Who may speak to a service over its socket, and what nobody can do to it there.

use super::*;

#[test]
fn second_service_is_refused_and_a_stale_socket_is_replaced() {
    let bench = Bench::on_demand();
    let refused = Listener::claim(&bench.paths, None).unwrap_err();
    assert!(matches!(refused, ClaimError::RunsAlready(_)), "{refused}");

    let directory = tempfile::tempdir().unwrap();
    let paths = Paths::within(directory.path().to_owned(), 7);
    drop(std::os::unix::net::UnixListener::bind(paths.socket()).unwrap());
    assert!(paths.socket().exists());
    let show = Request::Show { interface: None };
    assert_eq!(client::ask(&paths, &show).unwrap(), None);
    drop(Listener::claim(&paths, None).unwrap());
    assert!(!paths.socket().exists());
}

#[test]
fn socket_says_who_may_use_it() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let directory = tempfile::tempdir().unwrap();
    let paths = Paths::within(directory.path().to_owned(), 7);
    let mode = || paths.socket().metadata().unwrap().permissions().mode() & 0o777;
    let listener = Listener::claim(&paths, None).unwrap();
    assert_eq!(mode(), 0o666);
    drop(listener);
    let group = rustix::process::getegid();
    let _listener = Listener::claim(&paths, Some(group)).unwrap();
    assert_eq!(mode(), 0o660);
    assert_eq!(paths.socket().metadata().unwrap().gid(), group.as_raw());
    assert_eq!(
        paths.lock().metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn others_than_root_may_look_but_not_touch() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root can be somebody else");
    }
    let bench = Bench::staying();
    bench.done("carp0", "vhid 1");
    let paths = bench.paths;
    std::fs::set_permissions(paths.socket().parent().unwrap(), everyone()).unwrap();
    let nobody = thread::spawn(move || {
        let nobody = rustix::process::Uid::from_raw(65534);
        // Of this thread alone.
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        let show = client::ask(&paths, &Request::Show { interface: None });
        let mut stream = UnixStream::connect(paths.socket()).unwrap();
        let change =
            b"{\"version\":1,\"message\":{\"change\":{\"interface\":\"carp0\",\"change\":{}}}}\n";
        stream.write_all(change).unwrap();
        let assign = b"{\"version\":1,\"message\":{\"settings\":{\"assign\":[\
                       {\"setting\":\"preempt\",\"value\":1}]}}}\n";
        stream.write_all(assign).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (show.unwrap().unwrap().len(), answer)
    });
    let (shown, answer) = nobody.join().unwrap();
    assert_eq!(shown, 2);
    let refused = "{\"version\":1,\"message\":{\"refused\":{\"reason\":\
                   \"permission denied: changes need root\"}}}\n";
    assert_eq!(answer, refused.repeat(2));
}

fn everyone() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o755)
}

#[test]
fn clients_that_say_nothing_or_half_of_it_keep_nobody_waiting() {
    let bench = Bench::staying();
    let mut silent: Vec<UnixStream> = (0..30).map(|_| bench.connect()).collect();
    for stream in &mut silent {
        stream.write_all(b"{\"version\":1,\"mess").unwrap();
    }
    bench.done("carp0", "vhid 1");
    assert_eq!(bench.show().len(), 1);
    drop(silent);
    assert_eq!(bench.show().len(), 1);
}

#[test]
fn client_that_never_reads_keeps_nobody_waiting() {
    let bench = Bench::staying();
    for number in 0..50 {
        bench.done(&format!("carp{number}"), "create");
    }
    let mut greedy = bench.connect();
    greedy.set_nonblocking(true).unwrap();
    let show = b"{\"version\":1,\"message\":{\"show\":{\"interface\":null}}}\n";
    while greedy.write(show).is_ok() {}
    assert_eq!(bench.show().len(), 50);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_end_the_service(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8),
        whole in any::<bool>(),
    ) {
        thread_local!(static BENCH: Bench = Bench::staying());
        BENCH.with(|bench| {
            let mut stream = bench.connect();
            for piece in &pieces {
                // It may have been refused and closed already.
                if stream.write_all(piece).is_err() {
                    break;
                }
            }
            if whole && stream.write_all(b"\n").is_ok() {
                stream.shutdown(std::net::Shutdown::Write).ok();
                let mut answer = Vec::new();
                stream.take(MAX_LINE as u64).read_to_end(&mut answer).ok();
            }
            assert!(bench.show().is_empty());
        });
    }

    #[test]
    fn damaged_requests_do_not_end_the_service(position in 0usize..90, byte in any::<u8>()) {
        thread_local!(static BENCH: Bench = Bench::staying());
        BENCH.with(|bench| {
            let mut line = b"{\"version\":1,\"message\":{\"change\":{\"interface\":\"carp0\",\
                             \"change\":{\"vhid\":7,\"up\":true}}}}\n".to_vec();
            if let Some(slot) = line.get_mut(position) {
                *slot = byte;
            }
            let mut stream = bench.connect();
            stream.write_all(&line).unwrap();
            stream.shutdown(std::net::Shutdown::Write).ok();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).ok();
            bench.show();
        });
    }
}
