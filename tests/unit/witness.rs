use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use tempfile::TempDir;
use tokio::time::timeout;

use super::process::{Alone, Enrolled, command, reading, submit};
use crate::agent::process::{Agent, PATIENCE, wayside};

/// A witness, and whoever relies on it.
struct Club {
    folder: TempDir,
    vkey: String,
}

impl Club {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let key = folder.path().join("witness.key");
        let mut made = wayside(&["witness", "key", "new", "--name", "club.example"]);
        made.arg(key);
        let vkey = succeeded(&output(&mut made).await);
        Self {
            folder,
            vkey: vkey.trim().to_owned(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A unit of its own that hands out the club's signatures.
    async fn unit(&self) -> Alone {
        let folder = TempDir::new().unwrap();
        let process = self.start(folder.path()).await;
        Alone { folder, process }
    }

    async fn start(&self, folder: &Path) -> Agent {
        let mut command = command(folder);
        let keys = format!("[{:?}]", self.vkey);
        Agent::start({
            command.env("WAYSIDE__WITNESSES__KEYS", keys);
            command
        })
        .await
    }

    /// Looks at a unit once.
    async fn look(&self, unit: &Alone) -> Output {
        let mut run = wayside(&["witness", "run", "--once", "--name", "club.example"]);
        run.args(["--unit", unit.process.address("grpc")])
            .arg("--key")
            .arg(self.path("witness.key"))
            .arg("--state")
            .arg(self.path("state"))
            .arg("--genesis")
            .arg(unit.domain().join("genesis.toml"));
        output(&mut run).await
    }

    /// Has a unit write something to a file.
    async fn fetch(&self, unit: &Alone, what: &[&str], name: &str) -> Output {
        let mut fetch = wayside(&["ledger"]);
        fetch
            .args(what)
            .args(["--unit", unit.process.address("grpc"), "--out"])
            .arg(self.path(name));
        output(&mut fetch).await
    }

    /// A vehicle's history, tied to the cosigned checkpoint.
    async fn history(&self, unit: &Alone, vehicle: &Enrolled, name: &str) {
        let (id, checkpoint) = (vehicle.id.to_string(), self.path("cosigned"));
        let checkpoint = checkpoint.display().to_string();
        let history = ["history", &id, "--checkpoint", &checkpoint];
        succeeded(&self.fetch(unit, &history, name).await);
    }

    /// What `wayside verify` says of a history, held against a checkpoint that a witness signed.
    async fn verify(
        &self,
        unit: &Alone,
        bundle: &str,
        checkpoint: &str,
        vkey: &str,
    ) -> (i32, String) {
        let mut verify = wayside(&["verify", "--witness", vkey]);
        verify
            .arg(self.path(bundle))
            .arg("--genesis")
            .arg(unit.domain().join("genesis.toml"))
            .arg("--checkpoint")
            .arg(self.path(checkpoint));
        let output = output(&mut verify).await;
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code().unwrap(), said)
    }
}

async fn output(command: &mut tokio::process::Command) -> Output {
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(both).unwrap()
}

#[tokio::test]
async fn what_a_witness_signed_anchors_a_history() {
    let club = Club::new().await;
    let unit = club.unit().await;
    let vehicle = unit.enrol().await;
    let early = club
        .fetch(&unit, &["checkpoint", "--cosigned"], "early")
        .await;
    assert!(said(&early).contains("NOT_COSIGNED"), "{early:?}");

    let signed = succeeded(&club.look(&unit).await);
    assert_eq!(signed.matches(r#""event":"signed""#).count(), 2, "{signed}");
    // What was signed before is known after a restart.
    succeeded(&club.look(&unit).await);
    succeeded(
        &club
            .fetch(&unit, &["checkpoint", "--cosigned"], "cosigned")
            .await,
    );
    succeeded(&club.fetch(&unit, &["checkpoint"], "plain").await);
    club.history(&unit, &vehicle, "bundle").await;

    let (code, words) = club.verify(&unit, "bundle", "cosigned", &club.vkey).await;
    assert_eq!(code, 0, "{words}");
    let stranger = Club::new().await.vkey;
    let (code, words) = club.verify(&unit, "bundle", "cosigned", &stranger).await;
    assert_eq!(code, 1);
    assert!(words.contains("0 of the 1 witnesses signed"), "{words}");
    let (code, words) = club.verify(&unit, "bundle", "plain", &club.vkey).await;
    assert_eq!(code, 1);
    assert!(words.contains("no witness has signed it"), "{words}");
}

#[tokio::test]
async fn l18_a_second_past_is_not_signed_and_not_believed() {
    let club = Club::new().await;
    let unit = club.unit().await;
    unit.enrol().await;
    succeeded(&club.look(&unit).await);
    succeeded(
        &club
            .fetch(&unit, &["checkpoint", "--cosigned"], "cosigned")
            .await,
    );

    // The same operators begin again, and show somebody else what comes of that.
    let second = TempDir::new().unwrap();
    let domain = second.path().join("data/development");
    copy(&unit.domain(), &domain);
    let process = club.start(second.path()).await;
    let liar = Alone {
        folder: second,
        process,
    };
    let vehicle = liar.enrol().await;
    let genesis = liar.genesis();
    assert_eq!(genesis.chain(), unit.genesis().chain());
    let mut client = liar.client().await;
    for nonce in 0..4 {
        submit(&mut client, &reading(&genesis, &vehicle, nonce, 10)).await;
    }

    let looked = club.look(&liar).await;
    assert!(!looked.status.success(), "{looked:?}");
    assert!(
        said(&looked).contains(r#""event":"contradiction""#),
        "{looked:?}"
    );
    let kept = fs::read_dir(club.path("state")).unwrap();
    let kept = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(
        kept.into_iter()
            .any(|name| name.starts_with("contradiction-"))
    );
    // No cosignature is found there, and the history does not stand with the one that there is.
    let split = club
        .fetch(&liar, &["checkpoint", "--cosigned"], "split")
        .await;
    assert!(said(&split).contains("NOT_COSIGNED"), "{split:?}");
    club.history(&liar, &vehicle, "bundle").await;
    let (code, words) = club.verify(&liar, "bundle", "cosigned", &club.vkey).await;
    assert_eq!(code, 1);
    assert!(
        words.contains("the checkpoint shows another past"),
        "{words}"
    );
    // The first past is still signed.
    succeeded(&club.look(&unit).await);
}

#[tokio::test]
async fn a_witness_does_not_begin_again_where_its_notes_were_damaged() {
    let club = Club::new().await;
    let unit = club.unit().await;
    succeeded(&club.look(&unit).await);
    let note = club.path("state/shard-0.note");
    let text = fs::read_to_string(&note).unwrap();
    fs::write(&note, text.replace('\n', "\n0")).unwrap();

    let looked = club.look(&unit).await;

    assert!(!looked.status.success());
    assert!(
        said(&looked).contains("is no note that club.example signed"),
        "{looked:?}"
    );
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
