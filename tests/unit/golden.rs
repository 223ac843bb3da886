//! The data folder of a unit of an earlier version, which every later one has to open as it is.
//!
//! `tests/golden` has one for each version whose stores differ: a development ledger of one operator
//! with two shards, some blocks and snapshots, with the keys to go on with. None is ever replaced.

use std::{
    fs::{self, Permissions},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use flate2::read::GzDecoder;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};
use wayside::{
    ledger::{Bundle, Genesis},
    rpc::ledger::v1::ledger_service_client::LedgerServiceClient,
    serve::read_key,
};

use super::process::{Enrolled, outcome, read_genesis, reading, submit};
use crate::agent::process::{Agent, PATIENCE, wayside};

/// A copy of a folder that a unit left behind.
struct Golden {
    folder: TempDir,
    /// What was in it.
    expected: Value,
}

impl Golden {
    fn unpack(name: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
        let mut bytes = Vec::new();
        let packed = fs::File::open(archive.join(name)).unwrap();
        GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
        untar(&bytes, folder.path());
        let expected = fs::read(folder.path().join("expected.json")).unwrap();
        Self {
            expected: serde_json::from_slice(&expected).unwrap(),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What was in it, by its name.
    fn expected(&self, name: &str) -> &Value {
        self.expected.get(name).unwrap()
    }

    fn genesis(&self) -> Genesis {
        read_genesis(self.folder.path())
    }

    fn vehicle(&self) -> Enrolled {
        Enrolled {
            id: self.expected("vehicle").as_str().unwrap().parse().unwrap(),
            key: read_key(&self.path("keys/vehicle.key")).unwrap(),
        }
    }

    /// The command that runs a unit on the folder, or does something else with it.
    fn command(&self, arguments: &[&str]) -> Command {
        let config = self.path("unit.toml");
        let path = |name: &str| self.path(name).display().to_string();
        let text = format!(
            "version = \"v1\"\nprofile = [\"validator\", \"archive\"]\n\
             [identity]\ngenesis = {:?}\nvote_key = {:?}\n\
             [storage]\nfolder = {:?}\n[grpc]\nsocket = {:?}\n\
             [metrics]\naddress = \"127.0.0.1:0\"\n",
            path("genesis.toml"),
            path("keys/vote.key"),
            path("data"),
            path("unit.sock"),
        );
        fs::write(&config, text).unwrap();
        let mut command = wayside(&["unit"]);
        command.args(arguments).arg("--config").arg(config);
        command
    }

    async fn rebuild(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [&["rebuild-state"], arguments].concat();
        let output = finish(&mut self.command(&arguments)).await;
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    /// Holds what a unit on the folder says and proves against what was in it, then has it go on.
    async fn hold(&self, unit: &mut Agent) {
        let address = unit.address("grpc").to_owned();
        let ask = async |arguments: &[&str]| {
            let mut command = wayside(&["ledger"]);
            command.args(arguments).args(["--unit", &address]);
            finish(&mut command).await.stdout
        };
        let status: Value = serde_json::from_slice(&ask(&["status", "--json"]).await).unwrap();
        let shards = self.expected("shards").as_array().unwrap();
        for (was, is) in shards
            .iter()
            .zip(status.get("shards").unwrap().as_array().unwrap())
        {
            let height = |of: &Value| of.get("height").and_then(Value::as_u64);
            assert!(height(is) >= height(was), "{is}");
            let oldest = is.get("oldest_height").and_then(Value::as_u64);
            assert!(oldest <= Some(1), "{is}");
        }
        let vehicle = self.vehicle();
        let id = vehicle.id.to_string();
        let records = String::from_utf8(ask(&["list", &id]).await).unwrap();
        let known = self.expected("records").as_u64().unwrap();
        assert_eq!(records.lines().count(), usize::try_from(known).unwrap());
        let refused = self.expected("refused").as_str().unwrap();
        let last = records.lines().last().unwrap();
        assert!(
            last.contains(refused) && last.contains("odometer_decreased"),
            "{last}"
        );

        let mut client = LedgerServiceClient::new(unit.channel().await);
        let once = reading(&self.genesis(), &vehicle, 0, 1_000);
        assert!(outcome(&submit(&mut client, &once).await).applied);

        let bundle = self.path("car.wayside");
        ask(&["history", &id, "--out", bundle.to_str().unwrap()]).await;
        let bundle = Bundle::from_bytes(&fs::read(bundle).unwrap()).unwrap();
        let proven = bundle.verify(&self.genesis(), None).unwrap().records;
        assert_eq!(proven.len(), usize::try_from(known).unwrap() + 1);
        unit.signal(Signal::TERM);
        assert_eq!(unit.end().await, Some(0));
    }
}

#[tokio::test]
async fn data_folder_of_the_first_version_is_opened_and_goes_on() {
    let golden = Golden::unpack(FIRST);
    let mut unit = Agent::start(golden.command(&[])).await;
    golden.hold(&mut unit).await;
}

#[tokio::test]
async fn state_of_the_first_version_is_made_again_from_its_folder() {
    let golden = Golden::unpack(FIRST);
    for arguments in [&[][..], &["--from-genesis"]] {
        let rebuilt = golden.rebuild(arguments).await;
        let shards = golden.expected["shards"].as_array().unwrap();
        assert_eq!(rebuilt.len(), shards.len());
        for (was, is) in shards.iter().zip(&rebuilt) {
            for field in ["shard", "height", "state_root"] {
                assert_eq!(is[field], was[field], "{field}");
            }
            let from_genesis = !arguments.is_empty();
            assert_eq!(is["from"] == 0, from_genesis, "{is}");
        }
    }
    // The index is made again, too.
    assert!(!golden.path("data/index.redb").exists());
    let mut unit = Agent::start(golden.command(&[])).await;
    golden.hold(&mut unit).await;
}

async fn finish(command: &mut Command) -> Output {
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// Unpacks files of short names (POSIX.1-1988 `ustar`).
fn untar(mut archive: &[u8], folder: &Path) {
    let text = |field: &[u8]| {
        let end = field.iter().position(|byte| *byte == 0);
        let (text, _) = field.split_at(end.unwrap_or(field.len()));
        std::str::from_utf8(text).unwrap().trim().to_owned()
    };
    while let Some((header, rest)) = archive.split_first_chunk::<BLOCK>() {
        let name = text(&header[..100]);
        if name.is_empty() {
            return;
        }
        let prefix = text(&header[345..500]);
        let length = usize::from_str_radix(&text(&header[124..136]), 8).unwrap();
        let path = folder.join(prefix).join(name);
        match header[156] {
            b'5' => fs::create_dir_all(path).unwrap(),
            b'0' => {
                fs::write(&path, rest.get(..length).unwrap()).unwrap();
                // Keys are read only if nobody else can read them.
                fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
            }
            kind => panic!("an entry of kind {kind}"),
        }
        archive = rest.get(length.next_multiple_of(BLOCK)..).unwrap();
    }
}

const BLOCK: usize = 512;
const FIRST: &str = "unit-0.1.0.tar.gz";
