use proptest::prelude::*;

use super::*;

/// The lines of `text`, each with its number and its words in brackets.
fn read(text: &str) -> Vec<String> {
    let lines = lines(text.as_bytes()).unwrap();
    let lines = lines.iter().map(|line| match line {
        Line::Words(words) => {
            let words = words.iter().map(|word| {
                let text = String::from_utf8_lossy(&word.text);
                format!("{}[{text}]", word.line)
            });
            words.collect::<Vec<_>>().join(" ")
        }
        Line::Command(command) => {
            format!("{}!{}", command.line, command.text.to_string_lossy())
        }
    });
    lines.collect()
}

#[test]
fn words_stand_between_blanks_and_know_their_line() {
    assert_eq!(
        read("vhid 99\tadvskew  100 \n\n  up"),
        ["1[vhid] 1[99] 1[advskew] 1[100]", "3[up]"]
    );
    assert_eq!(read("up\r\ndown\r\n"), ["1[up]", "2[down]"]);
    assert!(read("").is_empty());
    assert!(read(" \n\t\n").is_empty());
}

#[test]
fn comments_begin_where_words_do() {
    assert_eq!(
        read("# all of it\nvhid 1 # the rest\n\t# so too\npass a#b up"),
        ["2[vhid] 2[1]", "4[pass] 4[a#b] 4[up]"]
    );
    assert_eq!(read("pass \\#a pass '#a'"), ["1[pass] 1[#a] 1[pass] 1[#a]"]);
}

#[test]
fn lines_that_end_in_a_backslash_go_on() {
    assert_eq!(
        read("vhid 1 \\\n  advskew \\\r\n 100\nup"),
        ["1[vhid] 1[1] 2[advskew] 3[100]", "4[up]"]
    );
    assert_eq!(read("adv\\\nskew"), ["1[advskew]"]);
    assert_eq!(read("# comment \\\n up\ndown"), ["3[down]"]);
    // The first one quotes the second.
    assert_eq!(read("pass a\\\\\nup"), ["1[pass] 1[a\\]", "2[up]"]);
    assert_eq!(read("up \\"), ["1[up] 1[\\]"]);
}

#[test]
fn blanks_behind_a_backslash_at_the_end_of_a_line_are_named() {
    for text in [
        "up\nvhid 1 \\ \n advskew 7\n",
        "up\ncarpdev vmx0\\\t \r\nup",
        "\nup \\  ",
    ] {
        let error = lines(text.as_bytes()).unwrap_err();
        assert_eq!(error.line, 2, "{text:?}");
        assert_eq!(
            error.problem,
            "`\\': blanks stand behind it, up to the end of the line: remove them, so that the line \
             goes on, or write them in quotes"
        );
    }
    // Where nothing goes on, nothing is wrong.
    assert_eq!(
        read("up # x \\ \n!echo \\ \npass 'a\\ '\ndescr a\\ # b"),
        [
            "1[up]",
            "2!echo \\",
            "3[pass] 3[a\\ ]",
            "4[descr] 4[a #] 4[b]"
        ]
    );
}

#[test]
fn quotes_are_those_of_a_shell() {
    assert_eq!(
        read(r#"description "my cluster" pass 'a"b'c"d'e" "" x"\"\\\n$y""#),
        [r#"1[description] 1[my cluster] 1[pass] 1[a"bcd'e] 1[] 1[x"\\n$y]"#]
    );
    assert_eq!(read(r"a\ b '\'"), [r"1[a b] 1[\]"]);
    assert_eq!(read("\"a\\\nb\""), ["1[ab]"]);
    for text in ["up\npass \"secret\nup", "up\npass 'secret", "\nx\"secret\\"] {
        let error = lines(text.as_bytes()).unwrap_err();
        assert_eq!(error.line, 2, "{text}");
        assert!(error.problem.ends_with("the quote has no end on its line"));
    }
}

#[test]
fn commands_are_left_to_a_shell() {
    assert_eq!(
        read("up\n!route add -net \"10.0.0.0\" 'x # y' \\\n  \\$if\n ! echo \\\\ "),
        [
            "1[up]",
            "2!route add -net \"10.0.0.0\" 'x # y'   \\$if",
            "4!echo \\\\"
        ]
    );
    assert_eq!(read("echo !"), ["1[echo] 1[!]"]);
}

#[test]
fn no_word_shows() {
    let shown = format!("{:?}", lines(b"pass SharedSecret").unwrap());
    assert!(
        !shown.contains("Shared") && shown.contains("line 1"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..256)) {
        let count = text.iter().filter(|byte| **byte == b'\n').count() + 1;
        match lines(&text) {
            Ok(lines) => for line in lines {
                match line {
                    Line::Words(words) => {
                        prop_assert!(!words.is_empty());
                        prop_assert!(words.iter().all(|word| (1..=count).contains(&word.line)));
                    }
                    Line::Command(command) => {
                        prop_assert!((1..=count).contains(&command.line));
                    }
                }
            },
            Err(error) => prop_assert!((1..=count).contains(&error.line)),
        }
    }

    #[test]
    fn what_a_shell_would_read_is_read(
        words in proptest::collection::vec("[^\0\n]{0,12}", 1..6)
    ) {
        let quoted = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''")));
        let line = format!("x {}\n", quoted.collect::<Vec<_>>().join(" "));
        let expected = format!("1[x] {}", words.iter().map(|word| format!("1[{word}]"))
            .collect::<Vec<_>>().join(" "));
        prop_assert_eq!(read(&line), [expected]);
    }
}
