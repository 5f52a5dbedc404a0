//! A busy machine does not make adverts late: the service runs before what only computes.

use std::fs;
use std::process::Command;

use carp_net::lab::Process;

use crate::net::{Net, Terrain, V4, wait_until};

#[test]
fn every_thread_of_the_service_runs_before_what_only_computes() {
    let Some(net) = Net::beside_others(Terrain::default()) else {
        return;
    };
    let allowed = Command::new("chrt").args(["--fifo", "2", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: SCHED_FIFO is refused, or chrt is not installed");
        return;
    }
    net.configure(V4);
    net.wait_for_master(&net.one, &net.two);
    let supervisor = || priorities(&net.one.supervisor()) == [2, 2];
    wait_until("the supervisor and who hears hangups have more", supervisor);
    // Each thread takes it when it begins to run.
    let taken = || priorities(&net.one.engine()) == [1, 1];
    wait_until("loop and worker have precedence", taken);

    net.one.carpctl("restart");
    wait_until("they have it after a restart", taken);
}

/// The real-time priority of each thread of a process; 0: it is scheduled as most are.
fn priorities(process: &Process) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", process.pid())).unwrap();
    let of_thread = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap();
        // The 40th field; the 2nd is a name in brackets, which may contain anything.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split_whitespace().nth(37).unwrap().parse().unwrap()
    };
    tasks.map(|task| of_thread(task.unwrap())).collect()
}
