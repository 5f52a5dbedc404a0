//! What was measured, as a table and held against the limits.

use std::fmt;
use std::time::Duration;

use carp_benches::many::Work;
use carp_benches::{Load, aligned, results};

use crate::run::Measured;

/// What one contender needs for some work.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) contender: &'static str,
    pub(crate) work: Work,
    /// The medians of the runs.
    pub(crate) measured: Measured,
    /// The same, with the worst times of any of them.
    pub(crate) worst: Measured,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measured { load, crash, .. } = &self.measured;
        let [master, backup] = load;
        write!(
            f,
            "{} {}: {} / {} of a core, {} / {} MiB, start {} s, late {} / {} ms, \
             taken over {} ms, announced {} ms, then late {} ms",
            self.contender,
            self.work,
            percent(*master),
            percent(*backup),
            mebibytes(master.memory.resident),
            mebibytes(backup.memory.resident),
            seconds(self.measured.start),
            millis(self.measured.late_at_start),
            millis(self.measured.late_at_rest),
            millis(crash.taken_over),
            millis(crash.announced),
            millis(crash.late),
        )?;
        match crash.lost {
            0 => Ok(()),
            lost => write!(f, ", {lost} NOT TAKEN OVER"),
        }
    }
}

/// The part of the file with the results.
pub(crate) fn text(rows: &[Row], conditions: &str) -> String {
    let mut misses = Vec::new();
    let load = load_table(rows);
    let times = times_table(rows);
    for row in rows.iter().filter(|row| row.is_ours()) {
        check(row, &mut misses);
        compare(row, rows, &mut misses);
    }
    format!(
        "## Scale\n\n{}; {conditions}.\n\n\
         Made by `cargo bench -p carp-benches --bench scale` as root.\n\n{HOW}\n\n\
         ### At rest\n\n{load}\n### Start and crash\n\n{times}\n{}",
        results::machine(),
        results::verdict(&misses),
    )
}

fn load_table(rows: &[Row]) -> String {
    let head = [
        "virtual hosts",
        "contender",
        "master",
        "per advert",
        "backup",
        "per advert",
        "resident",
        "proportional",
    ];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for row in rows {
        let [master, backup] = row.measured.load;
        let per_advert = |load: Load, idle| {
            let time = load.per_advert(row.work.count(), idle);
            time.map_or_else(|| "–".to_owned(), |time| format!("{} µs", micros(time)))
        };
        let [idle_master, idle_backup] = row.idle(rows);
        table.push(vec![
            row.work.to_string(),
            row.contender.to_owned(),
            percent(master),
            per_advert(master, idle_master),
            percent(backup),
            per_advert(backup, idle_backup),
            format!(
                "{} / {} MiB",
                mebibytes(master.memory.resident),
                mebibytes(backup.memory.resident)
            ),
            format!(
                "{} / {} MiB",
                mebibytes(master.memory.proportional),
                mebibytes(backup.memory.proportional)
            ),
        ]);
    }
    aligned(&table)
}

fn times_table(rows: &[Row]) -> String {
    let head = [
        "virtual hosts",
        "contender",
        "start, s",
        "late meanwhile, ms",
        "late at rest, ms",
        "taken over, ms",
        "announced, ms",
        "late afterwards, ms",
        "lost",
    ];
    let mut table = vec![head.map(str::to_owned).to_vec()];
    for row in rows.iter().filter(|row| row.work.count() > 0) {
        let times = |of: fn(&Measured) -> Duration, written: fn(Duration) -> String| {
            let [median, worst] = [&row.measured, &row.worst].map(|it| written(of(it)));
            format!("{median} ({worst})")
        };
        let late = |of| times(of, millis);
        table.push(vec![
            row.work.to_string(),
            row.contender.to_owned(),
            times(|it| it.start, seconds),
            late(|it| it.late_at_start),
            late(|it| it.late_at_rest),
            late(|it| it.crash.taken_over),
            late(|it| it.crash.announced),
            late(|it| it.crash.late),
            row.worst.crash.lost.to_string(),
        ]);
    }
    aligned(&table)
}

impl Row {
    /// What came of some runs.
    pub(crate) fn of(contender: &'static str, work: Work, runs: &[Measured]) -> Self {
        Self {
            contender,
            work,
            measured: Measured::median(runs),
            worst: Measured::worst(runs),
        }
    }

    /// Whether it is this project's own, and has anything to do.
    fn is_ours(&self) -> bool {
        self.contender == "carpctl" && self.work.count() > 0
    }

    /// What the same contender takes without any virtual host.
    fn idle(&self, rows: &[Self]) -> [Load; 2] {
        let mut rows = rows.iter();
        let idle = rows.find(|it| it.contender == self.contender && it.work.count() == 0);
        idle.map_or_else(Default::default, |row| row.measured.load)
    }
}

/// Holds what this project's own service needs against what the other one does, and the cost of an
/// advert against that where there are fewer virtual hosts.
fn compare(row: &Row, rows: &[Row], misses: &mut Vec<String>) {
    let mut miss = |what: String| misses.push(format!("{}: {what}", row.work));
    let mut others = rows.iter().filter(|it| it.contender != row.contender);
    let is_compared = row.work.count() == 255;
    let other = others.find(|it| it.work == row.work && is_compared);
    if is_compared && other.is_none() {
        miss("compared with keepalived, which is not there".to_owned());
    }
    type Of = fn([Load; 2]) -> Load;
    let (master, backup): (Of, Of) = (|[load, _]| load, |[_, load]| load);
    for (role, load) in [("master", master), ("backup", backup)] {
        if let Some(other) = other {
            let [own, theirs] = [row, other].map(|row| load(row.measured.load));
            if own.cpu > theirs.cpu / 3.0 {
                miss(format!(
                    "at most a third of the time of {} as {role}: {} and {}",
                    other.contender,
                    percent(own),
                    percent(theirs)
                ));
            }
            if own.memory.resident >= theirs.memory.resident {
                miss(format!(
                    "less resident than {} as {role}: {} and {} MiB",
                    other.contender,
                    mebibytes(own.memory.resident),
                    mebibytes(theirs.memory.resident)
                ));
            }
        }
        let cost =
            |row: &Row| load(row.measured.load).per_advert(row.work.count(), load(row.idle(rows)));
        let fewer = rows
            .iter()
            .filter(|it| it.is_ours() && it.work.count() < row.work.count());
        if let (Some(own), Some(least)) = (
            cost(row),
            fewer.filter_map(cost).filter(|cost| !cost.is_zero()).min(),
        ) && own > least.mul_f64(FLAT)
        {
            miss(format!(
                "an advert costs the {role} no more than {FLAT} times as much as with fewer: {} and {} µs",
                micros(own),
                micros(least)
            ));
        }
    }
}

/// Holds a run of this project's own against the limits.
fn check(row: &Row, misses: &mut Vec<String>) {
    let Measured {
        load: [master, backup],
        crash,
        ..
    } = &row.worst;
    let mut miss = |what: &str, is: String| misses.push(format!("{}: {what}: {is}", row.work));
    if row.work.links > 1 {
        if master.cpu >= 0.05 {
            miss("under 5 % of a core as master", percent(*master));
        }
        if backup.cpu >= 0.03 {
            miss("under 3 % of a core as backup", percent(*backup));
        }
        for load in [master, backup] {
            if load.memory.resident >= 40_000_000 / 1024 {
                miss(
                    "under 40 MB resident",
                    format!("{} MiB", mebibytes(load.memory.resident)),
                );
            }
        }
    }
    let limit = Duration::from_millis(if row.work.links > 1 { 500 } else { 50 });
    if crash.lost > 0 {
        miss("all are taken over", format!("{} are not", crash.lost));
    }
    for (what, time) in [
        ("taken over", crash.taken_over),
        ("announced", crash.announced),
    ] {
        if time > limit {
            let within = format!("{what} within {} ms", limit.as_millis());
            miss(&within, format!("{} ms", millis(time)));
        }
    }
    for (when, late) in [
        ("at the start", row.worst.late_at_start),
        ("at rest", row.worst.late_at_rest),
        ("after a take-over", crash.late),
    ] {
        if late > LATE {
            let what = format!("no advert more than 20 ms late {when}");
            miss(&what, format!("{} ms", millis(late)));
        }
    }
}

fn percent(load: Load) -> String {
    format!("{:.2} %", load.cpu * 100.0)
}

fn mebibytes(kib: u64) -> String {
    let (whole, part) = (kib / 1024, kib % 1024 * 10 / 1024);
    format!("{whole}.{part}")
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

fn micros(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}

fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

const LATE: Duration = Duration::from_millis(20);
const FLAT: f64 = 1.25;

const HOW: &str = "\
Two nodes on one switch for each carpdev, every node a network namespace of its own; each virtual host has
an IPv4 address and advertises once a second. Shares are of one core, over all processes and threads of a
node, with what the kernel does in their name: the delivery of what a node sends, up to the sockets
of the other node, is in its own time, so nobody records meanwhile. `per advert`: what is
more than without any virtual host, divided by the adverts. Memory as master / as backup;
`proportional` divides what processes share among them. `start`: from the start of the program until
each virtual host was advertised once. `late`: how much longer than its interval the longest time
between two adverts of a virtual host was, as the switch saw them. `taken over`, `announced`: how long
after the master-down time, counted from the last advert of a master that died, the last virtual host
was advertised, and announced with gratuitous ARP, by the other node. Loads are medians of the runs, and
are held against the limits as such; times are the median and, in brackets, the worst of the runs, and it is the
worst that has to meet a limit. With 255 virtual hosts the loads are held against those of `keepalived` in the same
runs too: a third of its time, and less memory. `per advert` is held against the least of the same role with fewer
virtual hosts: no more than 1.25 times as much.";
