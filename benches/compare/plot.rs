//! A picture as SVG: for each amount of work a panel, in it a curve for each contender that tells
//! which share of the addresses was answered how long after the crash.

use std::fmt::Write as _;
use std::time::Duration;

use crate::figures::steps;

/// What is drawn into one coordinate system.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) curves: Vec<Curve>,
}

/// One contender.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) answered: Vec<Duration>,
    /// How many addresses there were, answered or not.
    pub(crate) count: usize,
}

/// The whole file. It is read on a light and on a dark page.
pub(crate) fn svg(panels: &[Panel]) -> String {
    let all = || panels.iter().flat_map(|panel| &panel.curves);
    let values = || all().flat_map(|curve| &curve.answered);
    let first = values().min().map_or(0, Duration::as_secs);
    let last = values().max().map_or(0, |last| last.as_secs() + 1);
    let axis = Axis {
        first,
        seconds: u32::try_from(last - first).unwrap_or(u32::MAX).max(1),
    };
    let count = u32::try_from(panels.len()).unwrap_or(u32::MAX);
    let height = TOP + count * PANEL;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>From the crash of the master to the first answer</title>\n{STYLE}\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    let mut names: Vec<&str> = Vec::new();
    for curve in all() {
        if !names.contains(&curve.name) {
            names.push(curve.name);
        }
    }
    legend(&mut text, &names);
    for (number, panel) in (0..).zip(panels) {
        draw(&mut text, panel, &names, axis, TOP + number * PANEL);
    }
    let middle = LEFT + PLOT / 2;
    put(
        &mut text,
        format_args!(
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">seconds from the crash of the master \
         until an address is answered again</text>\n</svg>\n",
            height - 18
        ),
    );
    text
}

/// Which times are shown.
#[derive(Clone, Copy, Debug)]
struct Axis {
    first: u64,
    seconds: u32,
}

fn legend(text: &mut String, names: &[&str]) {
    for (number, name) in (0_u32..).zip(names) {
        let x = LEFT + number * ENTRY;
        put(
            text,
            format_args!(
                "<path class=\"c{number}\" d=\"M{x} 16h24\"/>\n\
             <text x=\"{}\" y=\"20\">{name}</text>\n",
                x + 30
            ),
        );
    }
}

fn draw(text: &mut String, panel: &Panel, names: &[&str], axis: Axis, top: u32) {
    let (base, right) = (top + CURVES, LEFT + PLOT);
    put(
        text,
        format_args!(
            "<text class=\"title\" x=\"{LEFT}\" y=\"{}\">{}</text>\n",
            top - 8,
            panel.title
        ),
    );
    for percent in [0, 50, 100] {
        let y = base - CURVES * percent / 100;
        put(
            text,
            format_args!(
                "<path class=\"grid\" d=\"M{LEFT} {y}H{right}\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{percent} %</text>\n",
                LEFT - 6,
                y + 4
            ),
        );
    }
    let each = axis.seconds.div_ceil(MOST_MARKS);
    for second in (0..=axis.seconds).filter(|second| second % each == 0) {
        let x = LEFT + PLOT * second / axis.seconds;
        put(
            text,
            format_args!(
                "<path class=\"grid\" d=\"M{x} {top}V{base}\"/>\n\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                base + 16,
                axis.first + u64::from(second)
            ),
        );
    }
    let width = Duration::from_secs(1) * axis.seconds / PLOT;
    let from = Duration::from_secs(axis.first);
    for curve in &panel.curves {
        let class = names.iter().position(|name| *name == curve.name);
        let mut path = format!("M{LEFT} {base}");
        for (column, share) in steps(&curve.answered, curve.count, from, width) {
            let y = f64::from(base) - f64::from(CURVES) * share;
            put(
                &mut path,
                format_args!("H{}V{y:.1}", LEFT + column.min(PLOT)),
            );
        }
        put(
            text,
            format_args!(
                "<path class=\"c{}\" d=\"{path}H{right}\"/>\n",
                class.unwrap_or_default()
            ),
        );
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = text.write_fmt(what);
}

const WIDTH: u32 = 760;
const LEFT: u32 = 60;
/// How wide the curves are.
const PLOT: u32 = 680;
/// How high they are.
const CURVES: u32 = 120;
/// From the top of one panel to that of the next.
const PANEL: u32 = 180;
const TOP: u32 = 64;
/// How wide an entry of the legend is.
const ENTRY: u32 = 138;
/// So many seconds are marked on the axis at most.
const MOST_MARKS: u32 = 15;

const STYLE: &str = "\
<style>
  text { font: 12px sans-serif; fill: #1f2328 }
  .title { font-weight: bold }
  .page { fill: #ffffff }
  path { fill: none; stroke-width: 2 }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .c0 { stroke: #0550ae; stroke-width: 3 }
  .c1 { stroke: #1a7f37; stroke-width: 3 }
  .c2 { stroke: #bc4c00; stroke-dasharray: 2 3 }
  .c3 { stroke: #8250df; stroke-dasharray: 7 3 }
  .c4 { stroke: #bf3989; stroke-dasharray: 9 3 2 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .page { fill: #0d1117 }
    .grid { stroke: #3d444d }
    .c0 { stroke: #58a6ff }
    .c1 { stroke: #3fb950 }
    .c2 { stroke: #f0883e }
    .c3 { stroke: #bc8cff }
    .c4 { stroke: #f778ba }
  }
</style>
";
