use super::anchor::fork;
use crate::ledger::{
    Committees, CosignedCheckpoint, CosignedError, ShownHead, Witness, WitnessRefusal, Witnesses,
    sample::genesis,
    sample_chain::{HOME, checkpoint, reading, shards},
    sample_note::{cosigned, note_key, show},
};

fn witness() -> (Witness, Committees) {
    (
        Witness::new(genesis(4).chain()),
        Committees::of(&genesis(4)),
    )
}

#[test]
fn a_witness_signs_what_continues_what_it_signed() {
    let (_, home) = shards();
    let (mut witness, committees) = witness();
    for height in [0, 1, 4, 4, 9, 12] {
        let (head, shown) = show(&home, height, witness.signed(HOME));
        let again = ShownHead::from_bytes(&shown.to_bytes()).unwrap();
        assert_eq!(
            witness.check(&head, &again, &committees),
            Ok(()),
            "{height}"
        );
        witness.remember(head);
        assert_eq!(witness.signed(HOME), height + 1);
    }
    let (head, shown) = show(&home, 3, 0);
    let behind = WitnessRefusal::Behind {
        shard: HOME,
        shown: 4,
        signed: 13,
    };
    assert_eq!(witness.check(&head, &shown, &committees), Err(behind));
}

#[test]
fn l18_a_witness_never_signs_two_pasts() {
    let (_, home) = shards();
    let (mut witness, committees) = witness();
    witness.remember(show(&home, 9, 0).0);
    // The fork is final by the keys of a quorum, and shown with whatever proof there is.
    for height in [9, 10, 12] {
        let (head, shown) = show(&fork(), height, 10);
        let (_, honest) = show(&home, height, 10);
        for consistency in [shown.consistency.clone(), honest.consistency] {
            let shown = ShownHead {
                consistency,
                ..shown.clone()
            };
            assert_eq!(
                witness.check(&head, &shown, &committees),
                Err(WitnessRefusal::Contradiction {
                    shard: HOME,
                    shown: height + 1,
                    signed: 10
                })
            );
        }
    }
}

#[test]
fn a_witness_signs_final_headers_of_its_ledger_only() {
    let (_, home) = shards();
    let (witness, committees) = witness();
    let (head, shown) = show(&home, 5, 0);
    let mut foreign = head;
    foreign.chain = genesis(5).chain();
    assert_eq!(
        witness.check(&foreign, &shown, &committees),
        Err(WitnessRefusal::ForeignChain(foreign.chain))
    );
    let mut longer = head;
    longer.headers.count += 1;
    let mut unsigned = shown.clone();
    unsigned.newest.certificate.payload = home.block(4).header.digest();
    let mut elsewhere = shown.clone();
    elsewhere.newest = home.finalized(4);
    for (head, shown) in [(longer, &shown), (head, &elsewhere)] {
        assert_eq!(
            witness.check(&head, shown, &committees),
            Err(WitnessRefusal::OtherHeader)
        );
    }
    assert!(matches!(
        witness.check(&head, &unsigned, &committees),
        Err(WitnessRefusal::Finality(_))
    ));
}

fn witnesses(needed: usize) -> Witnesses {
    Witnesses {
        keys: [50, 51, 52].map(note_key).to_vec(),
        needed,
    }
}

#[test]
fn l18_a_reader_that_asks_for_witnesses_refuses_what_they_did_not_see() {
    let (governance, home) = shards();
    let shown = cosigned(&[&governance, &home], &[50, 52]);
    let shown = CosignedCheckpoint::from_bytes(&shown.to_bytes()).unwrap();
    assert_eq!(shown.verify(&genesis(4), &witnesses(2)).unwrap().len(), 2);
    let refused = |shown: &CosignedCheckpoint, needed| {
        shown.verify(&genesis(4), &witnesses(needed)).unwrap_err()
    };
    let too_few = |shard, signed, needed| CosignedError::NotWitnessed {
        shard,
        signed,
        known: 3,
        needed,
    };
    assert_eq!(refused(&shown, 3), too_few(governance.id, 2, 3));

    // The other past is final, too, but its notes are only good for the first one.
    let mut split = cosigned(&[&governance, &fork()], &[53]);
    assert_eq!(refused(&split, 1), too_few(governance.id, 0, 1));
    split.heads = shown.heads;
    assert_eq!(refused(&split, 1), CosignedError::OtherHead(HOME));
    // Somebody's own signature under a witness' name is nobody's.
    let stranger = cosigned(&[&governance, &fork()], &[53]);
    let mut split = stranger;
    for head in &mut split.heads {
        head.note = head.note.replace("witness-53", "witness-50");
    }
    assert_eq!(refused(&split, 1), too_few(governance.id, 0, 1));
    split.heads.pop();
    assert_eq!(refused(&split, 1), CosignedError::Heads(1, 2));
}

#[test]
fn a_note_of_an_older_header_is_not_taken_for_the_newest() {
    let (governance, mut home) = shards();
    let mut shown = cosigned(&[&governance, &home], &[50]);
    home.push(vec![(reading(900), 0)], &[], &[]);
    shown.checkpoint = checkpoint(&[&governance, &home], &[]);
    assert_eq!(
        shown.verify(&genesis(4), &witnesses(1)),
        Err(CosignedError::OtherHead(HOME))
    );
}
