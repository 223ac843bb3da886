use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use serde_json::Value;

use super::process::{Pki, refused, wayside};

#[tokio::test]
async fn everything_made_is_told_apart_by_inspection() {
    let pki = Pki::new(1).await;
    let ticket = tickets(&pki).remove(0);
    for (file, kind) in [
        (pki.path("trust-domain.toml"), "trust domain"),
        (ticket, "ticket"),
    ] {
        let found = inspect(&file).await;
        let named = found.get("kind").and_then(Value::as_str).unwrap();
        assert!(named.starts_with(kind), "{found}");
    }
    let domain = inspect(&pki.path("trust-domain.toml")).await;
    assert_eq!(domain.get("development"), Some(&Value::Bool(true)));
}

#[tokio::test]
async fn private_keys_are_private_and_never_shown() {
    let pki = Pki::new(1).await;
    let mut keys = tickets(&pki);
    keys.extend(
        ["issuer.key", "vehicle-1/enrolment.key", "tls/server.key"].map(|key| pki.path(key)),
    );
    for key in keys {
        assert_eq!(
            fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let ticket = tickets(&pki).remove(0);
    let text = fs::read_to_string(&ticket).unwrap();
    let key = text.lines().find(|line| line.starts_with("key")).unwrap();
    let key = key.split('"').nth(1).unwrap();
    assert!(!inspect(&ticket).await.to_string().contains(key));
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let pki = Pki::new(1).await;
    let mut again = wayside(&["pki", "init", "--out"]);
    again.arg(pki.path(""));
    assert!(refused(again).await.contains("nothing is overwritten"));

    let mut enrolled = wayside(&["pki", "enrol", "vehicle-1", "--domain"]);
    enrolled.arg(pki.path(""));
    assert!(refused(enrolled).await.contains("nothing is overwritten"));

    let mut issued = wayside(&["pki", "issue", "vehicle-1", "--slots", "1", "--domain"]);
    issued.arg(pki.path(""));
    assert!(refused(issued).await.contains("slot-"));
}

#[tokio::test]
async fn g9_names_cannot_leave_the_folder() {
    let pki = Pki::new(1).await;
    for name in ["../outside", "/tmp/outside", "", "a\nb", "tls"] {
        let mut enrolled = wayside(&["pki", "enrol", "--domain"]);
        enrolled.arg(pki.path("")).args(["--", name]);

        assert!(refused(enrolled).await.contains("is no name for a vehicle"));
    }
}

async fn inspect(file: &PathBuf) -> Value {
    let output = wayside(&["pki", "inspect", "--json"])
        .arg(file)
        .output()
        .await
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn tickets(pki: &Pki) -> Vec<PathBuf> {
    let entries = fs::read_dir(pki.path("vehicle-1/tickets")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
