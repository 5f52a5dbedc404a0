//! Text in the language of manual pages, mdoc(7).

/// `text`, in which words of the command line stand in `quotes' or, as in Markdown, between two
/// backquotes, as lines of mdoc: each sentence begins one, each quoted word is a macro.
pub(super) fn prose(text: &str) -> String {
    let mut page = String::new();
    let mut rest = text;
    loop {
        let (before, quoted) = match rest.split_once('`') {
            Some((before, quoted)) => (before, Some(quoted)),
            None => (rest, None),
        };
        page.push_str(&sentences(before));
        let Some(quoted) = quoted else { break };
        let (word, behind) = quoted.split_once(['\'', '`']).unwrap_or((quoted, ""));
        // What touches the word stays with it.
        let touching = behind.find(char::is_whitespace).unwrap_or(behind.len());
        let (touching, behind) = behind.split_at_checked(touching).unwrap_or((behind, ""));
        let opening = page.ends_with('(');
        if opening {
            page.pop();
        }
        let open = if opening { "( " } else { "" };
        begin_line(&mut page);
        page.push_str(&format!(".Ql {open}{}", argument(word)));
        for mark in touching.chars() {
            // Punctuation is an argument of its own.
            page.push_str(&format!(" {mark}"));
        }
        page.push('\n');
        rest = behind.trim_start();
    }
    begin_line(&mut page);
    page
}

/// `text` as a whole sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let text: String = first.into_iter().chain(letters).collect();
    prose(&format!("{text}."))
}

/// The text below the help of a command: paragraphs, tables whose rows are indented by two
/// columns, and lines that stand as they are, indented likewise.
pub(super) fn below(text: &str) -> String {
    let blocks = text.trim().split("\n\n").map(|block| {
        let lines: Vec<&str> = block.lines().collect();
        let is_row = |line: &&str| line.starts_with("  ");
        let parts = lines.chunk_by(|one, next| is_row(one) == is_row(next));
        let parts = parts.map(|part| match part.first().is_some_and(is_row) {
            true => table(part),
            false => format!(".Pp\n{}", prose(&joined(part))),
        });
        parts.collect::<String>()
    });
    blocks.collect()
}

/// Lines as a single one. A path that goes on in the next line is one word again.
fn joined(lines: &[&str]) -> String {
    lines.iter().fold(String::new(), |text, line| {
        let is_whole = text.is_empty() || text.ends_with('/') && !text.ends_with(" /");
        let space = if is_whole { "" } else { " " };
        format!("{text}{space}{line}")
    })
}

/// Rows `  left   right`, the right side of which may go on below itself; without a right side,
/// lines that stand as they are. The right side is told as it stands: it may be names in which
/// capitals count.
fn table(rows: &[&str]) -> String {
    let mut entries: Vec<(String, String)> = Vec::new();
    for row in rows {
        let row = row.strip_prefix("  ").unwrap_or(row);
        match entries.last_mut().filter(|_| row.starts_with(' ')) {
            Some((_, right)) => right.push_str(&format!(" {}", row.trim())),
            None => {
                let (left, right) = row.split_once("  ").unwrap_or((row, ""));
                entries.push((left.to_owned(), right.trim().to_owned()));
            }
        }
    }
    if entries.iter().all(|(_, right)| right.is_empty()) {
        let lines: Vec<&str> = entries.iter().map(|(left, _)| left.as_str()).collect();
        return literal(&lines.join("\n"));
    }
    list(
        entries
            .into_iter()
            .map(|(left, right)| (usage(&left), prose(&right))),
    )
}

/// A list of things, each with a title in mdoc.
pub(super) fn list(entries: impl IntoIterator<Item = (String, String)>) -> String {
    let entries = entries
        .into_iter()
        .map(|(title, text)| format!(".It {}\n{text}", title.replace('\n', " ")));
    format!(".Bl -tag -width Ds\n{}.El\n", entries.collect::<String>())
}

/// `text` as it stands, each line of it.
fn literal(text: &str) -> String {
    let lines = text.trim_end().lines();
    let lines: String = lines.map(|line| format!("{}\n", escaped(line))).collect();
    format!(".Bd -literal\n{lines}.Ed\n")
}

/// How something is used, such as `vhid N` or `state master|backup`: what is said as it stands is
/// bold, what stands for something else, in capitals, underlined.
pub(super) fn usage(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let mut page = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_in_part = is_part(first);
        let end = rest.find(|letter| is_part(letter) != is_in_part);
        let (part, behind) = rest
            .split_at_checked(end.unwrap_or(rest.len()))
            .unwrap_or((rest, ""));
        let stands_for = part.chars().any(|it| it.is_ascii_uppercase())
            && !part.chars().any(|it| it.is_ascii_lowercase());
        let font = match (is_in_part && part != "...", stands_for) {
            (true, true) => 'I',
            (true, false) => 'B',
            (false, _) => 'R',
        };
        let part = part.replace('\\', "\\e").replace('-', "\\-");
        if font == 'R' {
            page.push_str(&part);
        } else {
            page.push_str(&format!("\\f{font}{part}\\fR"));
        }
        rest = behind;
    }
    format!("\\&{page}")
}

/// A line of text that begins no macro.
pub(super) fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) {
        return format!("\\&{line}");
    }
    line
}

/// Lines of text, each beginning with a sentence.
fn sentences(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.replace(". ", ".\n");
    let lines: Vec<String> = text.lines().map(plain).collect();
    let mut page = lines.join("\n");
    if !page.is_empty() && page.ends_with(['.', ':', ';', ',']) {
        page.push('\n');
    }
    page
}

/// A line of prose: its hyphens are hyphens.
fn plain(line: &str) -> String {
    let line = line.replace('\\', "\\e");
    if line.starts_with(['.', '\'']) {
        return format!("\\&{line}");
    }
    line
}

fn begin_line(page: &mut String) {
    page.truncate(page.trim_end_matches(' ').len());
    if !page.is_empty() && !page.ends_with('\n') {
        page.push('\n');
    }
}

/// A single argument of a macro, which is none itself.
fn argument(word: &str) -> String {
    let word = escaped(word).replace('"', "\\(dq");
    let is_macro = |part: &str| matches!(part.len(), 2 | 3) && part.starts_with(char::is_uppercase);
    let is_mark = |word: &str| word.len() == 1 && !word.starts_with(char::is_alphanumeric);
    let guard = if is_macro(&word) || is_mark(&word) {
        "\\&"
    } else {
        ""
    };
    if word.contains(' ') {
        return format!("\"{guard}{word}\"");
    }
    format!("{guard}{word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_are_macros() {
        assert_eq!(
            prose("It is `up', or (`-alias') none. See `state master' too."),
            "It is\n.Ql up ,\nor\n.Ql ( \\-alias )\nnone.\nSee\n.Ql \"state master\"\ntoo.\n"
        );
        assert_eq!(prose("`a` and\n`b`"), ".Ql a\nand\n.Ql b\n");
    }

    #[test]
    fn usage_tells_what_is_typed_from_what_it_stands_for() {
        assert_eq!(
            usage("-group NAME|x"),
            "\\&\\fB\\-group\\fR \\fINAME\\fR|\\fBx\\fR"
        );
    }

    #[test]
    fn tables_end_with_their_last_row_and_stand_as_they_are() {
        let text = "Facts:\n  one    from, to\n  two    reason,\n         source\n\
                    and none: gone (itself),\ncame.";
        assert_eq!(
            below(text),
            ".Pp\nFacts:\n.Bl -tag -width Ds\n\
             .It \\&\\fBone\\fR\nfrom, to\n.It \\&\\fBtwo\\fR\nreason, source\n.El\n\
             .Pp\nand none: gone (itself), came.\n"
        );
    }

    #[test]
    fn paths_are_whole() {
        assert_eq!(
            below("It is /etc/carpctl/\nhostname.carp0 or\n/etc."),
            ".Pp\nIt is /etc/carpctl/hostname.carp0 or /etc.\n"
        );
    }

    #[test]
    fn nothing_becomes_a_macro_by_accident() {
        assert_eq!(prose("So. .Sh it is"), "So.\n\\&.Sh it is\n");
        assert_eq!(
            literal(".Ed\n'x\\"),
            ".Bd -literal\n\\&.Ed\n\\&'x\\e\n.Ed\n"
        );
    }
}
