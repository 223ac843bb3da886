use std::{fs, path::Path};

use crate::agent::process::{refused, wayside};

#[tokio::test]
async fn container_files_start_and_check_what_there_is() {
    for (file, socket, config) in [
        ("vehicle-agent", "agent.sock", "vehicle-agent.toml"),
        ("roadside-unit", "unit.sock", "roadside-unit.toml"),
    ] {
        let text = read(&format!("{file}/deploy/Containerfile"));
        let [check, usual] = words_after(&text, "CMD [").try_into().unwrap();
        let [started] = words_after(&text, "ENTRYPOINT [").try_into().unwrap();
        let start = [started, usual].concat();

        // Not at the places that the files name: a daemon may run there.
        let unheard = refused(command(&check, "unix:/nonexistent/socket")).await;
        let unread = refused(command(&start, "/nonexistent/file.toml")).await;

        let endpoint = format!("unix:/run/wayside/{socket}");
        assert_eq!(check.last(), Some(&endpoint));
        assert!(
            unheard.contains("nobody answers at unix:/nonexistent/socket"),
            "{unheard}"
        );
        let path = format!("/etc/wayside/{config}");
        assert_eq!(start.last(), Some(&path));
        assert!(
            unread.contains("cannot read configuration file /nonexistent"),
            "{unread}"
        );
    }
}

/// The words of each list that begins so.
fn words_after(text: &str, begin: &str) -> Vec<Vec<String>> {
    let lists = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(begin));
    let list = |line: &str| serde_json::from_str(&format!("[{line}")).unwrap();
    lists.map(list).collect()
}

/// The command of these words, of which the first may be the program, with another last one.
fn command(words: &[String], last: &str) -> tokio::process::Command {
    let (_, words) = words.split_last().unwrap();
    let words = words.iter().map(String::as_str);
    let words = words.filter(|word| *word != "/usr/local/bin/wayside");
    let words: Vec<&str> = words.chain([last]).collect();
    wayside(&words)
}

fn read(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(file)).unwrap()
}
