//! Frozen formats: what was once written must be read, and mean the same, for ever.

use std::{fmt::Write as _, fs, path::Path};

use super::{epochs, issuing, misbehaviour, samples};
use crate::{
    crypto::Digest,
    id::ShardId,
    ledger::{
        Bundle, Checkpoint, Committees, CosignedCheckpoint, Genesis, Handover, HistoryHead,
        IssuingProof, List, Peaks, Proof, Proposal, RevocationList, RevocationUpdate, Role, Rule,
        Snapshot, State, Tree, Vote, Witnesses,
        sample_chain::{HOME, shards},
        sample_note::note_key,
        vote_namespace,
    },
};

/// Every file under `golden/`, with the bytes that this version makes.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let (manifest, chunk) = samples::snapshot();
    vec![
        ("genesis.toml", samples::first().to_toml().into_bytes()),
        ("genesis.bin", samples::first().to_bytes()),
        ("transaction.bin", samples::transaction().to_bytes()),
        ("block.bin", samples::block().to_bytes()),
        (
            "finalized_header.bin",
            borsh::to_vec(&samples::finalized()).unwrap(),
        ),
        (
            "misconduct.bin",
            borsh::to_vec(&samples::misconduct()).unwrap(),
        ),
        ("entry.proof", samples::entry_proof().to_bytes()),
        ("state.proof", samples::state_proof().to_bytes()),
        ("receipt.proof", samples::receipt_proof().to_bytes()),
        ("history.wayside", samples::bundle().to_bytes()),
        ("checkpoint.bin", samples::recent().to_bytes()),
        ("cosigned_checkpoint.bin", samples::cosigned().to_bytes()),
        ("shown_head.bin", samples::shown().to_bytes()),
        ("snapshot_manifest.bin", manifest.to_bytes()),
        ("snapshot_chunk.bin", chunk),
        ("committee_change.bin", epochs::change().to_bytes()),
        (
            "committee_state.bin",
            borsh::to_vec(&epochs::entries()).unwrap(),
        ),
        (
            "committee_receipts.bin",
            borsh::to_vec(&epochs::receipts()).unwrap(),
        ),
        ("handover.bin", epochs::handover().to_bytes()),
        (
            "issuing_actions.bin",
            borsh::to_vec(&issuing::actions()).unwrap(),
        ),
        (
            "issuing_state.bin",
            borsh::to_vec(&issuing::entries()).unwrap(),
        ),
        (
            "issuing_receipts.bin",
            borsh::to_vec(&issuing::receipts()).unwrap(),
        ),
        ("issuing.proof", issuing::proof().to_bytes()),
        ("revocations.bin", issuing::update().to_bytes()),
        (
            "misbehaviour_actions.bin",
            borsh::to_vec(&misbehaviour::actions()).unwrap(),
        ),
        (
            "misbehaviour_state.bin",
            borsh::to_vec(&misbehaviour::entries()).unwrap(),
        ),
        ("digests.txt", digests().into_bytes()),
        ("codes.txt", codes().into_bytes()),
    ]
}

/// What has no file of its own: roots, digests, and the bytes that are signed.
fn digests() -> String {
    let mut text = String::new();
    let mut line = |name: &str, bytes: &[u8]| {
        write!(text, "{name} ").unwrap();
        bytes
            .iter()
            .try_for_each(|byte| write!(text, "{byte:02x}"))
            .unwrap();
        text.push('\n');
    };
    let (genesis, transaction) = (samples::first(), samples::transaction());
    let header = samples::finalized().header;
    line("chain id", genesis.chain().as_bytes());
    line("transaction id", transaction.id().digest().as_bytes());
    line(
        "transaction as signed",
        &transaction.transaction.to_signed_bytes(),
    );
    line("header", header.digest().as_bytes());
    for (index, entry) in samples::block().entries.iter().enumerate() {
        line(&format!("entry {index}"), entry.digest().as_bytes());
        line(&format!("entry {index} applied"), entry.leaf(0).as_bytes());
        line(&format!("entry {index} refused"), entry.leaf(7).as_bytes());
    }
    let leaves = [1, 2, 3, 4, 5].map(|number| Digest::from_bytes([number; 32]));
    for count in [0, 1, 2, 5] {
        for (name, list) in [
            ("entries", List::Entries),
            ("receipts", List::Receipts),
            ("history", List::History),
            ("snapshot", List::Snapshot),
        ] {
            let root = list.root(leaves[..count].iter().copied());
            line(&format!("list of {count} {name}"), root.as_bytes());
        }
    }
    let mut peaks = Peaks::default();
    leaves.into_iter().for_each(|leaf| peaks.append(leaf));
    line("peaks of 5", &borsh::to_vec(&peaks).unwrap());
    for count in [0, 1, 2, 100] {
        let numbers = (0..count).map(|key: u32| (key, Some(u64::from(key))));
        let tree = Tree::new().apply(numbers.collect());
        line(&format!("state of {count}"), tree.root().as_bytes());
        line(
            &format!("snapshot of {count}"),
            tree.snapshot_root().as_bytes(),
        );
    }
    let head = HistoryHead::EMPTY.after(leaves[0], 0).after(leaves[1], 7);
    line("history head", head.digest.as_bytes());
    let proposal = Proposal {
        epoch: 1,
        view: 300,
        parent_view: 128,
        payload: leaves[0],
    };
    let vote = |vote: Vote| vote.to_signed_bytes(genesis.chain(), ShardId(300));
    line("vote to notarize", &vote(Vote::Notarize(proposal)));
    line("vote to finalize", &vote(Vote::Finalize(proposal)));
    line(
        "vote to nullify",
        &vote(Vote::Nullify {
            epoch: 1,
            view: 300,
        }),
    );
    for (number, leaf) in issuing::leaves() {
        line(&format!("revocation {number}"), leaf.as_bytes());
    }
    line("namespace", &vote_namespace(genesis.chain(), HOME));
    text
}

/// The numbers by which roles and rules stand on the ledger.
fn codes() -> String {
    let mut text = String::new();
    for role in Role::ALL {
        let code = borsh::to_vec(&role).unwrap();
        writeln!(text, "role {code:?} {role}").unwrap();
    }
    for rule in Rule::ALL {
        writeln!(text, "rule {} {}", rule.code(), rule.name()).unwrap();
    }
    text
}

fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/golden");
    fs::read(folder.join(name)).unwrap_or_default()
}

#[test]
fn a_frozen_format_does_not_change() {
    let changed: Vec<_> = files()
        .into_iter()
        .filter(|(name, bytes)| golden(name) != *bytes)
        .collect();
    let made = std::env::temp_dir().join("wayside-golden");
    for (name, bytes) in &changed {
        fs::create_dir_all(&made).unwrap();
        fs::write(made.join(name), bytes).unwrap();
    }
    let names: Vec<_> = changed.iter().map(|(name, _)| name).collect();
    assert!(
        changed.is_empty(),
        "{names:?} changed; ledgers hold the old bytes for ever, so a new form needs a new version \
         beside the old one (what this version makes is in {})",
        made.display()
    );
}

#[test]
fn what_was_once_proven_is_proven_for_ever() {
    let genesis = Genesis::from_bytes(&golden("genesis.bin")).unwrap();
    let text = String::from_utf8(golden("genesis.toml")).unwrap();
    assert_eq!(Genesis::from_toml(&text).unwrap(), genesis);
    let committees = Committees::of(&genesis);
    for name in ["entry.proof", "state.proof", "receipt.proof"] {
        let proof = Proof::from_bytes(&golden(name)).unwrap();
        assert!(proof.verify(&committees).is_ok(), "{name}");
    }
    let issuing = IssuingProof::from_bytes(&golden("issuing.proof")).unwrap();
    assert_eq!(issuing.verify(&committees).unwrap().issuers.len(), 2);
    let update = RevocationUpdate::from_bytes(&golden("revocations.bin")).unwrap();
    assert_eq!(update.from(), 2);
    assert!(update.clone().verify(&committees).is_ok());
    let mut list = RevocationList::new();
    assert!(list.apply(update.verify(&committees).unwrap()).is_err());
    let checkpoint = Checkpoint::from_bytes(&golden("checkpoint.bin")).unwrap();
    let cosigned = CosignedCheckpoint::from_bytes(&golden("cosigned_checkpoint.bin")).unwrap();
    let witnesses = Witnesses {
        keys: vec![note_key(50), note_key(52)],
        needed: 2,
    };
    assert_eq!(cosigned.verify(&genesis, &witnesses).unwrap().len(), 2);
    let handover = Handover::from_bytes(&golden("handover.bin")).unwrap();
    let mut follows = committees;
    follows.follow(&handover).unwrap();
    let bundle = Bundle::from_bytes(&golden("history.wayside")).unwrap();
    let report = bundle.verify(&genesis, Some(&checkpoint)).unwrap();
    assert!(report.is_anchored());
    assert_eq!(report.records.len(), 4);
}

#[test]
fn the_samples_are_what_they_are_for() {
    assert_eq!(samples::block().check_body(), Ok(()));
    let genesis = samples::first();
    let (manifest, chunk) = samples::snapshot();
    let committee = genesis.committee();
    let mut snapshot = Snapshot::new(manifest, committee, genesis.chain(), HOME).unwrap();
    snapshot.add(0, &chunk).unwrap();
    let (state, _): (State, _) = snapshot.install().unwrap();
    assert_eq!(state, shards().1.states[11]);
    assert_eq!(
        samples::misconduct().verify(committee, genesis.chain()),
        Ok(1)
    );
}
